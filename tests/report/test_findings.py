"""The summary by claim and metric counts what the documents say."""

from __future__ import annotations

from typing import Any

from sharpbound.report.documents import Document
from sharpbound.report.findings import findings


def document(case: str, metric: str, verdict: str, exponent: float | None) -> Document:
    data: dict[str, Any] = {
        "case": case,
        "title": case,
        "kind": "sampling-rate",
        "claim": "li2024.ddpm",
        "metric": metric,
        "swept": "T",
        "verdict": verdict,
        "exponent": exponent,
        "rows": [],
        "details": {"predicted": 0.5},
        "claim_info": {"id": "li2024.ddpm"},
    }
    return Document.of(data)


def test_one_claim_can_be_loose_in_one_metric_and_sharp_in_another():
    found = findings(
        [
            document("a", "tv", "loose", 0.99),
            document("b", "tv", "loose", 1.01),
            document("c", "tv", "inconclusive", 7.0),
            document("d", "path-kl", "sharp", 0.5),
        ]
    )
    assert [(f.metric, f.verdicts) for f in found] == [
        ("tv", [("loose", 2), ("inconclusive", 1)]),
        ("path-kl", [("sharp", 1)]),
    ]
    # what was not decided does not widen the range
    assert (found[0].lowest, found[0].highest) == (0.99, 1.01)
