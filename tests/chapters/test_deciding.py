"""Which of several views decides."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sharpbound.chapters.deciding import WORST, worst


@dataclass(frozen=True)
class Seen:
    verdict: str
    exponent: float | None = None


@pytest.mark.parametrize(
    ("views", "decides"),
    [
        ([Seen("reached", 2.0), Seen("not reached", 1.0), Seen("undecided")], 1),
        ([Seen("exact"), Seen("exceeded", 3.0), Seen("reached", 2.0)], 2),
        ([Seen("not reached", 2.05), Seen("not reached", 1.02), Seen("not reached", 0.98)], 1),  # one order
        ([Seen("undecided"), Seen("undecided", 2.4)], 1),
        ([Seen("failed"), Seen("failed")], 0),
    ],
)
def test_of_the_worst_verdict_the_lowest_order(views, decides):
    assert worst(views) is views[decides]


def test_every_verdict_has_its_place():
    from sharpbound.chapters.audit.judging import STATUS, WORDS

    assert set(WORDS.values()) < set(WORST)
    assert [STATUS[verdict] for verdict in WORST] == [1, 1, 3, 0, 0, 0]
