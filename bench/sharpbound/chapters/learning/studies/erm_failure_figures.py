"""The hard pair in figures: its densities, its scores, and how often ERM takes one for the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sharpbound.chapters.learning.failure import lower_bound
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.records.document import Row
from sharpbound.records.figures import Figure, axis, lines, panels, series, table

_STEEP = 1e-6
"""Probabilities that fall below this are shown on a logarithmic axis."""


def failure_report(options: Mapping[str, Any], metrics: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """``figures`` and ``tables`` of a hard-pair case; the pair itself is drawn where both metrics are compared."""
    pair = HardPair(options["eta"], options["R"], options["sigma"])
    both = len(metrics) > 1
    failure = _failure_figure(options, both, rows)
    return {
        "figures": [_two_panels(pair, failure) if both else failure],
        "tables": [_errors_table(pair, options, rows), _routes_table(rows)],
    }


def _two_panels(pair: HardPair, failure: Figure) -> Figure:
    """Left the pair, right what ERM makes of it: the counterpart of the source's figure."""
    caption = (
        f"Left: the hard pair p1, p2 with η = {pair.eta:g}, R = {pair.R:g}, σ = {pair.sigma:g}, a cluster of mass η at "
        f"−R or at +R, and its scores, which differ by up to R/σ² = {pair.R / pair.sigma**2:g} where the other law has "
        f"its cluster. Right: {failure['caption']} The source does not print its values."
    )
    title = "The densities are almost equal, the scores are not: ERM fails in L2 and not in D^δ"
    return panels("hard-pair", title, [_pair_figures(pair), [failure]], caption)


def _pair_figures(pair: HardPair) -> list[Figure]:
    reach = pair.R + 4 * pair.sigma
    y = np.linspace(-reach, reach, 401)
    x = axis("y")
    densities = [
        series(f"p{k}", y, np.exp(pair.log_density(y, k)), s) for k, s in ((1, "line"), (2, "dashed"))
    ]
    scores = [series(f"s{k}", y, pair.score(y, k), s) for k, s in ((1, "line"), (2, "dashed"))]
    above, below = f"Densities: TV(p1, p2) = {pair.tv:.3g}", f"Scores: L2 distance {pair.l2:.3g}"
    return [
        lines("densities", above, x, axis("density"), densities, ""),
        lines("scores", below, x, axis("score d/dy log p"), scores, ""),
    ]


def _failure_figure(options: Mapping[str, Any], both: bool, rows: Sequence[Row]) -> Figure:
    m = [row["m"] for row in rows]
    between = np.geomspace(m[0], m[-1], 200)
    tried = [row for row in rows if row.get("simulated")]
    steep = min(row["erm-failure"] for row in rows) < _STEEP
    l2, robust = rows[0]["l2-distance"], rows[0]["robust-distance"]
    curves = [
        series(
            "closed form (1 − η)^m / 2", between, [lower_bound(options["eta"], x) for x in between], "line"
        ),
        series("L2, convolution", m, [row["l2-failure"] for row in rows], "points"),
    ]
    if tried:
        low, high = ([row[f"simulated_{end}"] for row in tried] for end in ("low", "high"))
        label = f"L2, {options['repetitions']} runs each"
        shares = [row["simulated"] for row in tried]
        curves.append(series(label, [row["m"] for row in tried], shares, "points", low=low, high=high))
    if both:
        curves.append(
            series(f"D^δ, δ = {options['delta_score']:g}", m, [row["robust-failure"] for row in rows])
        )
    return lines(
        "failure",
        f"Probability that ERM's error exceeds {options['threshold']:g}",
        axis("training samples m", "linear" if steep else "log"),
        axis("probability", "log" if steep else "linear"),
        curves,
        f"The wrong score is {l2:.3g} away in L2 and {robust:.2g} in D^δ; the threshold {options['threshold']:g} and "
        f"δ = {options['delta_score']:g} are this suite's own. Bars: 95 % Clopper–Pearson intervals.",
    )


def _errors_table(pair: HardPair, options: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    head = ["TV(p1, p2)", "‖s1 − s2‖ in L2(p1)", "√η R/σ²", "δ", "D^δ(s1, s2)", "D^(η/2)", "threshold"]
    body = [pair.tv, pair.l2, pair.eta**0.5 * pair.R / pair.sigma**2, options["delta_score"],
            rows[0]["robust-distance"], pair.robust(pair.eta / 2), options["threshold"]]  # fmt: skip
    return table("pair", "The pair", head, [body])


def _routes_table(rows: Sequence[Row]) -> dict[str, Any]:
    head = ["m", "closed form", "convolution", "relative difference", "numerical floor"]
    keys = ["m", "closed-form", "erm-failure"]
    body = [
        [row[k] for k in keys] + [row["erm-failure"] / row["closed-form"] - 1, row["l2-failure_floor"]]
        for row in rows
    ]
    if any("simulated" in row for row in rows):
        head += ["simulation", "low", "high", "runs that tied"]
        more = ["simulated", "simulated_low", "simulated_high", "ties"]
        body = [line + [row.get(k) for k in more] for line, row in zip(body, rows, strict=True)]
    return table(
        "routes", "Three routes to the probability that ERM errs (a tie counts as half an error)", head, body
    )
