"""Study ``output``: the law of the samples against the diffusion time, next to the bound of the ELBO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sharpbound import samplers
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.columns import floors
from sharpbound.chapters.diffusion_time.auxiliary import FITS, UNFINISHED, ModelStart
from sharpbound.chapters.diffusion_time.elbo import gap, optimal_time
from sharpbound.chapters.diffusion_time.times import step_count, swept_times
from sharpbound.chapters.options import line_target, read_options, sweep_points
from sharpbound.errors import InputError
from sharpbound.laws import NotMeasured, distance, floor_kind, output_law
from sharpbound.marginals.divergence import Density, Normal, divergence
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.schedules import benton
from sharpbound.rates import judge_ordering
from sharpbound.rates.verdict import judge_values
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series, table
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import PushedScore
from sharpbound.targets.base import Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "output",
    "steps": 48,
    "step": 0.0,
    "delta": 0.001,
    "eps_score": 0.1,
    "models": ["noise"],
}
"""[diffusion_time]: a fixed budget of ``steps``, or a fixed ``step`` (in the clock max(log t, t - 1) of the
grid, t = T/2 being Ornstein-Uhlenbeck time) whose number grows with T; the time ``delta`` to stop at; the
score error; and the laws to start from: noise, gaussian, mixture, flow."""

SAMPLER = {"name": "exponential-integrator"}
TOLERANCE = 0.1
"""Times apart by less than the tenth part are one time: the bottom of the output KL is flat."""


def shifted_score(target: Target1D, ladder: Ladder, error: float) -> PushedScore:
    """The exact score less the constant ``error``: away from the mean of data with a positive mean, so that
    it adds to the error of the start instead of making up for it.
    """
    push = torch.full((ladder.T + 1, 1), -error, dtype=torch.float64)
    return PushedScore(ExactScore(target, ladder), push)


class Output(Experiment):
    """A row per VP time ``horizon``: ``<start>-error`` is the output KL with the shifted score,
    ``<start>`` with the exact one, ``<start>-bound`` the loss of the ELBO, gap + KL[p_T | start].

    An equality is on ``time-ratio``: the time of the least output KL over the one of the least bound. An
    ordering is on ``kl``: every model is to give samples no worse than the noise law at the same time.
    """

    kind = "diffusion-time"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        sweep_points(case.sweep, ("horizon",))
        times = swept_times(case.sweep["horizon"], options)
        _step_count(times[-1], options)
        for name in options["models"]:
            if name != "noise" and name not in FITS:
                raise InputError(
                    f"unknown model; choose noise, {', '.join(FITS)}", key="diffusion_time.models"
                )
        if "noise" not in options["models"]:
            raise InputError("needs noise to compare with", key="diffusion_time.models")
        line_target(case.target)
        metric = {"equality": "time-ratio", "ordering": "kl"}.get(claim.kind)
        if case.metrics != [metric]:
            raise InputError(f"measure {metric} for this claim", key="measure.metric")
        if metric == "time-ratio" and len(times) < 3:
            raise InputError("needs 3 times or more to find the best one", key="sweep.horizon")
        samplers.build(case.sampler or SAMPLER).check(_ladder(times[0], options))
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        fixed = {
            "target": case.target,
            "sampler": case.sampler or SAMPLER,
            "options": options,
            "exact": case.metrics == ["time-ratio"],  # an ordering of models is read at the score error alone
        }
        return [Cell(self.kind, {**fixed, **point}) for point in sweep_points(case.sweep, ("horizon",))]

    def measure(self, cell: Cell) -> list[Row]:
        params, options = cell.params, cell.params["options"]
        target, sampler = line_target(params["target"]), samplers.build(params["sampler"])
        time = params["horizon"]
        ladder = _ladder(time, options)
        level = ladder.level(ladder.T)
        row: Row = {"horizon": time, "steps": ladder.T}
        by: dict[str, Row] = {}
        for name in options["models"]:
            model: Density = Normal(0.0, 1.0) if name == "noise" else FITS[name](target, *level)
            models = [model, UNFINISHED[name](target, *level)] if name in UNFINISHED else [model]
            for key, error in ((name, 0.0), (f"{name}-error", options["eps_score"])):
                if error == 0.0 and not params["exact"]:
                    continue
                score = shifted_score(target, ladder, error)
                try:
                    laws = [output_law(target, ladder, sampler, score, ModelStart(nu)) for nu in models]
                    kl, *unfinished = [distance(law, "kl") for law in laws]
                    left = sum(abs(other.value - kl.value) for other in unfinished)
                    row |= {key: kl.value, f"{key}_floor": kl.floor + left}
                    by[key] = {"floor_kind": floor_kind(kl), "engine": laws[0].engine}
                except NotMeasured as reason:
                    row |= {key: None, f"{key}_floor": None, "note": str(reason)}
                    by[key] = {"floor_kind": None, "engine": None}
            lost, *unfinished_lost = [divergence(target, *level, nu) for nu in models]
            row[f"{name}-bound"] = gap(options["eps_score"] ** 2, time) + lost
            row[f"{name}-bound_floor"] = sum(abs(other - lost) for other in unfinished_lost)
        first = "noise-error"
        row |= {"kl": row[first], "floor": row[f"{first}_floor"], **by[first]}
        for key, own in by.items():
            row |= {f"{key}_{k}": v for k, v in own.items() if v not in (None, by[first][k])}
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        if claim.kind == "equality":
            return _best_time(case, rows, options)
        return _models(case, rows, options)


def _ladder(time: float, options: dict[str, Any]) -> Ladder:
    """From ``delta`` to T/2 in Ornstein-Uhlenbeck time, with steps in proportion to min(1, t)."""
    return benton(_step_count(time, options), 0.5 * time, options["delta"])


def _step_count(time: float, options: dict[str, Any]) -> int:
    """``steps``; where a ``step`` is given as many of it as the grid's clock has room for."""
    if options["step"] == 0:
        return int(options["steps"])
    horizon = 0.5 * time
    clock = max(horizon - 1.0, 0.0) + math.log(min(horizon, 1.0) / options["delta"])
    return math.ceil(step_count(clock, options))


def _minimum(time: Any, value: Any) -> tuple[float, float]:
    """Place of the least value on a parabola in log T through the lowest row and its neighbours, and the
    distance to the nearer neighbour as its uncertainty.
    """
    i = int(np.clip(np.argmin(value), 1, len(value) - 2))
    x, y = np.log(time[i - 1 : i + 2]), np.log(value[i - 1 : i + 2])
    curve = np.polynomial.Polynomial.fit(x, y, 2)
    place = float(np.clip(curve.deriv().roots()[0].real, x[0], x[-1]))
    return math.exp(place), math.exp(place) * 0.25 * float(min(np.diff(x)))


def _measured(rows: Sequence[Row], *keys: str) -> list[Any]:
    """Columns of the rows in which all of them were measured; NotMeasured where there is none."""
    kept = [row for row in rows if all(row[key] is not None for key in keys)]
    if not kept:
        raise NotMeasured(
            f"no {' and '.join(keys[1:])} could be measured: {rows[-1].get('note') if rows else 'no row'}"
        )
    return [np.array([row[key] for row in kept], dtype=float) for key in keys]


def _best_time(case: Case, rows: Sequence[Row], options: dict[str, Any]) -> Conclusion:
    eps = options["eps_score"]
    target = line_target(case.target)
    promised = optimal_time(target, "vp", eps**2).time
    time, exact, wrong, bound = _measured(rows, "horizon", "noise", "noise-error", "noise-bound")
    best, doubt = _minimum(time, wrong)
    best_exact, _ = _minimum(time, exact)
    judged = judge_values([best / promised], [1.0], TOLERANCE, [doubt / promised])
    there = math.exp(np.interp(math.log(promised), np.log(time), np.log(wrong)))
    reason = (
        f"the bound is least at T* = {promised:.3f}, the output KL of {rows[0]['steps']} steps at T = {best:.2f} ± "
        f"{doubt:.2f} "
        f"({best_exact:.2f} with the exact score): at T* the samples are {there / wrong.min():.2f} times "
        f"as far off as at their best; "
    )
    above = int((wrong > bound).sum())
    if above:  # it is a bound on the stochastic process with infinitely many steps
        reason += f"the output KL exceeds the bound at {above} of {len(wrong)} times: it does not cover this sampler; "
    reason += judged.reason
    details = {"reason": reason, "best_time": best, "bound_time": promised}
    return Conclusion(
        judged.verdict,
        None,
        None,
        details,
        lambda: {
            "figures": [
                lines(
                    "output",
                    case.title,
                    axis("diffusion time T", "log"),
                    axis("KL divergence (nats)", "log"),
                    [
                        series("bound: gap + KL[p_T | noise]", time, bound, "dashed"),
                        series(f"output KL, score error {eps:g}", time, wrong),
                        series("output KL, exact score", time, exact),
                    ],
                    f"{rows[0]['steps']} steps at every T. The bound, for the stochastic process in continuous "
                    "time, adds up the score error over all times; a stochastic sampler forgets most of it.",
                    vlines=[
                        {"at": promised, "label": "T* of the bound"},
                        {"at": best, "label": "best for the samples"},
                    ],
                )
            ]
        },
    )


def _models(case: Case, rows: Sequence[Row], options: dict[str, Any]) -> Conclusion:
    """Every model against the noise law, and how far T shrinks at the output KL of the noise law at its
    best.
    """
    names = [name for name in options["models"] if name != "noise"]
    time, noise = _measured(rows, "horizon", "noise-error")
    goal, at = float(noise.min()), int(noise.argmin())
    steps = {row["horizon"]: row["steps"] for row in rows}
    verdicts, lines_of_table = [], [["noise", float(time[at]), steps[time[at]], goal, 0.0]]
    for name in names:
        pair = (f"{name}-error", "noise-error")
        both = [row for row in rows if all(row[key] is not None for key in pair)]
        verdicts.append((name, judge_ordering(*_measured(both, *pair), *(floors(both, key) for key in pair))))
        t, value = _measured(rows, "horizon", f"{name}-error")
        reached = np.flatnonzero(value <= goal * (1 + 1e-9))
        if len(reached):
            first = float(t[reached[0]])
            saved = 1 - steps[first] / steps[time[at]]
            lines_of_table.append([name, first, steps[first], float(value[reached[0]]), saved])
        else:
            lines_of_table.append([name, None, None, float(value.min()), None])
    bad = [(name, v) for name, v in verdicts if v.verdict != "confirmed"]
    verdict = (
        "confirmed"
        if not bad
        else next((v.verdict for _, v in bad if v.verdict == "refuted"), "inconclusive")
    )
    shrunk = "; ".join(
        f"{name} reaches it at T = {t:g} ({saved:.0%} fewer steps)" if t else f"{name} does not reach it"
        for name, t, _, _, saved in lines_of_table[1:]
    )
    reason = f"the noise law is at its best at T = {time[at]:g} with an output KL of {goal:.3g}; {shrunk}; "
    reason += "; ".join(f"{name}: {v.reason}" for name, v in (bad or verdicts))
    curves = []
    for name in options["models"]:
        x, y = _measured(rows, "horizon", f"{name}-error")
        curves.append(series(name, x, y))
        x, y = _measured(rows, "horizon", f"{name}-bound")
        curves.append(series(f"{name}, bound", x, y, "dashed", like=name))
    columns = ["start", "shortest T", "steps", "output KL there", "steps saved"]
    return Conclusion(
        verdict,
        None,
        None,
        {"reason": reason},
        lambda: {
            "figures": [
                lines(
                    "models",
                    case.title,
                    axis("diffusion time T", "log"),
                    axis("KL divergence (nats)", "log"),
                    curves,
                    f"Output KL with score error {options['eps_score']:g} when the sampler starts from each law, "
                    f"and the loss of "
                    "the ELBO that is promised (dashed).",
                    hlines=[{"at": goal, "label": "noise law at its best"}],
                )
            ],
            "tables": [
                table(
                    "saved", "How far the diffusion time shrinks at equal output KL", columns, lines_of_table
                )
            ],
        },
    )
