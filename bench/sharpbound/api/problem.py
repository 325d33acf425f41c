"""A sampler on a ladder against a target: its output law with every distance, and the divergence of its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sharpbound import laws, processes, samplers, scores
from sharpbound.distances import LAW_METRICS
from sharpbound.distances.base import Law, Measured
from sharpbound.errors import InputError, NotMeasured, did_you_mean
from sharpbound.laws.black_box import measured_w2
from sharpbound.processes import Ladder
from sharpbound.samplers import PlainSampler, Sampler
from sharpbound.samplers.own import as_sampler
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.scores.perturbed import PerturbedScore
from sharpbound.targets import Target, Target1D

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Init = Literal["normal", "exact"]
AnySampler = str | Sampler | type[Sampler] | Callable[..., Any]
"""A name, such as "pf-ode"; a sampler made by `sampler`; or one's own class, object or plain function."""
AnyError = Mapping[str, Any] | ScoreField
"""A ``[score_error]`` table, such as {"field": "linear", "eps": 0.1}; or a score of one's own."""


def schedule(name: str | Callable[..., Ladder], T: int, **parameters: float) -> Ladder:
    """The levels (a_t, sigma_t) of a schedule with T steps; ``sharpbound list schedules`` has the names.

    One's own is a function of T and its parameters that returns a Ladder.
    Raises InputError for an unknown name, and for bad parameters.
    """
    if callable(name):
        ladder = name(T, **parameters)
        if not isinstance(ladder, Ladder):
            raise InputError(f"must return a sharpbound.processes.Ladder, not {ladder!r:.60}", key="schedule")
        return ladder
    return processes.build({"schedule": name, **parameters}, T)


def sampler(name: str, **parameters: Any) -> Sampler:
    """One of the library's samplers with parameters of its own, such as "exponential-rk" with order = 2.

    ``sharpbound list samplers`` has the names. Raises InputError for an unknown name, and for bad parameters.
    """
    return samplers.build({"name": name, **parameters})


@dataclass(frozen=True)
class OutputLaw:
    """The law q of a sampler's output Y_stop beside the true marginal p of X_stop."""

    target: Target
    ladder: Ladder
    sampler: Sampler
    law: Law

    @property
    def engine(self) -> str:
        """What found it: ``sharpbound list engines`` tells them."""
        return self.law.engine

    def distance(self, metric: str) -> Measured:
        """(value, floor, kind of floor) of a distance between q and p: tv, kl, w2, ... (``sharpbound list metrics``).

        KL is KL(p || q). Raises InputError for an unknown metric, NotMeasured where this law does not have it.
        """
        if metric not in LAW_METRICS:
            meant = did_you_mean(metric, LAW_METRICS) or f"; choose from {', '.join(LAW_METRICS)}"
            raise InputError(f"unknown metric {metric!r}{meant}", key="metric")
        return self.law.distance(metric)

    def density(self, x: ArrayLike) -> Array:
        """q(x), elementwise; NotMeasured where the law is not one on the line."""
        return self.law.density(np.asarray(x, dtype=float))

    def cdf(self, x: ArrayLike) -> Array:
        """Mass of q up to x, elementwise; NotMeasured where the law is not one on the line."""
        return self.law.cdf(np.asarray(x, dtype=float))

    def quantile(self, u: ArrayLike) -> Array:
        """The x with cdf(x) = u, elementwise; NotMeasured where the law is not one on the line."""
        return self.law.quantile(np.asarray(u, dtype=float))

    def true_density(self, x: ArrayLike) -> Array:
        """p(x), elementwise; NotMeasured where the target is not one on the line."""
        import torch

        if not isinstance(self.target, Target1D):
            raise NotMeasured(f"a density is given for laws on the line, not for a {self.target.family}")
        points = torch.as_tensor(np.asarray(x, dtype=float))
        return self.target.derivative(points, *self.ladder.level(self.ladder.stop), 0).exp().numpy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Both densities, p filled and q as a line, on ``ax`` or on new axes; NotMeasured off the line."""
        import matplotlib.pyplot as plt

        lo, hi = self.quantile([1e-4, 1 - 1e-4])
        margin = 0.08 * (hi - lo)
        x = np.linspace(lo - margin, hi + margin, 600)
        p, q = self.true_density(x), self.density(x)
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
        ax.fill_between(x, p, color="#c9d2dc", label="truth")
        ax.plot(x, q, color="#0173b2", label=f"{self.sampler.title}, {self._steps} steps")
        ax.set(xlabel="x", ylabel="density", ylim=(0, None), xlim=(x[0], x[-1]))
        ax.legend(frameon=False)
        return ax

    @property
    def _steps(self) -> int:
        return self.ladder.T - self.ladder.stop

    def _told(self) -> list[tuple[str, str, str]]:
        """(metric, value, floor) of the distances that it has."""
        found = []
        for metric in ("tv", "kl", "w2"):
            try:
                value, floor, kind = self.law.distance(metric)
            except NotMeasured:
                continue
            if math.isfinite(value):
                found.append((metric, f"{value:.6g}", f"{floor:.1e} ({kind})"))
        return found

    @property
    def _title(self) -> str:
        return f"{self.sampler.name} on {self.target.family}, {self.ladder.name}, {self._steps} steps"

    def __repr__(self) -> str:
        told = ", ".join(f"{metric} {value}" for metric, value, _ in self._told())
        return f"<output law of {self._title}: {told} (engine {self.engine})>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{metric}</td><td>{value}</td><td>{floor}</td></tr>"
            for metric, value, floor in self._told()
        )
        head = "<tr><th>distance</th><th>value</th><th>floor</th></tr>"
        return f"<table><caption>{self._title} (engine {self.engine})</caption>{head}{rows}</table>"


@dataclass(frozen=True)
class _PlainLaw(Law):
    """What is known of the law of a plain function: W2."""

    sampler: PlainSampler
    target: Target
    ladder: Ladder
    init: Init
    engine = "black-box"

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return {"w2": lambda _: measured_w2(self.sampler, self.target, self.ladder, self.init)}


def output_law(
    target: Target,
    ladder: Ladder,
    sampler: AnySampler,
    init: Init = "exact",
    score_error: AnyError | None = None,
) -> OutputLaw:
    """The law of the sampler's output after all steps of the ladder.

    init : "exact", the true law at the noisiest level, or "normal", N(0, prior_std^2 I).
    score_error : added to the exact score: a table of `sharpbound.scores`, or a ScoreField to be used in its place.
    A plain function (score, x, a, sigma) has a W2 alone. Raises NotMeasured where no engine has the law,
    InputError for arguments that do not go together.
    """
    _check(target, ladder)
    found = _sampler(sampler)
    if isinstance(found, PlainSampler):
        if score_error is not None:
            raise InputError("a plain function is measured with the exact score", key="score_error")
        return OutputLaw(target, ladder, found, _PlainLaw(found, target, ladder, init))
    law = laws.output_law(target, ladder, found, _score(target, ladder, score_error), init)
    return OutputLaw(target, ladder, found, law)


def path_kl(
    target: Target,
    ladder: Ladder,
    sampler: AnySampler,
    init: Init = "exact",
    score_error: AnyError | None = None,
) -> Measured:
    """KL(true reverse chain || the sampler's chain), with its floor and the kind of that.

    Raises InputError for deterministic samplers, whose path divergence is infinite.
    """
    _check(target, ladder)
    found = _sampler(sampler)
    if found.deterministic:
        raise InputError(f"path-kl is infinite for {found.name}, which is deterministic", key="sampler")
    return laws.path_kl(target, ladder, found, _score(target, ladder, score_error), init)


def _check(target: Target, ladder: Ladder) -> None:
    if not isinstance(target, Target):
        raise InputError(f"must be a target, such as sb.Gaussian(0, 1), not {target!r:.60}", key="target")
    if not isinstance(ladder, Ladder):
        raise InputError(
            f'must be a ladder, such as sb.schedule("ou-uniform", T=64), not {ladder!r:.60}', key="ladder"
        )


def _sampler(given: AnySampler) -> Sampler:
    if isinstance(given, str):
        return sampler(given)
    named = getattr(given, "__name__", type(given).__name__)
    return as_sampler(given, named)


def _score(target: Target, ladder: Ladder, error: AnyError | None) -> ScoreField:
    if error is None:
        return ExactScore(target, ladder)
    if isinstance(error, ScoreField):
        return error
    if not isinstance(error, Mapping):
        raise InputError(
            f'must be a table such as {{"field": "linear", "eps": 0.1}}, got {error!r}', key="score_error"
        )
    parts = scores.build(error, target, ladder).parts
    if len(parts) > 1 or parts[0].error is None:
        raise InputError(
            "is not the same in each coordinate: measure a case with it (sb.measure)", key="score_error"
        )
    return PerturbedScore(ExactScore(target, ladder), parts[0].error)
