"""Distances between two Gaussians p = N(m, V) and q = N(m + mean_error, V + cov_error) in R^d.

All but the Wasserstein distances depend on the whitened pair alone: with lambda_i the eigenvalues of
V^{-1/2} (V + cov_error) V^{-1/2} and delta the mean error in that basis, p becomes N(0, I) and q
becomes N(delta, diag(lambda)). Everything is written in the excess eps_i = lambda_i - 1, with the
stable remainders of `sharpbound.numerics.stable`, so a pair that is 1e-9 apart keeps its digits.

One function carries the f-divergences: the Hellinger transform of a coordinate, with u = 1 - s,

    H_i(s) = int p^{1-s} q^s = exp( [u log(1 + eps_i) - log(1 + u eps_i) - s u delta_i^2/(1 + u eps_i)] / 2 ).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtr, ndtri

from sharpbound.distances.base import FloorKind, Law, Measured
from sharpbound.errors import InputError, NotMeasured
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.stable import log1p_minus

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)

CLOSED: FloorKind = "closed-form"
QUADRATURE: FloorKind = "quadrature"


@dataclass(frozen=True)
class GaussianPair(Law):
    """The true marginal p and the sampler's law q, held by p and by q's deviation from it.

    ``cov`` and ``cov_error`` have shape (d,) when both covariances are diagonal, else (d, d).
    ``rounding`` estimates the relative rounding error of q's moments; every floor derives from it.
    """

    mean: Array
    cov: Array
    mean_error: Array
    cov_error: Array
    rounding: float = 4 * EPS
    engine: str = ""

    held_by: ClassVar[FloorKind] = "closed-form"

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS

    def density(self, x: Array) -> Array:
        mean, std = self._on_the_line("density")
        return np.exp(-0.5 * ((np.asarray(x) - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))

    def cdf(self, x: Array) -> Array:
        mean, std = self._on_the_line("distribution function")
        return np.asarray(ndtr((np.asarray(x) - mean) / std))

    def quantile(self, u: Array) -> Array:
        mean, std = self._on_the_line("quantile function")
        return np.asarray(mean + std * ndtri(u))

    def _on_the_line(self, what: str) -> tuple[float, float]:
        """Mean and standard deviation of q."""
        if self.dim > 1:
            raise NotMeasured(f"a {what} is given for laws on the line, not in d = {self.dim}")
        variance = float((self.cov + self.cov_error).ravel()[0])
        return float(self.mean[0] + self.mean_error[0]), math.sqrt(variance)

    @property
    def dim(self) -> int:
        return len(self.mean)

    @property
    def diagonal(self) -> bool:
        return self.cov.ndim == 1

    @cached_property
    def whitened(self) -> tuple[Array, Array]:
        """(eps, delta), each (d,): eigenvalues of V^{-1/2} cov_error V^{-1/2}, and the mean error there."""
        if self.diagonal:
            return self.cov_error / self.cov, self.mean_error / np.sqrt(self.cov)
        root = np.linalg.cholesky(
            self.cov
        )  # any V = R R^T whitens: R^{-1} differs from V^{-1/2} by a rotation
        inner = np.linalg.solve(root, np.linalg.solve(root, self.cov_error).T)
        excess, basis = np.linalg.eigh(0.5 * (inner + inner.T))
        return excess, basis.T @ np.linalg.solve(root, self.mean_error)

    @cached_property
    def distinct(self) -> tuple[Array, Array, Array]:
        """(eps, delta, count) with equal coordinates merged: (k,) each, k <= d."""
        pairs, counts = np.unique(np.stack(self.whitened, axis=1), axis=0, return_counts=True)
        return pairs[:, 0], pairs[:, 1], counts.astype(np.float64)

    @cached_property
    def uncertainty(self) -> float:
        """Size of the rounding error of (eps, delta) as one vector.

        ``rounding`` per coordinate, times the condition number that whitening a full V brings in,
        and the rounding of the means themselves, seen in standard deviations.
        """
        if self.diagonal:
            condition, means = 1.0, self.mean / np.sqrt(self.cov)
        else:
            condition, means = (
                float(np.linalg.cond(self.cov)),
                np.linalg.solve(np.linalg.cholesky(self.cov), self.mean),
            )
        return self.rounding * (condition * math.sqrt(self.dim) + float(np.linalg.norm(means)))


def log_transform(excess: Any, shift: Any, s: Any) -> Any:
    """log H(s) of N(0, 1) against N(shift, 1 + excess), elementwise; s may be complex.

    The two logarithms agree to first order in a small excess, so their remainders are subtracted; of a large
    one, where the remainders are the excess itself, the logarithms are.
    """
    u = 1.0 - s
    small = np.abs(excess) < 0.5
    near, far = np.where(small, excess, 0.0), np.where(small, 0.0, excess)
    remainders = u * log1p_minus(near) - log1p_minus(u * near)
    spread = np.where(small, remainders, u * np.log1p(far) - np.log(1.0 + u * far))
    return 0.5 * (spread - s * u * shift**2 / (1.0 + u * excess))


def kl(pair: GaussianPair) -> Measured:
    """KL(p || q) = 1/2 sum [log lambda - eps/lambda + delta^2/lambda]; inf if q is degenerate."""
    excess, shift = pair.whitened
    if (excess <= -1).any():
        return Measured(math.inf, 0.0, CLOSED)
    small = np.abs(excess) < 0.5
    spread = np.where(
        small,
        log1p_minus(np.where(small, excess, 0.0)) + excess**2 / (1 + excess),
        np.log1p(excess) - excess / (1 + excess),
    )
    return _second_order(0.5 * float((spread + shift**2 / (1 + excess)).sum()), pair)


def kl_reverse(pair: GaussianPair) -> Measured:
    """KL(q || p) = 1/2 sum [eps - log(1 + eps) + delta^2]; inf if q is degenerate."""
    excess, shift = pair.whitened
    if (excess <= -1).any():
        return Measured(math.inf, 0.0, CLOSED)
    return _second_order(0.5 * float((shift**2 - log1p_minus(excess)).sum()), pair)


def chi2(pair: GaussianPair) -> Measured:
    """chi^2(q || p) = int q^2/p - 1 = prod H_i(2) - 1; inf unless every lambda_i < 2."""
    excess, shift = pair.whitened
    if not ((excess > -1) & (excess < 1)).all():
        return Measured(math.inf, 0.0, CLOSED)
    with np.errstate(over="ignore"):
        value = float(np.expm1(log_transform(excess, shift, 2.0).sum()))
    return _second_order(value, pair, scale=1.0 + value)


def hellinger(pair: GaussianPair) -> Measured:
    """Hellinger distance H = sqrt(1 - BC), BC = int sqrt(p q) the Bhattacharyya coefficient; in [0, 1].

    This H, with H^2 = 1/2 int (sqrt p - sqrt q)^2, is what the metric name ``hellinger`` means.
    """
    excess, shift = pair.whitened
    if (excess <= -1).any():
        return Measured(1.0, 0.0, CLOSED)
    return Measured(
        math.sqrt(-math.expm1(float(log_transform(excess, shift, 0.5).sum()))), pair.uncertainty, CLOSED
    )


def _second_order(value: float, pair: GaussianPair, scale: float = 1.0) -> Measured:
    """A divergence ~ |(eps, delta)|^2: an error e of (eps, delta) moves it by about 2 e sqrt(value) + e^2.

    Where q is far away e is relative to (eps, delta), which adds e value.
    """
    error = pair.uncertainty
    root = math.sqrt(max(value, 0.0))
    return Measured(value, scale * error * (2 * root + error + value), CLOSED)


# -- total variation -------------------------------------------------------------------------


def tv(pair: GaussianPair) -> Measured:
    """TV = 1/2 int |p - q|: crossing points for d = 1, else the Hellinger transform.

    min(p, q) = sqrt(pq) e^{-|l|/2} with l = log q/p, and e^{-|l|/2} is the Fourier transform of a Cauchy
    density, so with H(s) = prod H_i(s) and s = 1/2 + i tau

        TV = 1/(2 pi) int (1 - Re H(1/2 + i tau)) / (tau^2 + 1/4) dtau,        tau real.
    """
    excess, shift, count = pair.distinct
    if (excess <= -1).any():
        return Measured(1.0, 0.0, CLOSED)
    if pair.dim == 1:
        return Measured(_crossing_tv(float(excess[0]), float(shift[0])), pair.uncertainty, CLOSED)
    value, error = transform_tv(excess, shift, count)
    return Measured(value, error + pair.uncertainty, QUADRATURE)


def transform_tv(excess: Array, shift: Array, count: Array) -> tuple[float, float]:
    """TV of prod N(0,1)^count against prod N(shift, 1 + excess)^count, and an error estimate.

    On the real line H oscillates and decays as slowly as |tau|^{-1/2}. Its branch points lie on the
    imaginary tau axis and (1 - H)/(tau^2 + 1/4) has no pole (H(0) = H(1) = 1), so half the line may be
    turned into tau = r e^{i theta}: there H decays exponentially, up or down as the oscillation of H
    goes. Geometric panels in r then converge spectrally; two angles give the same number by different
    sums, and their difference is the error estimate.
    """
    scale = math.sqrt(float((count * (0.5 * excess**2 + shift**2)).sum()))
    if scale == 0.0:
        return 0.0, 0.0
    x, w = gauss_legendre(16)
    edges = np.concatenate([[0.0], 0.25 * 2.0 ** np.arange(41)]) / scale
    half = 0.5 * np.diff(edges)[:, None]
    r = (edges[:-1, None] + half + half * x).ravel()
    weight = (half * w).ravel()

    def along(theta: float) -> tuple[float, float]:
        turn = complex(math.cos(theta), math.sin(theta))
        tau = r * turn
        log_h = np.zeros_like(tau)
        for block in range(0, len(excess), 256):  # bounded memory for many distinct coordinates
            k = slice(block, block + 256)
            log_h += count[k] @ log_transform(excess[k, None], shift[k, None], 0.5 + 1j * tau)
        with np.errstate(over="ignore", invalid="ignore"):
            body = (-np.expm1(log_h) / (tau**2 + 0.25)) @ weight * turn
        tail = 2 * np.arctan(0.5 / (edges[-1] * turn))  # int of 1/(tau^2 + 1/4) where H has died out
        return float((body + tail).real / math.pi), float(log_h.real.max())

    sign = min((1, -1), key=lambda sign: along(sign * 0.3)[1])
    value = along(sign * 0.3)[0]
    return value, abs(value - along(sign * 0.2)[0]) + 16 * EPS * value


def _crossing_tv(excess: float, shift: float) -> float:
    """TV of N(0,1) and N(shift, 1 + excess) from the points where the densities cross,

    eps z^2 + 2 delta z - delta^2 - lambda log lambda = 0. Between two roots z the mass differs by
    [Phi(z) - Phi((z - delta)/sqrt lambda)] at one minus the same at the other; each bracket is an
    integral of phi over a short interval, so nothing of size one is subtracted.
    """
    if excess == 0.0 and shift == 0.0:
        return 0.0
    lam = 1.0 + excess
    sqrt_excess = math.expm1(0.5 * math.log1p(excess))  # sqrt(lambda) - 1
    constant = shift**2 + lam * math.log1p(excess)
    root = math.sqrt(max(shift**2 + excess * constant, 0.0))
    far = -(abs(shift) + root) * math.copysign(1.0, shift)  # stable pair: z1 = far/eps, z2 = -constant/far
    z1 = far / excess if excess != 0.0 else math.inf
    z2 = -constant / far
    total = 0.0
    for z, sign in ((z1, 1.0), (z2, -1.0)):
        if math.isfinite(z):
            total += sign * _phi_between(z, (z * sqrt_excess + shift) / (1.0 + sqrt_excess))
    return abs(total)


def _phi_between(z: float, h: float) -> float:
    """Phi(z) - Phi(z - h), to relative machine precision when h is small."""
    if abs(h) < 1.0:
        x, w = gauss_legendre(24)
        points = z - 0.5 * h * (1 + x)
        return float(0.5 * h * (w @ np.exp(-0.5 * points**2)) / math.sqrt(2 * math.pi))
    return float(ndtr(z) - ndtr(z - h)) if z < 0 else float(ndtr(h - z) - ndtr(-z))


# -- Wasserstein -----------------------------------------------------------------------------


def w1(pair: GaussianPair) -> Measured:
    """W1 on the line: E |mean_error + std_error Z|, the quantile functions being m + std Z."""
    if pair.dim != 1:
        raise InputError(
            f"w1 of Gaussians has a closed form on the line only, not in d = {pair.dim}: use w2",
            key="measure.metric",
        )
    std, gap = _std_error(pair.cov.ravel(), pair.cov_error.ravel())
    m, s = abs(float(pair.mean_error[0])), abs(float(gap[0]))
    value = m
    if s > 0:
        value = s * math.sqrt(2 / math.pi) * math.exp(-0.5 * (m / s) ** 2) + m * float(
            erf(m / s / math.sqrt(2))
        )
    return Measured(value, pair.rounding * (float(std[0]) + abs(float(pair.mean[0])) + value), CLOSED)


def w2(pair: GaussianPair) -> Measured:
    """W2^2 = |mean_error|^2 + min_U |V^{1/2} - L U|_F^2 over orthogonal U, for any L L^T = V + cov_error.

    With V = R R^T and cov_error = R M R^T take L = R (I + M)^{1/2}, close to R when the laws are; the best
    U is the polar factor of L^T R. Unlike the trace formula this subtracts no large numbers, so it is
    good to rounding of sqrt(tr V) in absolute terms (and in relative terms for diagonal pairs).
    """
    if pair.diagonal:
        _, gap = _std_error(pair.cov, pair.cov_error)
        spread = float((gap**2).sum())
        size = math.sqrt(float(pair.cov.sum()))
    else:
        root = np.linalg.cholesky(pair.cov)
        inner = np.linalg.solve(root, np.linalg.solve(root, pair.cov_error).T)
        excess, basis = np.linalg.eigh(0.5 * (inner + inner.T))
        change = basis * np.expm1(0.5 * np.log1p(np.maximum(excess, -1.0))) @ basis.T  # (I + M)^{1/2} - I
        factor = root + root @ change
        left, _, right = np.linalg.svd(factor.T @ root)
        spread = float(((root - factor @ (left @ right)) ** 2).sum())
        size = math.sqrt(float(np.trace(pair.cov)))
    value = math.sqrt(float(pair.mean_error @ pair.mean_error) + spread)
    return Measured(value, pair.rounding * (size + float(np.linalg.norm(pair.mean)) + value), CLOSED)


def _std_error(var: Array, var_error: Array) -> tuple[Array, Array]:
    """(sqrt(v), sqrt(v + e) - sqrt(v)) without cancellation."""
    std = np.sqrt(var)
    return std, var_error / (np.sqrt(np.maximum(var + var_error, 0.0)) + std)


METRICS = {
    "tv": tv,
    "kl": kl,
    "kl-reverse": kl_reverse,
    "chi2": chi2,
    "hellinger": hellinger,
    "w1": w1,
    "w2": w2,
}
"""Metric name of a case file -> distance."""
