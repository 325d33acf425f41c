"""Figures and tables of the learning studies, from a case's rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sharpbound.chapters.learning.intervals import slope_over_range
from sharpbound.records.document import Row
from sharpbound.records.figures import axis, lines, series, table

Details = dict[str, Any]
Options = Mapping[str, Any]


_DRAWN = 1e40
"""Numbers of samples beyond this would leave no room for the others on the axis."""


def learning_report(study: str, options: Options, rows: Sequence[Row]) -> Details:
    """``figures`` and ``tables`` of a study's conclusion; ``options`` with the swept variable as ``swept``."""
    return _REPORTS[study](options, rows) if study in _REPORTS else {}


def _column(rows: Sequence[Row], key: str) -> list[Any]:
    return [row[key] for row in rows]


def _against(options: Options, rows: Sequence[Row], label: str | None) -> tuple[list[Any], dict[str, Any]]:
    return _column(rows, options["swept"]), axis(label or options["swept"], "log")


def _hardest_pair(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    x, along = _against(options, rows, _NAMES.get(swept, swept))
    curves = [
        series("L2 error ε/σ", x, _column(rows, "l2-samples")),
        series(f"D^δ ≤ ε/σ, δ = {options['delta_score']:g}", x, _column(rows, "robust-samples")),
    ]
    figure = lines(
        "samples",
        "Samples that ERM needs on the hardest pair",
        along,
        axis("samples m", "log"),
        curves,
        "For each value the weight η of the rare cluster is chosen as small as the metric lets it be: then the "
        "pair is hardest to tell apart. Exact, by convolution of the loss differences.",
    )
    return {"figures": [figure]}


def _routes(options: Options, rows: Sequence[Row]) -> Details:
    rows = [row for row in rows if row["l2-samples"] < _DRAWN]
    x = [1 / gamma for gamma in _column(rows, "gamma")]
    figure = lines(
        "routes",
        "Samples against accuracy: two routes",
        axis("1/γ (accuracy γR in W2)", "log"),
        axis("samples m", "log"),
        [
            series("L2 route: ‖s − ŝ‖ ≤ ε/σ", x, _column(rows, "l2-samples")),
            series("robust route: D^(δ/K) ≤ ε/σ at K levels", x, _column(rows, "robust-samples")),
        ],
        "The L2 route costs a power of 1/γ, the robust one only logarithms: it asks for less, a law close in TV to "
        "one that is close in W2.",
    )
    return {"figures": [figure]}


def _wrong_samples(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    x, along = _against(options, rows, _NAMES.get(swept, swept))
    curves = [
        series("score error ε_score in L2", x, _column(rows, "eps_score")),
        series("‖s1 − s2‖ in L2 at the data", x, _column(rows, "l2-data")),
        series("TV of the samples, wrong score", x, _column(rows, "tv")),
        series("TV of the samples, right score", x, _column(rows, "tv-right-score"), "dashed"),
    ]
    figure = lines(
        "samples",
        "From the wrong score to samples",
        along,
        axis("error", "log"),
        curves,
        "The sampler is handed the score of p2 at every level while the data are from p1. Its samples are off by the "
        "weight η of the misplaced cluster, however large the L2 error of the score is.",
    )
    columns = [swept, "TV, wrong score", "TV, right score", "ε_score (L2)", "L2 at the data", "D^2η at the data",
               "ε", "δ", "guarantee δ + ε √log(1/γ)"]  # fmt: skip
    keys = [
        swept,
        "tv",
        "tv-right-score",
        "eps_score",
        "l2-data",
        "robust-data",
        "eps",
        "delta_score",
        "guarantee",
    ]
    body = [[row[key] for key in keys] for row in rows]
    caption = (
        "The errors at once. At the data's own level D^2η vanishes; at the levels where the clusters begin to overlap "
        "it does not, and the theorem adds the masses δ/K of all levels up: even with the best δ, what it guarantees "
        "is far above the TV that is seen."
    )
    return {"figures": [figure], "tables": [table("errors", caption, columns, body)]}


def _empirical_sampler(options: Options, rows: Sequence[Row]) -> Details:
    x, along = _against(options, rows, "steps T")
    figure = lines(
        "samples",
        "What a sampler makes of the empirical score",
        along,
        axis("TV", "log"),
        [
            series("samples against the memorised law", x, _column(rows, "tv")),
            series("samples against the truth", x, _column(rows, "tv-truth")),
            series("memorised law against the truth", x, _column(rows, "memorised-tv"), "dashed"),
        ],
        f"The empirical score of n = {options['n']} data points, through a sampler with the exact law engine. With "
        "more steps its samples follow the memorised law, a bump at every data point, and come no nearer to the truth.",
    )
    return {"figures": [figure]}


def _network_sampler(options: Options, rows: Sequence[Row]) -> Details:
    x, along = _against(options, rows, _NAMES["m"])
    curves = []
    for key, label in (
        ("tv", "TV of the samples"),
        ("eps_score", "score error in L2, ε_score"),
        ("eps", f"largest σ D^(δ/K), δ = {options['delta_score']:g}"),
    ):
        low, high = _column(rows, f"{key}_low"), _column(rows, f"{key}_high")
        curves.append(series(label, x, _column(rows, key), low=low, high=high))
    curves.append(series("TV with the exact score", x, _column(rows, "tv-exact-score"), "dashed"))
    figure = lines(
        "samples",
        "Trained networks through a sampler",
        along,
        axis("error", "log"),
        curves,
        f"One network for each of the levels, exact law of the samples. Means over {options['repetitions']} seeds with "
        "95 % intervals, from which no rate is claimed.",
    )
    return {"figures": [figure]}


def _cascade(options: Options, rows: Sequence[Row]) -> Details:
    columns = [options["swept"], "TV", "ε √log(1/γ)", "TV / (ε √log(1/γ))"]
    values = [{**options, **row} for row in rows]
    bounds = [v["eps"] * math.sqrt(math.log(1 / v["gamma"])) for v in values]
    body = [[row[options["swept"]], row["tv"], b, row["tv"] / b] for row, b in zip(rows, bounds, strict=True)]
    return {"tables": [table("bound", "The bound with its constant set to one", columns, body)]}


def _class(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    columns = [swept, "samples needed", "L2 distance of the alternatives", "D^δ of the alternatives"]
    body = [[row[swept], row["samples"], row["l2-distance"], row["robust-distance"]] for row in rows]
    return {
        "tables": [
            table("class", "The class along the sweep (D^δ as δ is reached from below)", columns, body)
        ]
    }


def _kernel(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    x, along = _against(options, rows, _NAMES.get(swept, swept))
    leading = _column(rows, "leading")
    figure = lines(
        "ratio",
        "Bulk risk over its leading term",
        along,
        axis("risk / leading term"),
        [
            series("exact risk", x, [r / f for r, f in zip(_column(rows, "score-risk"), leading, strict=True)]),
            series("first order in 1/n", x, [r / f for r, f in zip(_column(rows, "linear-risk"), leading, strict=True)],
                   "dashed"),
        ],
        "Exact expected risk of the kernel score over the bulk interval, without simulation.",
        hlines=[{"at": 1.0, "label": "leading term"}, {"at": 1.1, "label": "10 % off"}, {"at": 0.9, "label": ""}],
    )  # fmt: skip
    return {"figures": [figure]}


def _memorisation(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    x, along = _against(options, rows, _NAMES.get(swept, swept))
    figure = lines(
        "limit",
        "Memorised law: expected TV and its normal limit",
        along,
        axis("expected TV", "log"),
        [
            series("exact, by convolution", x, _column(rows, "tv"), "points"),
            series("normal limit", x, _column(rows, "normal-limit"), "dashed"),
        ],
        "Total variation between what the empirical score generates and the smoothed truth, "
        "in expectation over samples.",
    )
    return {"figures": [figure]}


def _networks(options: Options, rows: Sequence[Row]) -> Details:
    swept = options["swept"]
    x, along = _against(options, rows, _NAMES.get(swept, swept))
    if swept == "depth":
        along |= {"scale": "linear"}
    curves, body = [], []
    for key, label in (("l2-error", "L2"), ("robust-error", f"D^δ, δ = {options['delta_score']:g}")):
        low, high = _column(rows, f"{key}_low"), _column(rows, f"{key}_high")
        curves.append(series(f"{label} error of the score", x, _column(rows, key), low=low, high=high))
        fit = slope_over_range(x, _column(rows, key), _column(rows, f"{key}_noise"))
        body.append([label, fit.value, fit.low, fit.high])
    figure = lines(
        "errors",
        f"Trained networks: error against {_NAMES.get(swept, swept)}",
        along,
        axis("error", "log"),
        curves,
        f"Mean over {options['repetitions']} seeds (data, noise and initial weights), with 95 % intervals.",
    )
    caption = (
        f"Slope of log error against log {swept} over the whole sweep, with its 95 % interval over seeds: a "
        "description of these runs, not of a limit"
    )
    return {
        "figures": [figure],
        "tables": [table("slopes", caption, ["error", "slope", "low", "high"], body)],
    }


_NAMES = {
    "R": "distance R of the rare cluster",
    "eta": "weight η of the rare cluster",
    "n": "data points n",
    "t": "variance t",
    "sigma": "noise level σ",
    "m": "training samples m",
    "depth": "hidden layers",
    "width": "width of the layers",
    "eps": "accuracy ε",
}

_REPORTS: dict[str, Callable[[Options, Sequence[Row]], Details]] = {
    "shift-class": _class,
    "sphere-class": _class,
    "outlier-class": _class,
    "hardest-pair": _hardest_pair,
    "routes": _routes,
    "wrong-samples": _wrong_samples,
    "empirical-sampler": _empirical_sampler,
    "network-sampler": _network_sampler,
    "cascade": _cascade,
    "kernel": _kernel,
    "memorisation": _memorisation,
    "networks": _networks,
}
