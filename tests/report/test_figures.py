"""What the figures show, read off matplotlib's artists."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sharpbound.errors import InputError
from sharpbound.report.documents import Document
from sharpbound.report.generic_figure import generic_figure
from sharpbound.report.lessons import papers
from sharpbound.report.moves_figure import Moved, moves_figure
from sharpbound.report.overview_figure import overview_figures, overviews, told_apart
from sharpbound.report.rate_figure import rate_figure
from sharpbound.report.scorecard_figure import scorecard
from sharpbound.report.style import BOUND, PALETTE, PAPER, STYLE, encode, styled


@pytest.fixture
def cases(documents: list[dict[str, Any]]) -> dict[str, Document]:
    return {d["case"]: Document.of(json.loads(json.dumps(d))) for d in documents}


def draw(document: Document) -> Figure:
    with styled():
        figure = rate_figure(document)
    assert figure is not None
    return figure


def lines(figure: Figure, axes: int = 0) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in figure.axes[axes].get_lines()}


def legend_texts(figure: Figure, axes: int = 0) -> list[str]:
    legend = figure.axes[axes].get_legend()
    assert legend is not None
    return [" ".join(text.get_text().split()) for text in legend.get_texts()]


def test_fitted_points_are_filled_and_others_hollow_with_their_reason(cases: dict[str, Document]) -> None:
    figure = draw(cases["ode-sign-change"])
    found = lines(figure)
    fitted, hollow = found["measured, in the fit"], found["not in the fit: sign change"]
    assert list(fitted.get_xdata()) == [512, 1024, 2048, 4096]
    assert list(hollow.get_xdata()) == [32, 64, 128, 256]
    assert to_hex(fitted.get_markerfacecolor()) != PAPER
    assert to_hex(hollow.get_markerfacecolor()) == PAPER
    assert "not in the fit: sign change" in legend_texts(figure)


def test_remembered_sizes_of_texts_change_no_byte(cases: dict[str, Document]) -> None:
    document = cases["ode-sign-change"]
    with rc_context(STYLE):
        alone = encode(draw(document), "svg", "one")
    with styled():
        assert [encode(draw(document), "svg", "one") for _ in range(2)] == [alone] * 2


def test_each_reason_has_a_mark_of_its_own(cases: dict[str, Document]) -> None:
    found = lines(draw(cases["ode-laplace-floor"]))
    marks = [
        found[f"not in the fit: {r}"].get_marker()
        for r in ("no fit made", "within 3 floors", "below the floor")
    ]
    assert len(set(marks)) == 3
    assert "measured, in the fit" not in found
    assert "numerical floor" in found


def test_axis_of_the_step_size_is_labelled_with_steps(cases: dict[str, Document]) -> None:
    figure = draw(cases["pf-ode-mixture"])
    x = lines(figure)["measured, in the fit"].get_xdata()
    assert np.allclose(x, [T / math.log(T) for T in (128, 256, 512, 1024, 2048, 4096)], rtol=1e-15)
    labels = [t.get_text() for t in figure.axes[1].get_xticklabels()]
    assert labels == ["32", "64", "128", "256", "512", "1024", "2048", "4096"]
    assert "axis spaced as" in figure.axes[1].get_xlabel()


def test_bound_is_dashed_and_named_by_its_rate(cases: dict[str, Document]) -> None:
    (bound,) = [
        line for line in draw(cases["ddpm-gaussian-tv"]).axes[0].get_lines() if line.get_linestyle() == "--"
    ]
    assert to_hex(bound.get_color()) == BOUND
    assert r"T^{-0.5}\,\log^{3}\,T" in str(bound.get_label()).replace("{T}", "T")
    (growing,) = [
        line for line in draw(cases["score-error-growth"]).axes[0].get_lines() if line.get_linestyle() == "--"
    ]
    assert str(growing.get_label()).endswith(r"\varepsilon_{\mathrm{score}}$")


@pytest.mark.parametrize(
    "name", ["pf-ode-mixture", "ddpm-gaussian-tv", "score-error-growth", "vp-diffusion-time"]
)
def test_slope_triangle_has_the_measured_exponent(cases: dict[str, Document], name: str) -> None:
    """The triangle's hypotenuse, in the axes' own scales, against the exponent of the document."""
    document = cases[name]
    axes = draw(document).axes[0]
    (triangle,) = [line for line in axes.get_lines() if line.get_gid() == "slope-triangle"]
    x, y = (np.asarray(v, dtype=float) for v in triangle.get_data())
    run = x[1] - x[0] if axes.get_xscale() == "linear" else math.log(x[1] / x[0])
    slope = math.log(y[1] / y[0]) / run
    assert abs(slope) == pytest.approx(document.exponent, rel=1e-12)  # algebra in float64
    assert (slope > 0) == (name == "score-error-growth")
    bottom, top = axes.get_ylim()
    assert bottom < y.min()
    assert y.max() < top


def test_exponentials_are_semilogarithmic(cases: dict[str, Document]) -> None:
    axes = draw(cases["vp-diffusion-time"]).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_a_bound_with_its_constant_is_drawn_as_it_is_stated(cases: dict[str, Document]) -> None:
    data = json.loads(json.dumps(cases["pf-ode-mixture"].record.as_json()))
    assert any("bound, scaled to touch" in text for text in legend_texts(draw(Document.of(data))))
    data["details"]["explicit"] = {"outcome": "holds", "ratio": [0.5]}
    assert any("bound, as it is stated" in text for text in legend_texts(draw(Document.of(data))))


def test_slopes_panel_shows_prediction_and_intervals(cases: dict[str, Document]) -> None:
    figure = draw(cases["ode-sign-change"])
    found = lines(figure, 1)
    assert list(found["predicted 1"].get_ydata()) == [1.0, 1.0]
    assert "off this scale" in found  # slopes next to a sign change would flatten the rest
    assert legend_texts(figure, 1).count("off this scale") == 1


def test_rows_without_a_place_are_counted(cases: dict[str, Document]) -> None:
    data = cases["pf-ode-mixture"].record.as_json()
    for row, value in zip(data["rows"], (None, 0.0, -1.0), strict=False):
        row["tv"] = value
    assert "3 rows without a positive value: not drawn" in legend_texts(draw(Document.of(data)))


def test_no_drawable_row_gives_no_figure(cases: dict[str, Document]) -> None:
    data = cases["pf-ode-mixture"].record.as_json()
    for row in data["rows"]:
        row["tv"] = None
    assert rate_figure(Document.of(data)) is None


def test_further_variables_of_a_sweep_are_lines_of_their_own(cases: dict[str, Document]) -> None:
    data = cases["ode-sign-change"].record.as_json()
    rows = [row | {"d": d} for d in (1, 4) for row in data["rows"]]
    data |= {"rows": rows, "spec": data["spec"] | {"sweep": {"T": [], "d": []}}}
    data["details"]["bound"] *= 2
    joined = [line for line in draw(Document.of(data)).axes[0].get_lines() if line.get_linestyle() == "-"]
    curves = [line for line in joined if line.get_gid() != "slope-triangle"]
    assert [len(line.get_xdata()) for line in curves] == [8, 8]


def test_overview_overlays_error_over_bound(cases: dict[str, Document]) -> None:
    members = [cases["ddpm-gaussian-tv"], cases["ddpm-path-kl"]]
    with styled():
        ((overview, figure),) = overview_figures(members[0].claim, members)
    assert (overview.swept, overview.metric) == ("T", "error")
    flat = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 8]
    assert np.allclose(flat[1].get_ydata(), 1.0, rtol=1e-12)  # its bound is the error times a constant
    assert np.all(np.diff(flat[0].get_ydata()) < 0)
    assert overview_figures(members[0].claim, members[:1]) == []


def test_many_cases_are_drawn_metric_by_metric(cases: dict[str, Document]) -> None:
    one, other = cases["ddpm-gaussian-tv"], cases["ddpm-path-kl"]
    members = [
        Document.of(d.record.as_json() | {"case": f"{d.id}-{k}"}) for d in (one, other) for k in range(4)
    ]
    assert [(o.metric, len(o.documents)) for o in overviews(members, 24)] == [("TV", 4), ("path KL", 4)]
    assert [len(o.documents) for o in overviews(members, 3)] == [3, 1, 3, 1]


def test_a_legend_leaves_out_what_all_titles_share() -> None:
    titles = ["DDPM on two atoms, schedule of Li, KL", "DDPM on the Laplace law, schedule of Li, KL"]
    assert told_apart(titles) == ["two atoms", "the Laplace law"]
    assert told_apart(["a b", "a b"]) == ["a b", "a b"]
    assert told_apart(["DDPM", "DDPM on atoms"]) == ["DDPM", "DDPM on atoms"]


def test_declared_lines_hide_what_a_logarithm_cannot_show(documents: list[dict[str, Any]]) -> None:
    spec = documents[7]["details"]["figures"][1]
    with styled():
        figure = generic_figure(spec)
    found = lines(figure)
    assert np.isnan(found["measured"].get_ydata()[2])  # a null
    assert np.isnan(found["best so far"].get_ydata()[-2:]).all()  # zero and negative
    assert found["Bayes loss"].get_linestyle() != found["learning rate halved"].get_linestyle()
    assert "plateau ends" in [text.get_text() for text in figure.axes[0].texts]


def test_declared_heatmap_keeps_values_and_places(documents: list[dict[str, Any]]) -> None:
    spec = json.loads(json.dumps(documents[7]["details"]["figures"][0]))
    spec["z"]["values"][0][0] = None
    with styled():
        axes, bar = generic_figure(spec).axes
    (mesh,) = axes.collections
    values = np.ma.asarray(mesh.get_array())
    assert values.mask[0, 0]
    assert values[2, 3] == spec["z"]["values"][2][3]
    assert axes.get_xscale() == "log"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["10", "20", "50", "100", "200", "500"]
    assert bar.get_ylabel() == "ratio of path KL"


def test_heatmap_of_names_has_equal_cells() -> None:
    spec = {
        "type": "heatmap",
        "x": {"label": "sampler", "values": ["ddim", "heun"]},
        "y": {"label": "target", "values": ["a", "b", "c"]},
        "z": {"label": "order", "values": [[1, 2], [1, 2], [1, None]]},
    }
    with styled():
        axes = generic_figure(spec).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["ddim", "heun"]
    assert [t.get_text() for t in axes.texts] == ["1", "2", "1", "2", "1"]


def test_declared_bars_are_grouped(documents: list[dict[str, Any]]) -> None:
    with styled():
        axes = generic_figure(documents[7]["details"]["figures"][2]).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [
        0.307,
        0.184,
        0.068,
        0.009,
        0.303,
        0.184,
        0.0677,
        0.0092,
    ]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0.5", "1", "2", "4"]


@pytest.mark.parametrize("name", ["pf-ode-mixture", "ode-laplace-floor", "vp-diffusion-time"])
def test_nothing_overlaps_or_leaves_the_figure(cases: dict[str, Document], name: str) -> None:
    data = cases[name].record.as_json()
    data["title"] = "A title that is long enough to need two lines " * 4
    data["details"]["excluded"] = [
        {"x": data["rows"][0][data["swept"]], "reason": "a long reason that has to be wrapped"}
    ]
    with styled():
        figure = draw(Document.of(data))
        encode(figure, "png", name)
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
        boxes = [axes.get_legend().get_window_extent(renderer) for axes in figure.axes]
        panels = [axes.get_window_extent(renderer) for axes in figure.axes]
        title = figure.texts[0].get_window_extent(renderer)
    assert all(box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert all(box.x0 > panel.x1 for box, panel in zip(boxes, panels, strict=True))
    assert boxes[0].y0 > boxes[1].y1
    assert title.y0 > panels[0].y1
    assert title.x1 <= figure.bbox.x1


def test_what_belongs_to_a_curve_has_its_colour() -> None:
    curve = {"x": [1.0, 2.0], "y": [2.0, 1.0]}
    spec: dict[str, Any] = {
        "series": [
            {"label": "flow", **curve},
            {"label": "flow, bound", "style": "dashed", "like": "flow", **curve},
            {"label": "noise", **curve},
        ]
    }
    with styled():
        found = lines(generic_figure(spec))
    assert found["flow"].get_color() == found["flow, bound"].get_color() == PALETTE[0]
    assert found["noise"].get_color() == PALETTE[1]
    spec["series"][1]["like"] = "flaw"
    with pytest.raises(InputError, match="no series before it is called 'flaw'"):
        generic_figure(spec)


def test_counts_have_no_ticks_in_between() -> None:
    spec = {"series": [{"label": "loss", "x": [0, 1, 2, 3], "y": [4.0, 3.0, 2.0, 1.0]}]}
    with styled():
        ticks = generic_figure(spec).axes[0].get_xticks()
    assert all(tick == round(tick) for tick in ticks)


def test_only_the_judged_run_is_shown_as_fitted(cases: dict[str, Document]) -> None:
    data = cases["ode-sign-change"].record.as_json()
    rows = [row | {"d": d} for d in (1, 4) for row in data["rows"]]
    data |= {"rows": rows, "spec": data["spec"] | {"sweep": {"T": [], "d": []}}}
    data["details"] |= {"judged": {"d": 4}}
    points = Document.of(data).points
    assert not any(point.fitted for point in points[:8])
    assert any(point.fitted for point in points[8:])


def test_without_an_estimate_every_local_slope_is_in_view(cases: dict[str, Document]) -> None:
    data = cases["ode-sign-change"].record.as_json()
    data |= {"exponent": None, "interval": None}
    data["details"] |= {"window": None}
    slopes = [s["slope"] for s in data["details"]["local_slopes"]]
    low, high = draw(Document.of(data)).axes[1].get_ylim()
    assert low < min(slopes) <= max(slopes) < high


def test_a_line_without_label_looks_like_the_one_before() -> None:
    spec = {"series": [], "hlines": [{"at": 1.1, "label": "10 % off"}, {"at": 0.9, "label": ""}]}
    with styled():
        one, two = generic_figure(spec).axes[0].get_lines()
    assert one.get_linestyle() == two.get_linestyle()


def test_what_moved_lies_above_the_line_of_what_may() -> None:
    moves = [
        Moved("a", "value", 2.0, 1.0, 0.2),
        Moved("b", "exponent", 2.0, 1.9, 0.01),
        Moved("c", "value", 0.0, 1e-9, 0.0),
        Moved("b", "value", 2.0, 1.9, 0.011),  # named once
        Moved("a long name over another", "exponent", 2.0, 1.9, 0.0101),
    ]
    with styled():
        figure = moves_figure(moves, "From one to another", "3 numbers moved")
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert drawn["value"][0] == pytest.approx([0.1, 0.5])
    assert drawn["value"][1][1] == 1.0  # all of it
    assert drawn["exponent"][0] == pytest.approx([0.005, 0.05])
    assert all(y > x for label in ("value", "exponent") for x, y in drawn[label])
    assert {text.get_text() for text in axes.texts} == {"a", "b", "c"}
    with styled():
        empty = moves_figure([], "From one to another", "nothing moved")
    assert [text.get_text() for text in empty.axes[0].texts] == ["no number moved"]


def test_scorecard_has_a_mark_for_each_case(documents: list[dict[str, Any]]) -> None:
    with styled():
        figure = scorecard(papers([Document.of(d) for d in documents]))
    *columns, legend = figure.axes
    marks = [line for axes in columns for line in axes.lines]
    assert len(marks) == len(documents)
    names = {text.get_text() for axes in columns for text in axes.texts}
    assert {"ode", "ddpm", "vp", "design", "too-fast", "False on purpose"} <= names
    assert {"sharp", "loose", "refuted", "violated"} <= {text.get_text() for text in legend.texts}


def test_a_case_outside_the_hypotheses_is_hollow_on_the_scorecard(documents: list[dict[str, Any]]) -> None:
    cases = [
        Document.of(documents[0]),
        Document.of(documents[0] | {"case": "b", "hypotheses": "not met: smooth"}),
    ]
    with styled():
        marks = [line for axes in scorecard(papers(cases)).axes[:-1] for line in axes.lines]
    assert [line.get_markerfacecolor() == PAPER for line in marks] == [False, True]
