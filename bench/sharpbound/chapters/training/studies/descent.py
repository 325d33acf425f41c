"""Training: loss of gradient descent on denoising score matching against the tangent kernel's prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import check_several, read_options, sweep_points
from sharpbound.chapters.training.descent import descend, kernel_drift, predict
from sharpbound.chapters.training.network import Network
from sharpbound.chapters.training.objective import Objective
from sharpbound.chapters.training.population import population_loss
from sharpbound.chapters.training.weighting import check_weighting, weights
from sharpbound.errors import InputError
from sharpbound.rates import estimate_exponential, judge_bound
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure, axis, lines, series
from sharpbound.targets.base import Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "descent",
    "width": 256,
    "depth": 1,
    "points": 4,
    "levels": 4,
    "sigma_min": 0.5,
    "sigma_max": 4.0,
    "weighting": "uniform",
    "step": 1.0,
    "seed": 1,
}
"""[training]: the network, n points, N levels of noise uniform in log sigma, the total weights, and the step
in units of 1/lambda_max, the largest that does not overshoot."""

SWEEPABLE = ("t", "width", "depth", "points", "levels", "step", "seed")
GAUSSIAN = {"family": "gaussian", "mean": 0.0, "std": 1.0, "dim": 16}
METRICS = ("loss",)
ROUNDING = (64 * np.finfo(np.float64).eps) ** 2
"""Part of the first loss below which a loss is rounding: residuals are known to some tens of ulps."""


class Descent(Experiment):
    """One run per combination of the other swept variables, a row at each iteration of ``t``.

    The verdict is on the last run: whether its loss falls at least as fast as exp(-rho t), with rho the rate
    of the slowest eigenvalue of the curvature where training ends. ``rho-initial`` is that of the curvature
    where it starts, and ``predicted`` the loss curve that its whole spectrum gives: what a network of
    infinite width would do.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "training")
        sweep_points(case.sweep, SWEEPABLE)
        if "t" not in case.sweep:
            raise InputError("is missing; add the iterations to record, e.g. t = [0, 50, 100]", key="sweep.t")
        times = case.sweep["t"]
        if not all(isinstance(t, int) and t >= 0 for t in times) or times != sorted(times):
            raise InputError("must hold increasing iterations >= 0", key="sweep.t")
        check_several(case, "t")
        if case.metrics != list(METRICS):
            raise InputError(f"measure {', '.join(METRICS)}", key="measure.metric")
        check_weighting(options["weighting"])
        if options["levels"] < 2 or min(case.sweep.get("levels", [2])) < 2:
            raise InputError("needs at least 2 levels of noise", key="training.levels")
        targets.build(case.target or GAUSSIAN)
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "training")
        runs = sweep_points({k: v for k, v in case.sweep.items() if k != "t"}, SWEEPABLE)
        target = case.target or GAUSSIAN
        return [
            Cell(self.kind, {"target": target, "options": options, "run": run, "t": case.sweep["t"]})
            for run in runs
        ]

    def measure(self, cell: Cell) -> list[Row]:
        run = cell.params["run"]
        settings = {**cell.params["options"], **run}
        target = targets.build(cell.params["target"])
        network, objective = problem(target, settings)
        prediction = predict(network, objective)
        step = settings["step"] * prediction.stable_step
        times = np.array(cell.params["t"])
        trained = descend(network, objective, step, int(times[-1]))
        shared: Row = {
            **run,
            "rho": predict(trained.network, objective).late_rate(step),
            "rho-initial": prediction.late_rate(step),
            "kernel-drift": kernel_drift(network, trained.network, objective),
        }
        if isinstance(target, Target1D):
            population = population_loss(trained.network, target, objective.sigma)
            shared["population-loss"] = float(objective.beta @ population.total) / 2
            shared["bayes-loss"] = float(objective.beta @ population.bayes) / 2
        floor = ROUNDING * float(trained.losses[0])
        curve = prediction.losses(step, times)
        return [
            {**shared, "t": int(t), "loss": float(loss), "predicted": float(linear), "floor": floor}
            | {"floor_kind": "closed-form"}
            for t, loss, linear in zip(times, trained.losses[times], curve, strict=True)
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        last = rows[-len(case.sweep["t"]) :]
        t, loss, predicted, floor = (
            np.array([row[k] for row in last], dtype=float) for k in ("t", "loss", "predicted", "floor")
        )
        found = estimate_exponential(t, loss, floor)
        rho = cast(float, last[-1]["rho"])
        judged = judge_bound(found, rho, "exponential")
        verdict, reason = judged.verdict, judged.reason
        rates = -np.diff(np.log(loss)) / np.diff(t)
        if verdict == "inconclusive" and (rates > 1.02 * rho).all():
            verdict = "loose"
            reason = (
                f"no single rate yet: between rows it falls from {rates.max():.3g} to {rates.min():.3g}, "
                f"always above the "
                f"slowest eigenvalue's {rho:.3g}, so the bound holds and faster modes are still at work"
            )
        linear = estimate_exponential(t, predicted, floor)
        resolved = np.minimum(loss, predicted) > 10 * floor
        details = rate_details(found, t, "t", rho, reason) | {
            "lazy_rate": last[-1]["rho-initial"],
            "curve_miss": float(np.abs(np.log(loss / predicted))[resolved].max(initial=0.0)),
            "predicted_window_rate": linear.exponent,
            "kernel_drift": last[-1]["kernel-drift"],
            "judged": {name: last[-1][name] for name in case.sweep if name != "t"},
        }
        return Conclusion(
            verdict, found.exponent, found.interval, details, lambda: {"figures": _figures(case, rows)}
        )


def _figures(case: Case, rows: Sequence[Row]) -> list[Figure]:
    """The loss of the first, the middle and the last run with what was predicted; rates of all runs."""
    count = len(case.sweep["t"])
    runs = [rows[i : i + count] for i in range(0, len(rows), count)]
    swept = next((name for name, values in case.sweep.items() if name != "t" and len(values) > 1), "")
    curves = []
    for run in [runs[i] for i in sorted({0, len(runs) // 2, len(runs) - 1})]:
        name = f"{swept} {run[0][swept]:g}, " if swept else ""
        t = [row["t"] for row in run]
        measured = f"{name}measured"
        curves.append(series(measured, t, [row["loss"] for row in run], "points"))
        predicted = [row["predicted"] for row in run]
        curves.append(series(f"{name}predicted", t, predicted, "line", like=measured))
    figures = [
        lines(
            "loss",
            f"{case.title}: measured, and predicted at initialisation",
            axis("iteration"),
            axis("training loss", "log"),
            curves,
            "The prediction is the whole curve of the linearised dynamics, not a fit.",
            **_bayes(rows[-1]),
        )
    ]
    if swept:
        x = [run[0][swept] for run in runs]
        rates = {
            "rho-initial": "slowest mode, kernel at initialisation",
            "rho": "slowest mode, kernel at the end",
        }
        late = []
        for run in runs:
            tail = run[len(run) // 2 :]
            slope = np.polyfit([row["t"] for row in tail], np.log([row["loss"] for row in tail]), 1)[0]
            late.append(-float(slope))
        curves = [series(label, x, [run[0][key] for run in runs]) for key, label in rates.items()]
        curves.append(series("measured over the second half", x, late))
        curves.append(series("change of the kernel", x, [run[0]["kernel-drift"] for run in runs], "dashed"))
        figures.append(
            lines(
                "rates",
                f"{case.title}: rates per iteration along {swept}",
                axis(swept, "log"),
                axis("rate, or relative change", "log"),
                curves,
                "In the limit of infinite width the kernel stands still and the three rates agree at late "
                "times. A rate of zero, that of a singular kernel, has no place here.",
            )
        )
    return figures


def _bayes(row: Row) -> dict[str, Any]:
    """Where the losses on fresh noise would stand: the network's own, and the least there is."""
    if "bayes-loss" not in row:
        return {}
    marks = {"population-loss": "trained network, fresh noise", "bayes-loss": "Bayes loss"}
    return {"hlines": [{"at": row[key], "label": label} for key, label in marks.items()]}


def problem(target: targets.Target, settings: dict[str, Any]) -> tuple[Network, Objective]:
    """Data, fixed noise, weights and network, all from the one seed."""
    seed = settings["seed"]
    data = target.sample(settings["points"], torch.Generator().manual_seed(seed)).numpy()
    sigma = np.geomspace(settings["sigma_min"], settings["sigma_max"], settings["levels"])
    network = Network.initial(target.dim, settings["width"], settings["depth"], seed)
    objective = Objective.draw(data, sigma, np.ones_like(sigma), seed)
    diagonal = np.diag(network.tangent_kernel(objective.inputs)).reshape(objective.noise.shape)
    return network, Objective(data, sigma, weights(settings["weighting"], sigma, diagonal), objective.noise)
