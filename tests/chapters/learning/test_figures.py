import pytest

from sharpbound.chapters.base import Cell
from sharpbound.chapters.learning.studies.erm_failure import DEFAULTS, ErmFailure
from sharpbound.chapters.learning.studies.erm_failure_figures import failure_report
from sharpbound.errors import InputError
from sharpbound.report.generic_figure import generic_figure


def test_the_hard_pair_is_one_figure_of_two_panels():
    options = DEFAULTS | {"repetitions": 50}
    rows = [
        row
        for m in (10, 100)
        for row in ErmFailure().measure(
            Cell("erm-failure", {"options": options, "point": {"m": m}, "metric": "l2-failure"})
        )
    ]
    (spec,) = failure_report(options, ["l2-failure", "robust-failure"], rows)["figures"]
    pair, failure = spec["panels"]
    assert [panel["name"] for panel in pair] == ["densities", "scores"]
    assert [curve["label"][:2] for curve in failure[0]["series"]] == ["cl", "L2", "L2", "D^"]
    drawn = generic_figure(spec)
    assert [axes.get_ylabel() for axes in drawn.axes] == ["density", "score d/dy log p", "probability"]
    assert all(axes.get_legend() for axes in drawn.axes)


def test_panels_without_a_figure_are_refused():
    with pytest.raises(InputError, match="list of columns"):
        generic_figure({"type": "panels", "panels": [[]]})
