"""Diffusion time: the noise term of the ELBO against time, the optimal time, auxiliary models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.diffusion_time.auxiliary import (
    FITS,
    SHORTEST,
    UNFINISHED,
    auxiliary_kl,
    equivalent_time,
)
from sharpbound.chapters.diffusion_time.elbo import (
    MARGINALS,
    Process,
    gap,
    kl_bound,
    kl_leading,
    kl_to_noise,
    level,
    optimal_time,
)
from sharpbound.chapters.options import check_several, line_target, read_options, sweep_points
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import divergence, log_likelihood
from sharpbound.rates import (
    estimate,
    estimate_exponential,
    judge_bound,
    judge_equality,
    judge_ordering,
)
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure, axis, lines, series
from sharpbound.targets.base import Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "noise", "process": "vp", "model": "", "eps_score": 0.1}
"""[diffusion_time]: ``process`` (vp with beta = 1, or ve), ``model`` (gaussian, mixture, flow), and the score
error, constant in time, of the gap."""

METRICS = ("noise-kl", "optimal-time")
SWEPT = {"horizon": "noise-kl", "sigma_max": "noise-kl", "eps_score": "optimal-time"}
"""What is measured along each variable: VP time ``horizon``, VE noise level ``sigma_max``, score error."""
PROCESSES = {"horizon": ("vp",), "sigma_max": ("ve",), "eps_score": ("vp", "ve")}
RELATIVE_FLOOR = 1e-11
ROUNDING = 8 * float(np.finfo(float).eps)
"""Of log densities, whose difference a divergence is of second order in."""


class Noise(Experiment):
    """KL[p_T | noise] along ``horizon`` (vp) or ``sigma_max`` (ve), T* along ``eps_score``."""

    kind = "diffusion-time"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        if len(case.sweep) != 1 or case.swept not in SWEPT:
            raise InputError(f"sweep one of {', '.join(SWEPT)}", key="sweep")
        if options["process"] not in PROCESSES[case.swept]:
            raise InputError(
                "horizon goes with vp, sigma_max with ve, eps_score with either", key="diffusion_time.process"
            )
        if case.metrics != [SWEPT[case.swept]]:
            raise InputError(f"along {case.swept} measure {SWEPT[case.swept]}", key="measure.metric")
        if options["model"] and options["model"] not in FITS:
            raise InputError(f"unknown model; choose {', '.join(FITS)}", key="diffusion_time.model")
        if claim.kind == "ordering" and not options["model"]:
            raise InputError(
                "an ordering needs a model to compare with the noise law", key="diffusion_time.model"
            )
        target = line_target(case.target)
        kl_to_noise(
            target, cast(Process, options["process"]), 1.0
        )  # refuses heavy tails before anything is run
        values = case.sweep[case.swept]
        if min(values) <= 0:
            raise InputError("must hold positive numbers", key=f"sweep.{case.swept}")
        if case.swept == "horizon" and (values != sorted(values) or values[0] < 1e-12):
            raise InputError("must hold increasing times, from 1e-12 on", key="sweep.horizon")
        if claim.kind == "exponential":
            check_several(case, case.swept)
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        return [
            Cell(self.kind, {"target": case.target, "options": options, "point": point})
            for point in sweep_points(case.sweep, tuple(SWEPT))
        ]

    def measure(self, cell: Cell) -> list[Row]:
        target = line_target(cell.params["target"])
        options, point = cell.params["options"], cell.params["point"]
        process = cast(Process, options["process"])
        if "eps_score" in point:
            return [_optimum(target, process, point["eps_score"], options["model"])]
        time = point["horizon"] if process == "vp" else point["sigma_max"] ** 2
        moments = target.moments()
        row: Row = {
            **point,
            "noise-kl": kl_to_noise(target, process, time),
            "bound": kl_bound(moments.second_moment, 1, process, time),
            "leading": kl_leading(float(moments.mean @ moments.mean), process, time),
            "gap": gap(options["eps_score"] ** 2, time),
        }
        row["elbo"] = (
            None if (best := log_likelihood(target)) is None else best - row["gap"] - row["noise-kl"]
        )
        if options["model"]:
            row |= _model_kl(target, process, time, options["model"])
        row["floor"] = row["noise-kl_floor"] = _floor(row["noise-kl"])
        row |= {"floor_kind": "quadrature", "engine": MARGINALS}
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        metric, swept = case.metrics[0], case.swept
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        x = np.array([row[swept] for row in rows], dtype=float)
        values, floors = (np.array([row[key] for row in rows], dtype=float) for key in (metric, "floor"))
        if claim.kind == "ordering":
            model = np.array([row["model-kl"] for row in rows])
            judged = judge_ordering(model, values, np.array([row["model-kl_floor"] for row in rows]), floors)
            return Conclusion(
                judged.verdict,
                None,
                None,
                {"reason": judged.reason},
                lambda: {"figures": [_against_noise(case, x, values, model)]},
            )
        if swept == "eps_score":
            # VP: T* = 2 log(1/eps) + const is the power law exp(-T*) ~ eps^2, with its coefficient as the
            # power; VE: 1/T* ~ eps
            order = np.argsort(-x)
            small = np.exp(-values) if options["process"] == "vp" else 1 / values
            found = estimate(x[order], small[order], floors[order] * small[order])
            predicted = math.log(_smallness(claim, options, 1.0) / _smallness(claim, options, math.exp(-1)))
            judged = judge_equality(found, predicted)
            x = x[order]
            details = rate_details(found, x, swept, predicted, judged.reason)
            del details["axis"]  # T* is a logarithm: its figure is not that of a power law
            return Conclusion(
                judged.verdict,
                found.exponent,
                found.interval,
                details,
                lambda: {"figures": _optima(case, rows)},
            )
        elif claim.kind == "exponential":
            found = estimate_exponential(x, values, floors)
            predicted = -math.log(claim.predict({swept: 1.0}))
            judged = judge_bound(found, predicted, "exponential")
        else:
            moments = targets.build(case.target).moments()
            known = {"d": 1.0, "m2": math.sqrt(moments.second_moment)}
            conclusion = conclude_rate(claim, rows, swept=swept, metric=metric, values=known)
            return replace(conclusion, draw=lambda: {"figures": [_decay(case, rows)]})
        details = rate_details(found, x, swept, predicted, judged.reason)
        return Conclusion(
            judged.verdict, found.exponent, found.interval, details, lambda: {"figures": [_decay(case, rows)]}
        )


def _smallness(claim: Claim, options: dict[str, Any], eps_score: float) -> float:
    """exp(-T*) (VP) or 1/T* (VE) as the claim has it."""
    time = claim.predict({"eps_score": eps_score})
    return math.exp(-time) if options["process"] == "vp" else 1 / time


def _floor(kl: float) -> float:
    """That of a divergence: log(p/model), whose mean square is 2 kl where it is small, has the rounding of log p."""
    return RELATIVE_FLOOR * kl + ROUNDING * math.sqrt(2 * max(kl, 0.0))


def _model_kl(target: Target1D, process: Process, time: float, model: str) -> Row:
    """KL[p_T | nu] of the model fitted to p_T."""
    found, (a, sigma) = auxiliary_kl(target, process, time, model), level(process, time)
    left = 0.0
    if model in UNFINISHED:
        left = abs(divergence(target, a, sigma, UNFINISHED[model](target, a, sigma)) - found)
    return {"model-kl": found, "model-kl_floor": _floor(found) + left}


def _optimum(target: Target1D, process: Process, eps_score: float, model: str) -> Row:
    """T*, its leading order, what the ELBO loses there, and how far a model lets T shrink."""
    best = optimal_time(target, process, eps_score**2)
    row: Row = {
        "eps_score": eps_score,
        "optimal-time": best.time,
        "leading": best.leading,
        "gap": best.gap,
        "noise-kl": best.kl,
        "floor": RELATIVE_FLOOR * max(1.0, best.time),  # the root is found to 1e-13 of it
        "optimal-time_floor": RELATIVE_FLOOR * max(1.0, best.time),
        "floor_kind": "quadrature",
        "engine": MARGINALS,
    }
    if model:
        row["model-time"] = equivalent_time(target, process, eps_score**2, model)
        row["steps-saved"] = 1 - row["model-time"] / best.time
    return row


def _decay(case: Case, rows: Sequence[Row]) -> Figure:
    """KL[p_T | noise] between its bound and its leading order."""
    swept = case.swept
    x = [row[swept] for row in rows]
    curves = [
        series("KL[p_T | noise]", x, [row["noise-kl"] for row in rows]),
        series("bound from E|x|²", x, [row["bound"] for row in rows], "dashed"),
    ]
    if any(row["leading"] for row in rows):
        curves.append(series("leading order, from |E x|²", x, [row["leading"] for row in rows], "line"))
    label = "diffusion time T" if swept == "horizon" else "largest noise level"
    return lines(
        "noise",
        f"{case.title}: bound and leading order",
        axis(label, "linear" if swept == "horizon" else "log"),
        axis("KL divergence (nats)", "log"),
        curves,
        "Centred data have no leading term: they are forgotten twice as fast.",
    )


def _against_noise(case: Case, x: Any, noise: Any, model: Any) -> Figure:
    caption = "The model is fitted to p_T by maximum likelihood, at every T anew."
    if case.options["model"] != "gaussian":  # no closed form
        caption += " Where the likelihood is flat, what is left below 1e-6 is how far the climb got."
    return lines(
        "model",
        case.title,
        axis("diffusion time T"),
        axis("KL divergence (nats)", "log"),
        [series("KL[p_T | noise]", x, noise), series(f"KL[p_T | fitted {_named(case)}]", x, model)],
        caption,
    )


def _named(case: Case) -> str:
    """The auxiliary model in words."""
    model = str(case.options["model"])
    return "Gaussian" if model == "gaussian" else model


def _optima(case: Case, rows: Sequence[Row]) -> list[Figure]:
    """T* against the score error, and the loss of the ELBO whose least value it is."""
    eps = [row["eps_score"] for row in rows]
    process = cast(Process, read_options(case.options, DEFAULTS, "diffusion_time")["process"])
    curves = [series("T*", eps, [row["optimal-time"] for row in rows])]
    if any(row["leading"] for row in rows):
        label = "log(|E x|²/ε²)" if process == "vp" else "|E x|/ε"
        curves.append(series(label, eps, [row["leading"] for row in rows], "dashed"))
    modelled = any("model-time" in row for row in rows)
    if modelled:
        name = f"T at which a fitted {_named(case)} is as good"
        curves.append(series(name, eps, [row["model-time"] for row in rows]))
    optimum = lines(
        "optimum",
        f"{case.title}: the time that maximises the ELBO",
        axis("score error ε", "log"),
        axis("diffusion time T", "linear" if process == "vp" else "log"),
        curves,
        "Root of the derivative of gap + KL[p_T | noise]."
        + (f" No time below {SHORTEST:g} is tried for the model." if modelled else ""),
    )
    target = line_target(case.target)
    best = [row["optimal-time"] for row in rows]
    times = np.geomspace(0.1 * min(best), 2 * max(best), 40)
    noise = np.array([kl_to_noise(target, process, time) for time in times])
    losses = lines(
        "loss",
        f"{case.title}: what the ELBO loses",
        axis("diffusion time T", "log"),
        axis("gap + KL[p_T | noise]", "log"),
        [series(f"ε = {e:g}", times, [gap(e**2, t) for t in times] + noise, "line") for e in eps[:5]],
        "The minima are the optimal times.",
    )
    return [optimum, losses]
