"""Fisher information I(v) of X0 + sqrt(v) W, and its decay J(v) = -I'(v).

With s_v the score of X0 + sqrt(v) W,

    I(v) = E |s_v|^2,        J(v) = -dI/dv = E |grad s_v|_F^2   (second de Bruijn identity),

both positive, so that everything the design space needs is a sum of positive terms. The denoising
("Bayes") loss of level sigma^2 = v is min_S E|sigma S + xi|^2 = d - v I(v).
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Chebyshev, legendre
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dct

from sharpbound import targets
from sharpbound.errors import InputError
from sharpbound.marginals.expectation import LineLaw
from sharpbound.numerics.quadrature import Panels
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.product import Product

Array = NDArray[np.float64]

SERIES_TOLERANCE = 1e-12
"""Size of the last Chebyshev coefficients of log(v I) at which the degree is enough."""


class Information(ABC):
    """I and J of one law, as functions of the noise variance v > 0."""

    dim: int

    @abstractmethod
    def value(self, v: ArrayLike) -> Array:
        """I(v) = E |score|^2, elementwise."""

    @abstractmethod
    def decay(self, v: ArrayLike) -> Array:
        """J(v) = -I'(v) = E |grad score|_F^2, elementwise."""

    def both(self, v: ArrayLike) -> tuple[Array, Array]:
        """I(v) and J(v)."""
        return self.value(v), self.decay(v)


class GaussianInformation(Information):
    """X0 ~ N(m, cov): I = sum 1/(lambda_i + v), J = sum 1/(lambda_i + v)^2; a point mass has lambda = 0.

    ``eigenvalues`` (d,) are those of cov; InputError unless they are finite and >= 0.
    """

    def __init__(self, eigenvalues: ArrayLike) -> None:
        self.eigenvalues: Array = np.atleast_1d(np.asarray(eigenvalues, dtype=np.float64))
        if not (np.isfinite(self.eigenvalues).all() and (self.eigenvalues >= 0).all()):
            raise InputError("a covariance has finite eigenvalues >= 0", key="target.cov")
        self.dim = len(self.eigenvalues)
        self._distinct, self._counts = np.unique(self.eigenvalues, return_counts=True)

    def value(self, v: ArrayLike) -> Array:
        return (1 / (self._distinct + np.asarray(v, dtype=np.float64)[..., None])) @ self._counts

    def decay(self, v: ArrayLike) -> Array:
        return (1 / (self._distinct + np.asarray(v, dtype=np.float64)[..., None]) ** 2) @ self._counts


class LineInformation(Information):
    """A law on the line, by quadrature: log(v I) and log(v^2 J) as Chebyshev series in log v.

    The two functions are analytic and slowly varying in log v, so a few hundred quadratures on
    ``[v_min, v_max]`` serve every ladder in that range; the degree is doubled until the series'
    last coefficients are below ``tolerance``. Evaluation outside the range raises InputError.
    """

    dim = 1

    def __init__(
        self, target: Target1D, v_min: float, v_max: float, tolerance: float = SERIES_TOLERANCE
    ) -> None:
        self.range = (v_min, v_max)
        self.target = target
        ends = math.log(v_min), math.log(v_max)
        log_value, log_decay = _chebyshev(lambda u: self._quadrature(math.exp(u)), *ends, tolerance)
        # short polynomials on panels say the same and are evaluated in no time
        self._panels = Panels.between(np.linspace(*ends, 2 + log_value.degree() // 8))
        nodes = self._panels.nodes
        self._coefficients = np.stack([self._panels.coefficients(f(nodes)) for f in (log_value, log_decay)])

    def _quadrature(self, v: float) -> tuple[float, float]:
        """(log v I, log v^2 J) by panels on the law itself."""
        law = LineLaw.of(self.target, 1.0, math.sqrt(v))
        information = v * (law.weights * law.score**2).sum()
        decay = v**2 * (law.weights * law.slope**2).sum()
        return math.log(information), math.log(decay)

    def _log(self, v: ArrayLike) -> Array:
        v = np.asarray(v, dtype=np.float64)
        lo, hi = self.range
        if v.size and not (v.min() >= lo * (1 - 1e-12) and v.max() <= hi * (1 + 1e-12)):
            raise InputError(
                f"Fisher information was tabulated on [{lo:g}, {hi:g}], asked at [{v.min():g}, {v.max():g}]"
            )
        return np.log(np.clip(v, lo, hi))

    def _series(self, v: ArrayLike, which: slice) -> tuple[Array, Array]:
        """log v, and log(v I) or log(v^2 J) or both there, stacked."""
        u = self._log(v)
        index, local = self._panels.locate(u)
        basis = legendre.legvander(local, self._panels.n - 1)
        return u, np.einsum("...k,f...k->f...", basis, self._coefficients[which][:, index])

    def value(self, v: ArrayLike) -> Array:
        u, (log_value,) = self._series(v, slice(0, 1))
        return np.exp(log_value - u)

    def decay(self, v: ArrayLike) -> Array:
        u, (log_decay,) = self._series(v, slice(1, 2))
        return np.exp(log_decay - 2 * u)

    def both(self, v: ArrayLike) -> tuple[Array, Array]:
        u, (log_value, log_decay) = self._series(v, slice(0, 2))
        return np.exp(log_value - u), np.exp(log_decay - 2 * u)


class ProductInformation(Information):
    """Independent blocks ``parts``, each repeated ``copies`` times: I and J add."""

    def __init__(self, parts: Sequence[Information], copies: Sequence[int]) -> None:
        self.blocks = list(zip(parts, copies, strict=True))
        self.dim = sum(count * part.dim for part, count in self.blocks)

    def value(self, v: ArrayLike) -> Array:
        return np.sum([count * part.value(v) for part, count in self.blocks], axis=0)

    def decay(self, v: ArrayLike) -> Array:
        return np.sum([count * part.decay(v) for part, count in self.blocks], axis=0)


def information(
    target: Target, v_min: float, v_max: float, tolerance: float = SERIES_TOLERANCE
) -> Information:
    """I and J of a target for noise variances in [v_min, v_max]: closed form if Gaussian, else tabulated.

    ``tolerance`` is that of the tabulated series. Products add over their factors. Raises InputError for
    other laws in several dimensions.
    """
    if target.family == "gaussian":
        return GaussianInformation(torch.linalg.eigvalsh(target.moments().cov).clamp(min=0).numpy())
    if isinstance(target, Target1D):
        return LineInformation(target, v_min, v_max, tolerance)
    if isinstance(target, Product):
        parts = [information(factor, v_min, v_max, tolerance) for factor, _ in target.counts]
        return ProductInformation(parts, [count for _, count in target.counts])
    raise InputError(
        f"the Fisher information of {target.family} in {target.dim} dimensions is not available; "
        "use a target on the line, a product or a Gaussian",
        key="target.family",
    )


@lru_cache(maxsize=32)
def _tabulated(spec: str, v_min: float, v_max: float, tolerance: float) -> Information:
    return information(targets.build(json.loads(spec)), v_min, v_max, tolerance)


def tabulated(
    spec: Mapping[str, Any], v_min: float, v_max: float, tolerance: float = SERIES_TOLERANCE
) -> Information:
    """`information` of the target that a ``[target]`` table describes, kept for the next case that asks."""
    return _tabulated(json.dumps(spec, sort_keys=True), v_min, v_max, tolerance)


def _chebyshev(
    f: Callable[[float], tuple[float, float]], lo: float, hi: float, tolerance: float
) -> list[Chebyshev]:
    """Chebyshev series of each component of ``f`` on [lo, hi], to ``tolerance`` or degree 1024.

    The points cos(pi k/degree) are nested, so doubling the degree computes only the new ones.
    """
    known: dict[float, tuple[float, float]] = {}
    degree = 32
    while True:
        fractions = np.arange(degree + 1) / degree
        for fraction in fractions:
            if fraction not in known:
                known[fraction] = f(0.5 * (lo + hi) + 0.5 * (hi - lo) * math.cos(math.pi * fraction))
        coefficients = dct(np.array([known[fraction] for fraction in fractions]), type=1, axis=0) / degree
        coefficients[[0, -1]] /= 2
        if np.abs(coefficients[-4:]).max() < tolerance or degree == 1024:
            return [Chebyshev(c, domain=[lo, hi]) for c in coefficients.T]
        degree *= 2
