"""Maps and curves of study ``song-or-karras``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sharpbound.chapters.design_space.studies.candidates import churns, names_on_map, split
from sharpbound.records.document import Row
from sharpbound.records.figures import axis, heatmap, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

POWER_OF_SONG = 50.0
"""Where the map shows the exponential schedule, whose power is infinite."""


def maps(case: Case, rows: Sequence[Row], options: dict[str, Any]) -> list[dict[str, Any]]:
    """Which candidate is best at each score error and data scale; of two alone, their ratio."""
    errors, scales = case.sweep["score_error"], case.sweep["sigma"]
    names = names_on_map(options, bool(case.target))
    what = "output KL" if case.metrics[0] == "kl" else "path KL"
    x = axis("normalised score error v E|s - score|²", values=[f"{e:g}" for e in errors])
    y = axis("scale of the data", values=[f"{s:.2g}" for s in scales])
    grid = {(row["score_error"], row["sigma"]): row for row in rows}
    if not names:
        first, second = options["first"], options["second"]
        z = [
            [r[first] / r[second] if r[first] and r[second] else None for r in (grid[e, s] for e in errors)]
            for s in scales
        ]
        label, title = (
            f"{what} of {first} / that of {second}",
            f"{what[0].upper()}{what[1:]}: {first} against {second}",
        )
        caption = f"Above one {second} is the better schedule, below one {first}."
        return [heatmap("map", title, x, y, axis(label, "log", z), caption)]
    best = [[_best(grid[e, s], names) for e in errors] for s in scales]
    found = []
    if churns(options):
        z = [[float(split(n)[1].removeprefix("churn-")) if n else None for n in line] for line in best]
        caption = "0 is the probability-flow ODE, 1 the sampler of the path-KL theorem. "
        caption += "The schedule is the best one at each point." if not case.target else ""
        title = f"The best amount of fresh noise for the {what}"
        found.append(heatmap("churn", title, x, y, axis("churn η", values=z), caption))
    if not case.target:
        z = [[_power(split(n)[0]) if n else None for n in line] for line in best]
        caption = (
            f"{POWER_OF_SONG:g} stands for the exponential schedule of Song et al., the limit of large powers; "
            f"T = {options['T']} steps."
        )
        caption += " The churn is the best one at each point." if churns(options) else ""
        powers = axis(f"best power ({POWER_OF_SONG:g}: exponential)", "log", z)
        title = f"Song or Karras? The best power of the schedule for the {what}"
        found.append(heatmap("map", title, x, y, powers, caption))
    return found


def _best(row: Row, names: Sequence[str]) -> str | None:
    """The candidate with the least value that is known."""
    known = [name for name in names if row[name] is not None]
    return min(known, key=lambda name: row[name]) if known else None


def _power(schedule: str) -> float:
    return POWER_OF_SONG if schedule == "exponential" else float(schedule.removeprefix("polynomial-"))


def against_churn(case: Case, rows: Sequence[Row], options: dict[str, Any]) -> dict[str, Any]:
    """Output KL along the third axis, at the middle one of the data scales."""
    scale = case.sweep["sigma"][len(case.sweep["sigma"]) // 2]
    schedules = dict.fromkeys(split(options[key])[0] for key in ("first", "second"))
    here = [row for row in rows if row["sigma"] == scale]
    curves = []
    for row in here[:: max(1, math.ceil(len(here) / 4))]:
        for schedule in schedules:
            values = [row.get(f"{schedule}/churn-{eta:g}") for eta in options["churns"]]
            name = f"{schedule}, " if len(schedules) > 1 else ""
            curves.append(series(f"{name}score error {row['score_error']:g}", options["churns"], values))
    return lines(
        "fresh-noise",
        f"{case.title}: the output along the churn",
        axis("churn η"),
        axis("output KL (nats)", "log"),
        curves,
        f"Data of scale {scale:g}, {options['T']} steps; 0 is the probability-flow ODE, 1 the sampler of the path KL.",
    )


def cuts(
    case: Case, rows: Sequence[Row], ratio: Any, options: dict[str, Any], crossover: float | None
) -> dict[str, Any]:
    """Figure of the ratio of ``first`` to ``second`` along the scale of the data, for five score errors at most."""
    first, second = options["first"], options["second"]
    scales, errors = case.sweep["sigma"], case.sweep["score_error"]
    shown = errors[:: max(1, math.ceil(len(errors) / 5))]
    curves = []
    for error in shown:
        y = [r for r, row in zip(ratio, rows, strict=True) if row["score_error"] == error]
        curves.append(series(f"score error {error:g}", scales, y))
    what = "output KL" if case.metrics[0] == "kl" else "path KL"
    return lines(
        "ratio",
        f"{what[0].upper()}{what[1:]}: {first} over {second}",
        axis("scale of the data", "log"),
        axis("ratio", "log"),
        curves,
        f"Below one {first} is the better one.",
        hlines=[{"at": 1.0, "label": "equal"}],
        vlines=[] if crossover is None else [{"at": crossover, "label": "crossover, exact score"}],
    )
