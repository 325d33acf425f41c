"""Progress speaks on standard error only, and its estimate goes by the cost of the cells."""

from __future__ import annotations

import pytest

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import Entry
from sharpbound.run.progress import ProgressBar, ProgressLines, duration

CELLS = [Cell("toy", {"T": T}) for T in (50, 50, 150, 350)]  # cost: 50 more each
DONE = Entry([], 0.0)


def test_lines_estimate_the_time_left_by_cost(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    with ProgressLines(clock=lambda: now) as progress:
        progress.begin(CELLS)
        now = 10.0
        progress.done(CELLS[0], DONE)
        now = 20.0  # a quarter of the work is done, so it takes 60 s more
        progress.done(CELLS[1], DONE)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "2 of 4 cells done, about 60 s left\n"


def test_the_bar_keeps_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar() as progress:
        progress.begin(CELLS)
        for cell in CELLS:
            progress.done(cell, DONE)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
