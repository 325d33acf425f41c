"""Study ``path-kl``: the exact parts of the path KL along a noise schedule, or of two schedules side by
side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sharpbound import targets
from sharpbound.chapters import columns
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.design_space import schedules
from sharpbound.chapters.design_space.output import MOMENTS, churned_law, gaussian_output
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError
from sharpbound.laws import NotMeasured, distances, finite_or_note, floor_kind
from sharpbound.laws.path_kl_parts import discretisation_error, score_error, variances
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.fisher import tabulated
from sharpbound.processes.ladder import Ladder
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series
from sharpbound.samplers.churned import Churned
from sharpbound.targets.base import Target

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "path-kl",
    "schedule": "edm",
    "versus": "",
    "T": 50,
    "sigma_min": 0.002,
    "sigma_max": 80.0,
    "score_error": 0.0,
    "init": "exact",
    "churn": 1.0,
}
"""[design]: ``schedule`` (exponential, polynomial-<a>, edm, cosine, tangent-<c>, vp-linear, optimal);
``versus``, a second one to compare with; ``score_error``, v E|s - score|^2 at every level; ``init``;
``churn``, the fresh noise of the sampler whose output law is ``kl`` and ``w2``: 1 is that of the path KL."""

SWEEPABLE = ("T", "score_error", "sigma", "d", "sigma_max", "churn")
"""``sigma`` stands for target.std of a Gaussian target, ``d`` for the number of independent copies of a target on
the line."""

PARTS = ("path-kl", "discretisation", "initialisation", "score")
OUTPUT = ("kl", "w2")
METRICS = (*PARTS, *OUTPUT)
RELATIVE_FLOOR = 1e-11
"""What quadrature and the tabulated Fisher information leave of each part (tests hold it to that)."""
ROUNDING = 1e-13
"""Of the mean and the variance of a Gaussian output law, relative: enters its KL divergence by its root."""


class PathParts(Experiment):
    """One row per point of the sweep: the parts of the path KL; ``<metric>_versus`` for the second schedule.

    For an ordering the claim is confirmed where the first schedule is no worse than the second at every row.
    """

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "design")
        for metric in case.metrics:
            if metric not in METRICS:
                raise InputError(
                    f"unknown metric {metric!r}; choose {', '.join(METRICS)}", key="measure.metric"
                )
        claim.transfer(case.metrics[0])
        for point in sweep_points(case.sweep, SWEEPABLE):
            spec, settings = _problem(case.target, {**options, **point})
            target = targets.build(spec)
            ends = settings["T"], settings["sigma_min"], settings["sigma_max"]
            for name in {settings["schedule"], settings["versus"]} - {"", "optimal"}:
                schedules.named(name, *ends)
            if settings["init"] not in ("normal", "exact"):
                raise InputError("must be normal or exact", key="design.init")
            if settings["init"] == "normal":  # heavy tails are refused before anything is run
                initialisation_error(target, schedules.named("exponential", *ends))
            Churned(settings["churn"])
        if claim.kind == "ordering" and not options["versus"]:
            raise InputError("an ordering needs a second schedule to compare with", key="design.versus")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        return [
            Cell(
                self.kind,
                {"target": case.target, "options": options, "point": point, "metrics": case.metrics},
            )
            for point in sweep_points(case.sweep, SWEEPABLE)
        ]

    def measure(self, cell: Cell) -> list[Row]:
        point, metrics = cell.params["point"], cell.params["metrics"]
        spec, settings = _problem(cell.params["target"], {**cell.params["options"], **point})
        row: Row = dict(point)
        for suffix, name in (("", settings["schedule"]), ("_versus", settings["versus"])):
            if name:
                for metric, found in _measure(spec, name, settings, metrics).items():
                    key = metric + suffix
                    row |= {key: found.value, f"{key}_floor": found.floor}
                    row |= {"note": found.note} if found.note else {}
                    if key == metrics[0]:
                        row |= {"floor": found.floor, "floor_kind": found.kind, "engine": found.engine}
                        continue
                    own = {"floor_kind": found.kind, "engine": found.engine}
                    row |= {f"{key}_{k}": v for k, v in own.items() if v not in (None, row[k])}
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        metric = case.metrics[0]
        if claim.kind == "ordering":
            pair = (metric, f"{metric}_versus")
            rows = [row for row in rows if None not in (row[pair[0]], row[pair[1]])]
            if not rows:
                return Conclusion("inconclusive", None, None, {"reason": "no row has both output laws"})
            values, other = (columns.values(rows, key) for key in pair)
            verdict = judge_ordering(values, other, *(columns.floors(rows, key) for key in pair))
            details: dict[str, Any] = {"reason": _where(case, rows) + verdict.reason}
            details |= {"ratio": (values / other).tolist()}
            return Conclusion(
                verdict.verdict, None, None, details, lambda: {"figures": [_duel(case, rows, values, other)]}
            )
        moments = targets.build(case.target).moments()
        known = {"d": float(len(moments.mean)), "m2": math.sqrt(moments.second_moment)}
        known = {name: value for name, value in known.items() if name != case.swept}
        return conclude_rate(claim, rows, swept=case.swept, metric=metric, values=known)


def _where(case: Case, rows: Sequence[Row]) -> str:
    """Where along the sweep the first schedule is the better one, in words."""
    better = [
        f"{row[case.swept]:g}" for row in rows if row[f"{case.metrics[0]}_versus"] > row[case.metrics[0]]
    ]
    first, second = (case.options[key] for key in ("schedule", "versus"))
    if len(better) in (0, len(rows)):
        return f"{first} is the better one at {'every' if better else 'no'} {case.swept}: "
    return f"{first} beats {second} at {case.swept} = {', '.join(better)} and loses elsewhere: "


def _duel(case: Case, rows: Sequence[Row], values: Any, other: Any) -> dict[str, Any]:
    x = [row[case.swept] for row in rows]
    metric = case.metrics[0]
    return lines(
        "duel",
        case.title,
        axis(case.swept.replace("_", " "), "log" if min(x) > 0 else "linear"),
        axis(metric, "log"),
        [series(case.options["schedule"], x, values), series(case.options["versus"], x, other)],
        "The same quantity on the two schedules, with the same end points and number of steps.",
    )


def _problem(spec: dict[str, Any], settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The target's table with ``sigma`` and ``d`` of the sweep put in, and the settings."""
    if "sigma" in settings:
        if spec.get("family") != "gaussian":
            raise InputError("only a gaussian target has a std to sweep", key="sweep.sigma")
        spec = {**spec, "std": settings["sigma"]}
    if "d" in settings:  # copies cost one evaluation, where a covariance would have d^2 entries
        spec = {"family": "product", "factor": spec, "dim": settings["d"]}
    return spec, settings


class Value(NamedTuple):
    """A number with its floor and the floor's kind, what found it, and the reason where there is none."""

    value: float | None
    floor: float | None
    kind: str | None
    engine: str | None
    note: str | None = None


def _measure(
    spec: dict[str, Any], name: str, settings: dict[str, Any], metrics: Sequence[str]
) -> dict[str, Value]:
    """The parts of the path KL, and of the output law, that ``metrics`` ask for."""
    target, ends = targets.build(spec), (settings["sigma_min"], settings["sigma_max"])
    wanted = {"path-kl", "discretisation"} & set(metrics)
    if wanted or name == "optimal":
        info = tabulated(spec, ends[0] ** 2, ends[1] ** 2)
    ladder = (
        schedules.optimal(info, settings["T"], *ends)
        if name == "optimal"
        else schedules.named(name, settings["T"], *ends)
    )
    v, error, exact = variances(ladder), settings["score_error"], settings["init"] == "exact"
    parts = {
        "initialisation": 0.0 if exact else initialisation_error(target, ladder),
        "score": score_error(v, error / v[:-1]),
    }
    if wanted:
        parts["discretisation"] = discretisation_error(info, v)
        parts["path-kl"] = sum(parts.values())
    values = {
        key: Value(
            part, RELATIVE_FLOOR * part, "closed-form" if key == "score" else "quadrature", "path-parts"
        )
        for key, part in parts.items()
    }
    if set(OUTPUT) & set(metrics):
        values |= _output(target, ladder, settings)
    return {metric: values[metric] for metric in metrics}


def _output(target: Target, ladder: Ladder, settings: dict[str, Any]) -> dict[str, Value]:
    """KL divergence and W2 distance of the samples: closed form on N(m, lambda), else by the engine."""
    error, churn, init = (settings[key] for key in ("score_error", "churn", "init"))
    if target.family == "gaussian" and target.dim == 1:
        moments, a = target.moments(), float(ladder.a[-1])
        start = None if init == "exact" else (-float(moments.mean[0]), (ladder.prior_std / a) ** 2)
        law = gaussian_output(float(moments.cov[0, 0]), variances(ladder), error, churn, start)
        stop = float(ladder.a[ladder.stop])
        w2 = stop * law.w2  # the closed form is in x/a
        return {
            metric: Value(value, RELATIVE_FLOOR * value + doubt, "closed-form", MOMENTS)
            for metric, value, doubt in (
                ("kl", law.kl, ROUNDING * math.sqrt(law.kl)),
                ("w2", w2, ROUNDING * stop * math.sqrt(law.true_variance)),
            )
        }
    try:
        output = churned_law(target, ladder, error, churn, init)
    except NotMeasured as reason:
        return {metric: Value(None, None, None, None, str(reason)) for metric in OUTPUT}
    values: dict[str, Value] = {}
    for metric, found in distances(output, OUTPUT).items():
        value, floor, note = finite_or_note(found)
        values[metric] = Value(value, floor, floor_kind(found), output.engine, note)
    return values
