"""Figures and tables of score-error cases, in the form that `sharpbound.report.generic_figure` draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import samplers
from sharpbound.chapters.score_error.budget import COLUMNS
from sharpbound.chapters.score_error.curves import curves_of
from sharpbound.records.document import Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

Figure = dict[str, Any]

LABELS = {"eps": "score error eps_score", "T": "steps T", "omega": "frequency omega", "d": "dimension d"}


def figures(case: Case, rows: Sequence[Row]) -> list[Figure]:
    """All figures of the rows that the case's sweep and field allow."""
    field = (case.score_error or {}).get("field")
    out: list[Figure] = []
    if field == "worst":
        out.append(worst_curve(case, rows))
    if {"eps", "T"} <= {name for name, values in case.sweep.items() if len(values) > 2}:
        out.append(heatmap(case, rows))
    if "versus" in (case.score_error or {}):
        out.append(panel(case, rows))
    if len(case.metrics) > 1 and field != "worst":
        out.append(metrics_figure(case, rows))
    return out


def tables(case: Case, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The error budget, one line per row of the sweep."""
    out = []
    for kind, caption in (
        ("tv", "Error budget in total variation: the sum of the parts is at least the whole"),
        ("path", "Error budget in path KL: the parts add up to the whole"),
    ):
        budget = [row for row in rows if row.get(f"{kind}-dominating")]
        if budget:
            lines = [
                [
                    row[case.swept],
                    *(row[f"{kind}-{name}"] for name in COLUMNS),
                    row[f"{kind}-total"],
                    row[f"{kind}-dominating"],
                ]
                for row in budget
            ]
            columns = [case.swept, *COLUMNS, "whole", "dominating"]
            out.append({"name": f"budget-{kind}", "caption": caption, "columns": columns, "rows": lines})
    return out


def curve_figures(case: Case, measured: Sequence[list[Row]]) -> list[Figure]:
    """The figures of the error itself, from the rows of `curves.Curves`."""
    if not measured:
        return []
    (wanted,), (rows,) = curves_of(case), measured
    return worst_figures(wanted, rows) if wanted["draw"] == "worst" else [field_figure(wanted, rows)]


def field_figure(wanted: dict[str, Any], rows: Sequence[Row]) -> Figure:
    """The error beside the true score at three times, for the first coordinate and the coarsest ladder."""
    true_scores, errors = (
        [{"label": f"t = {row['t']}", "x": row["x"], "y": row[key], "style": "line"} for row in rows]
        for key in ("score", "error")
    )
    return {
        "name": "field",
        "type": "panels",
        "title": f"The error beside the true score, {wanted['T']} steps",
        "caption": "The true score and the error that is added to it at three times, "
        f"eps_score = {wanted['error']['eps']:g}, "
        "in units of the marginal at each time.",
        "panels": [
            [_lines("true score times standard deviation", true_scores)],
            [_lines("error times standard deviation", errors)],
        ],
    }


def _lines(label: str, series: list[dict[str, Any]]) -> Figure:
    return {
        "type": "lines",
        "title": "",
        "x": {"label": "(x - mean)/standard deviation"},
        "y": {"label": label},
        "series": series,
    }


def heatmap(case: Case, rows: Sequence[Row]) -> Figure:
    """error(T, eps), with the line along which discretisation and score do equal harm."""
    metric, steps = case.metrics[0], case.sweep["T"]
    sizes = [eps for eps in case.sweep["eps"] if eps > 0]  # the exact score has no place on the axis
    at = {(row["T"], row["eps"]): row[metric] for row in rows}
    values = [[at[T, eps] for T in steps] for eps in sizes]
    crossover = crossover_line(steps, sizes, at)
    return {
        "name": "heatmap",
        "type": "heatmap",
        "title": f"{metric} against steps and score error",
        "caption": "Along the line the error of the coarsest discretisation, continued at its own rate 1/T, equals "
        "that of the score at the finest: below and right of it more steps do not help.",
        "x": {"label": LABELS["T"], "scale": "log", "values": list(steps)},
        "y": {"label": LABELS["eps"], "scale": "log", "values": list(sizes)},
        "z": {"label": metric, "scale": "log", "values": values},
        "series": [{"label": "predicted crossover T*", "style": "dashed", **crossover}],
    }


def crossover_line(
    steps: Sequence[int], sizes: Sequence[float], at: dict[Any, Any]
) -> dict[str, list[float]]:
    """T*(eps) = A/(B eps), A = T error at the smallest eps and T, B = error/eps at the largest eps and T; eps > 0.

    Points outside the sweep are left out.
    """
    A = min(steps) * at[min(steps), min(sizes)]
    B = at[max(steps), max(sizes)] / max(sizes)
    eps = np.geomspace(min(sizes), max(sizes), 60)
    T = A / (B * eps)
    inside = (min(steps) <= T) & (max(steps) >= T)
    return {"x": T[inside].tolist(), "y": eps[inside].tolist()}


def panel(case: Case, rows: Sequence[Row]) -> Figure:
    """The sampler against the one it is compared with."""
    metric, swept = case.metrics[0], case.swept
    x = [row[swept] for row in rows]
    versus = (case.score_error or {})["versus"]
    names = (case.sampler["name"], versus["name"] if isinstance(versus, dict) else versus)
    series = [
        {"label": samplers.build({"name": name}).title, "x": x, "y": [row[column] for row in rows]}
        for name, column in zip(names, (metric, f"{metric}_versus"), strict=True)
    ]
    if all(row.get("eps_jacobi") for row in rows):
        series.append(
            {"label": "eps_jacobi", "x": x, "y": [row["eps_jacobi"] for row in rows], "style": "dashed"}
        )
    return {
        "name": "panel",
        "type": "lines",
        "title": "One field, two samplers",
        "caption": f"{metric} of both samplers under the same error.",
        "x": {"label": LABELS.get(swept, swept), "scale": "log"},
        "y": {"label": metric, "scale": "log"},
        "series": series,
    }


def metrics_figure(case: Case, rows: Sequence[Row]) -> Figure:
    """All metrics of the case along the sweep, with the size of the error."""
    swept = case.swept
    last = {name: values[-1] for name, values in case.sweep.items() if name != swept}
    curve = [row for row in rows if all(row[name] == value for name, value in last.items())]
    names = [*case.metrics, "eps_score", *(["d_delta"] if any(row.get("d_delta") for row in curve) else [])]
    return {
        "name": "metrics",
        "type": "lines",
        "title": "Every quantity of the case",
        "caption": f"The metrics and the size of the error along {swept}.",
        "x": {"label": LABELS.get(swept, swept), "scale": "log"},
        "y": {"label": "value", "scale": "log"},
        "series": [
            {"label": name, "x": [row[swept] for row in curve], "y": [row.get(name) for row in curve]}
            for name in names
        ],
    }


def worst_curve(case: Case, rows: Sequence[Row]) -> Figure:
    """error(eps) of the worst field, of undesigned ones, and what the bound allows, all per eps."""
    names = {
        "tv-added": "worst field",
        "tv-added-random": "Fourier fields, mean",
        "girsanov-bound": "Girsanov bound",
    }
    return {
        "name": "worst-curve",
        "type": "lines",
        "title": "Bound, worst field and ordinary fields",
        "caption": "Total variation per unit of eps_score; the first-order response is the limit at the left.",
        "x": {"label": LABELS["eps"], "scale": "log"},
        "y": {"label": "TV/eps_score"},
        "series": [
            {
                "label": names[name],
                "x": [row["eps"] for row in rows if row["eps"] > 0],
                "y": [row[name] / row["eps"] for row in rows if row["eps"] > 0],
            }
            for name in case.metrics
        ],
        "hlines": [{"at": rows[-1]["response"], "label": "first order"}],
    }


def worst_figures(wanted: dict[str, Any], rows: Sequence[Row]) -> list[Figure]:
    """The worst field at three times, and how it shares its budget among the levels."""
    *fields, shares = rows
    series = [
        {"label": f"t = {row['t']}", "x": row["x"], "y": row["error"], "style": "line"} for row in fields
    ]
    return [
        {
            "name": "worst-field",
            "type": "lines",
            "title": f"The field that does most harm, {wanted['T']} steps",
            "caption": "The worst error of unit eps_score at three times.",
            "x": {"label": "x"},
            "y": {"label": "e_t(x)/eps_score"},
            "series": series,
        },
        {
            "name": "worst-times",
            "type": "lines",
            "title": "Which times matter",
            "caption": "How the worst field shares its budget: E e_t^2/eps_score^2, 1 for an even share.",
            "x": {"label": "t/T"},
            "y": {"label": "E e_t^2/eps_score^2", "scale": "log"},
            "series": [{"label": "worst field", "x": shares["x"], "y": shares["share"], "style": "line"}],
            "hlines": [{"at": 1.0, "label": "even share"}],
        },
    ]
