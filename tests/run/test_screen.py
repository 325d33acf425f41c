"""What a reader at a terminal sees: what the slopes are slopes in, and what a verdict does not speak of."""

from __future__ import annotations

from typing import Any

import pytest

from sharpbound.records.document import CaseDocument
from sharpbound.run.screen import show_document, show_summary


def of(**changes: Any) -> CaseDocument:
    data = {
        "case": "a",
        "claim": "toy.ode",
        "verdict": "sharp",
        "exponent": 1.0,
        "interval": [0.99, 1.01],
        "rows": [{"T": 64, "tv": 0.5, "tv_floor": 1e-9}, {"T": 128, "tv": 0.25, "tv_floor": None}],
        "title": "Toy",
        "metric": "tv",
        "swept": "T",
        "details": {
            "axis": "T/log T",
            "local_slopes": [{"x": 90.0, "slope": 1.2}],
            "log_factor": "A log T + B",
        },
        "claim_info": {"kind": "upper-bound", "metric": "tv", "formula": "1/T", "status": "verified"},
    }
    return CaseDocument.read(data | changes)


OUTSIDE = {"hypotheses": "not met: bounded support"}
UNVERIFIED = {"claim_info": of().claim_info | {"status": "unverified-wording"}}


def test_slopes_say_what_they_are_slopes_in(capsys: pytest.CaptureFixture[str]) -> None:
    show_document(of())
    out = capsys.readouterr().out
    assert "slope in T/log T" in out
    assert "the exponent stands beside a factor A log T + B, which the slopes include" in out


def test_the_verdict_says_what_it_does_not_speak_of(capsys: pytest.CaptureFixture[str]) -> None:
    show_document(of(**OUTSIDE, **UNVERIFIED))
    told = "sharp, outside the theorem's hypotheses (bounded support), unverified wording  exponent 1 in"
    assert told in capsys.readouterr().out
    show_document(of())
    assert "sharp  exponent 1 in" in capsys.readouterr().out


def test_a_summary_counts_apart(capsys: pytest.CaptureFixture[str]) -> None:
    show_summary([of(), of(verdict="loose"), of(**OUTSIDE), of(**UNVERIFIED)])
    out = capsys.readouterr().out
    assert "verdicts: 2 sharp, 1 loose\n" in out
    assert "outside the theorem's hypotheses: 1 sharp\n" in out
    assert "sharp, outside the theorem's hypotheses (bounded support)" in out
    assert "sharp, unverified wording" in out
