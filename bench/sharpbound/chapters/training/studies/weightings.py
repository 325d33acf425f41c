"""Study ``weightings``: which total weighting trains fastest, and which gives the best samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import line_target, read_options, sweep_points
from sharpbound.chapters.training.descent import descend, predict
from sharpbound.chapters.training.output import ENGINE, POINTS, sampled
from sharpbound.chapters.training.population import Population
from sharpbound.chapters.training.score import network_score
from sharpbound.chapters.training.studies.descent import problem
from sharpbound.chapters.training.weighting import WEIGHTINGS, check_weighting
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import discretisation_error, score_error, variances
from sharpbound.marginals.fisher import tabulated
from sharpbound.processes.schedules import ve_exponential
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, bars, lines, series, table

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "weightings",
    "first": "edm",
    "second": "uniform",
    "width": 64,
    "depth": 1,
    "points": 32,
    "levels": 11,
    "sigma_min": 0.1,
    "sigma_max": 10.0,
    "step": 1.0,
    "seed": 1,
    "refine": 2,
}
"""[training]: the claim is that ``first`` gives no worse samples than ``second``. The sampler has
``refine`` steps between two neighbouring levels of training, at which the network is evaluated as it is."""

RELATIVE_FLOOR = 1e-9
FRACTION = 0.05
"""Part of the first loss down to which iterations are counted."""


class Weightings(Experiment):
    """A cell per weighting, a row at each iteration of ``t``: path KL of the sampler with the network as
    it is then, from its exact population score error. Output laws where training ends.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "training")
        for key in ("first", "second"):
            check_weighting(options[key], f"training.{key}")
        sweep_points(case.sweep, ("t",))
        times = case.sweep["t"]
        if not all(isinstance(t, int) and t >= 0 for t in times) or times != sorted(times):
            raise InputError("must hold increasing iterations >= 0", key="sweep.t")
        if times[-1] == 0:
            raise InputError("needs an iteration after 0, where all networks are one", key="sweep.t")
        line_target(case.target)
        if case.metrics != ["path-kl"] or claim.kind != "ordering":
            raise InputError("measure path-kl, for a claim that is an ordering", key="measure.metric")
        claim.transfer("path-kl")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "training")
        fixed = {"target": case.target, "options": options, "t": case.sweep["t"]}
        return [Cell(self.kind, {**fixed, "weighting": name}) for name in WEIGHTINGS]

    def measure(self, cell: Cell) -> list[Row]:
        name, options = cell.params["weighting"], cell.params["options"]
        target = line_target(cell.params["target"])
        network, objective = problem(target, {**options, "weighting": name})
        prediction = predict(network, objective)
        step = options["step"] * prediction.stable_step
        steps = options["refine"] * (options["levels"] - 1)
        ladder = ve_exponential(steps, options["sigma_min"], options["sigma_max"])
        v = variances(ladder)
        fixed = discretisation_error(tabulated(cell.params["target"], v[-1], v[0]), v)
        population = Population(target, np.sqrt(v[:-1]))
        fraction_at: int | None = None
        rows: list[Row] = []
        done, first = 0, 0.0
        for t in cell.params["t"]:
            run = descend(network, objective, step, t - done)
            first = first or float(run.losses[0])
            below = np.flatnonzero(run.losses < FRACTION * first)
            if fraction_at is None and len(below):
                fraction_at = done + int(below[0])
            network, done = run.network, t
            error = population.loss(network).score_error
            total = fixed + score_error(v, error / v[:-1])
            rows.append(
                {"t": t, "weighting": name, "path-kl": total, "loss": float(run.losses[-1]) / first}
                | {"floor": RELATIVE_FLOOR * total, "path-kl_floor": RELATIVE_FLOOR * total}
                | {"floor_kind": "quadrature", "engine": "path-parts"}
                | {"mean-score-error": float(error.mean()), "discretisation": fixed}
            )
        rows[-1] |= {"iterations": fraction_at, "rate": prediction.late_rate(step)}
        score = network_score(network, ladder)
        law, coarse = (sampled(target, ladder, score, points) for points in (POINTS, POINTS // 2))
        rows[-1] |= {"kl": law.kl, "w1": law.w1, "kl_floor": abs(law.kl - coarse.kl)}
        rows[-1] |= {"w1_floor": abs(law.w1 - coarse.w1), "lost": law.lost}
        rows[-1] |= {"kl_engine": ENGINE, "w1_engine": ENGINE}
        return rows

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, DEFAULTS, "training")
        times = case.sweep["t"]
        curves = {n: [row for row in rows if row["weighting"] == n] for n in WEIGHTINGS}
        trained = slice(1, None) if times[0] == 0 else slice(None)  # untrained networks are one network
        a, b = ([row["path-kl"] for row in curves[options[key]]][trained] for key in ("first", "second"))
        judged = judge_ordering(a, b, RELATIVE_FLOOR * np.array(a), RELATIVE_FLOOR * np.array(b))
        last = {name: curve[-1] for name, curve in curves.items()}
        ranked = sorted(WEIGHTINGS, key=lambda name: last[name]["path-kl"])
        finest = sorted(WEIGHTINGS, key=lambda name: last[name]["kl"])
        quick = sorted(
            WEIGHTINGS, key=lambda n: last[n]["iterations"] if last[n]["iterations"] is not None else np.inf
        )
        reason = (
            f"least path KL: {', '.join(ranked)}; least output KL: {', '.join(finest)};"
            f" fastest on its own loss: {', '.join(quick)}; the path KL "
            f"weighs the "
            "score error equally per d log sigma, as uniform weights on a geometric grid do; " + judged.reason
        )
        columns = [
            "weighting",
            f"iterations to {FRACTION:g} of the loss",
            "path KL",
            "output KL",
            "output W1",
            "rate",
        ]
        cells = [
            [n, last[n]["iterations"], *(last[n][k] for k in ("path-kl", "kl", "w1", "rate"))] for n in ranked
        ]
        return Conclusion(
            judged.verdict,
            None,
            None,
            {"reason": reason},
            lambda: {
                "figures": [
                    lines(
                        "path-kl",
                        f"{case.title}: path KL of the sampler during training",
                        axis("iteration + 1", "log"),
                        axis("path KL (nats)", "log"),
                        [
                            series(n, [t + 1 for t in times], [row["path-kl"] for row in curve])
                            for n, curve in curves.items()
                        ],
                        "Exact: the score error of the network by quadrature, and the discretisation part that it "
                        "cannot beat.",
                        hlines=[{"at": rows[0]["discretisation"], "label": "exact score"}],
                    ),
                    lines(
                        "loss",
                        f"{case.title}: each weighting on its own loss",
                        axis("iteration + 1", "log"),
                        axis("loss / first loss", "log"),
                        [
                            series(n, [t + 1 for t in times], [row["loss"] for row in curve])
                            for n, curve in curves.items()
                        ],
                        "On a geometric grid of levels Song is uniform. A loss falls fast where its weight lies on "
                        "levels that train fast, which says little of the samples.",
                    ),
                    bars(
                        "output",
                        f"{case.title}: law of the samples after training",
                        axis("weighting", values=list(WEIGHTINGS)),
                        axis("divergence or distance"),
                        [
                            series(label, WEIGHTINGS, [last[n][m] for n in WEIGHTINGS])
                            for m, label in (("kl", "output KL (nats)"), ("w1", "Wasserstein distance W1"))
                        ],
                        "Exact output law of the sampler with the learned score.",
                    ),
                ],
                "tables": [table("weightings", "Weightings, least path KL first", columns, cells)],
            },
        )
