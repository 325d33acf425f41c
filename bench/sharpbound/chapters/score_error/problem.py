"""One point of a score-error sweep: a target, a ladder, a sampler and an error, and the row they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sharpbound import processes, samplers, scores, targets
from sharpbound.chapters.score_error import counter_examples, rotation
from sharpbound.chapters.score_error import laws as law
from sharpbound.chapters.score_error.budget import path_budget, tv_budget
from sharpbound.chapters.score_error.iid_noise import NoisyScore, step_gains
from sharpbound.chapters.score_error.response import RELATIVE_FLOOR, Response, random_fields
from sharpbound.distances.base import Measured
from sharpbound.errors import InputError
from sharpbound.laws import LAW_METRICS, NotMeasured, finite_or_note, floor_kind
from sharpbound.laws.chains import Chain
from sharpbound.processes.ladder import Ladder
from sharpbound.records.document import Row
from sharpbound.samplers import Sampler
from sharpbound.scores import Injection
from sharpbound.scores.scaling import Window, level_norms
from sharpbound.targets.base import Target, Target1D

ADDED = tuple(f"{name}-added" for name in law.ADDED)
"""Between the outputs with the wrong and with the exact score."""
PATH = ("path-kl", "path-kl-added", "path-bound")
"""The path KL, the error's part of it, and sqrt(path-kl/2), which bounds tv."""
METRICS = (*LAW_METRICS, *ADDED, *PATH, "robust-bound")
"""``robust-bound``: delta + TV with the exact score."""
WORST = ("tv-added", "tv-added-random", "girsanov-bound")
"""For field = "worst": the worst field of the budget, the mean of Fourier fields, and sqrt(KL/2) of the
chains with the exact score and with the worst field."""
COUNTER = ("tv", "tv-added")


def allowed_metrics(error: dict[str, Any]) -> tuple[str, ...]:
    """The metrics that a kind of field has."""
    if error.get("field") == "worst":
        return WORST
    if error.get("field") == rotation.FIELD:
        return rotation.METRICS
    return COUNTER if error.get("field") in counter_examples.FIELDS else METRICS


@dataclass(frozen=True)
class Problem:
    """One target, ladder, sampler and error."""

    target: Target
    ladder: Ladder
    sampler: Sampler
    init: str
    error: dict[str, Any]
    metrics: Sequence[str]
    budget: bool

    @classmethod
    def of(cls, params: dict[str, Any]) -> Problem:
        return cls(
            targets.build(params["target"]),
            processes.build(params["forward"], params["T"]),
            samplers.build(params["sampler"]),
            params["sampler"].get("init", "normal"),
            params["error"],
            params["metrics"],
            params["budget"],
        )

    @property
    def field(self) -> str:
        return str(self.error.get("field"))

    def check(self) -> None:
        """Raise InputError for what cannot be measured."""
        self.sampler.check(self.ladder)
        if self.field == "worst":
            self._line_target()
            step_gains(self.sampler, self.ladder, self.ladder.T)
            return
        if self.field in counter_examples.FIELDS:
            counter_examples.counter_example(self.error, self.target, self.ladder, self.sampler)
            return
        if self.field == rotation.FIELD:
            rotation.rotated(self.error, self.target, self.ladder)
            self._check_path()
            return
        injection = self.injection
        if "robust-bound" in self.metrics and "delta" not in self.error:
            raise InputError(
                "is missing; robust-bound is delta + TV with the exact score", key="score_error.delta"
            )
        self._check_path()
        if self.field == "iid-noise":
            self._noisy(injection)

    def _check_path(self) -> None:
        if set(self.metrics) & set(PATH) and self.sampler.deterministic:
            raise InputError(
                f"path-kl is infinite for {self.sampler.name}, which is deterministic", key="measure.metric"
            )

    def row(self) -> Row:
        """The metrics with their floors, and the sizes of the error."""
        if self.field == "worst":
            return self._worst_row()
        if self.field in counter_examples.FIELDS:
            return self._counter_row()
        if self.field == rotation.FIELD:
            problem = self.target, self.ladder, self.sampler, self.init
            return rotation.row(self.error, *problem, tuple(self.metrics))
        row: Row = {}
        notes = []
        for metric in self.metrics:
            try:
                found: Measured | NotMeasured = self._measure(metric)
            except NotMeasured as reason:
                found = reason
            value, floor, note = finite_or_note(found)
            row |= {metric: value, f"{metric}_floor": floor}
            if metric == self.metrics[0]:
                row |= {
                    "floor_kind": floor_kind(found),
                    "engine": self._engine(metric) if value is not None else None,
                }
            elif floor_kind(found) not in (None, row["floor_kind"]):
                row[f"{metric}_floor_kind"] = floor_kind(found)
            notes += [f"{metric}: {note}"] if note else []
        if notes:
            row["note"] = "; ".join(notes)
        return row | self._sizes() | (self._budget() if self.budget else {})

    @cached_property
    def injection(self) -> Injection:
        if self.field == "iid-noise":  # the same bookkeeping, on which the noise takes the place of the field
            for key in self.error:
                if key not in ("field", "eps", "profile", "window"):
                    raise InputError("iid-noise takes eps, profile and window", key=f"score_error.{key}")
            return scores.build(self.error | {"field": "constant"}, self.target, self.ladder)
        return scores.build(self.error, self.target, self.ladder)

    def _measure(self, metric: str) -> Measured:
        if metric == "robust-bound":
            exact = law.distance(self._exact, "tv")
            return Measured(float(self.error["delta"]) + exact.value, exact.floor, exact.kind)
        if metric in ("path-kl", "path-bound"):
            whole = self._chain.measured
            return whole if metric == "path-kl" else _root(whole)
        if metric == "path-kl-added":
            return law.path_added(self.injection, self.sampler)
        if metric in ADDED:
            return law.distance(self._added, metric.removesuffix("-added"))
        return law.distance(self._output, metric)

    def _engine(self, metric: str) -> str:
        """What found the law, or the chain's divergence, that the metric is read off."""
        if metric in ("path-kl", "path-bound"):
            return self._chain.engine
        if metric == "path-kl-added":
            return "sum over steps"
        if metric == "robust-bound":
            return self._exact.engine
        return (self._added if metric in ADDED else self._output).engine

    @cached_property
    def _chain(self) -> Chain:
        return law.path_chain(self.injection, self.sampler, self.init)

    @cached_property
    def _outputs(self) -> law.Outputs:
        return law.outputs(self.injection, self.sampler, self.init)

    @cached_property
    def _output(self) -> law.Law:
        if self.field == "iid-noise":
            return law.noisy_law(self.injection, self._noisy(self.injection), self.init)
        if not (self.budget or {*ADDED, "robust-bound"} & set(self.metrics)):
            return law.output_law(self.injection, self.sampler, self.init)
        return self._outputs.wrong

    @property
    def _exact(self) -> law.Law:
        return self._outputs.exact

    @cached_property
    def _added(self) -> law.Law:
        if self.field == "iid-noise":
            return law.noise_added_law(self.injection, self._noisy(self.injection), self.init)
        return self._outputs.added

    def _noisy(self, injection: Injection) -> NoisyScore:
        window = Window(*self.error.get("window", (0.0, 1.0)))
        profile = self.error.get("profile", "equal")
        part = injection.parts[0]
        assert part.error is not None
        eps = level_norms(part.error.frames, self.error["eps"] / math.sqrt(self.target.dim), profile, window)
        step_gains(self.sampler, self.ladder, self.ladder.T)
        return NoisyScore(self.sampler, eps)

    def _sizes(self) -> Row:
        if self.field == "iid-noise":
            return {"eps_score": self.injection.eps_score, "eps_jacobi": None}
        sizes: Row = {"eps_score": self.injection.eps_score, "eps_jacobi": self.injection.eps_jacobi}
        if "delta" in self.error:
            # the tail of all steps together is made of one of mass delta/K at each
            steps = self.ladder.T - self.ladder.stop if self.error.get("share") == "steps" else 1
            sizes["d_delta"] = self.injection.d_delta(float(self.error["delta"]) / steps)
        return sizes

    def _budget(self) -> Row:
        tv = tv_budget(self._outputs, self.injection, self.sampler, self.init)
        row: Row = {f"tv-{name}": value for name, value in tv.parts.items()}
        row |= {"tv-total": tv.total, "tv-dominating": tv.dominating}
        try:
            path = path_budget(self.injection, self.sampler, self.init)
        except (NotMeasured, InputError):
            return row
        row |= {f"path-{name}": value for name, value in path.parts.items()}
        return row | {"path-total": path.total, "path-dominating": path.dominating}

    def _line_target(self) -> Target1D:
        for key in self.error:
            if key not in ("field", "eps"):
                raise InputError("the worst field takes eps alone", key=f"score_error.{key}")
        if not isinstance(self.target, Target1D):
            raise InputError("the worst field is found on the line", key="target.family")
        return self.target

    def _worst_row(self) -> Row:
        response = Response(self._line_target(), self.ladder, self.sampler, self.init)
        worst, eps = response.worst(), float(self.error["eps"])
        values: dict[str, Callable[[], float]] = {
            "tv-added": lambda: response.tv(worst, eps),
            "tv-added-random": lambda: float(
                np.mean([response.tv(field, eps) for field in random_fields(response)])
            ),
            "girsanov-bound": lambda: eps * math.sqrt(response.path_kl(worst) / 2),
        }
        row: Row = {"eps_score": eps, "response": response.size(response.forward(worst))}
        for metric in self.metrics:
            value = values[metric]()
            row |= {metric: value, f"{metric}_floor": RELATIVE_FLOOR * value}
        return row | {"floor_kind": "quadrature", "engine": "response"}

    def _counter_row(self) -> Row:
        example = counter_examples.counter_example(self.error, self.target, self.ladder, self.sampler)
        row: Row = {}
        for metric in self.metrics:
            found = example.tv(self.sampler.name) if metric == "tv" else example.tv_added(self.sampler.name)
            row |= {metric: found.value, f"{metric}_floor": found.floor}
            if metric == self.metrics[0]:
                row["floor_kind"] = found.kind
            elif found.kind != row["floor_kind"]:
                row[f"{metric}_floor_kind"] = found.kind
        steps = self.ladder.T
        return row | {
            "engine": "last step",  # of which the law is known in closed form before it
            "l2": example.l2,
            "eps_score": example.l2 / math.sqrt(steps),
            "eps_jacobi": example.mean_slope / steps,
        }


def _root(kl: Measured) -> Measured:
    """sqrt(KL/2), the bound on TV."""
    root = math.sqrt(kl.value / 2)
    return Measured(root, kl.floor / (4 * root) if root else kl.floor, kl.kind)
