"""The uniform law on a sphere of R^d, smoothed: a radial law.

With r = |x|, rho = a radius, kappa = r rho/sigma^2 and theta the angle between x and a X0,

    log p = -(r - rho)^2/(2 sigma^2) - (d/2) log(2 pi sigma^2)
            + log int_0^pi sin(theta)^(d-2) exp(kappa (cos theta - 1)) dtheta / B((d-1)/2, 1/2),

which is Gamma(d/2) (2/kappa)^(d/2-1) I_(d/2-1)(kappa) in Bessel's notation. Radial derivatives are
cumulants of cos theta under that integrand. One Gauss-Legendre rule on the stretch around its peak
gives them all without cancellation, for any d and kappa, where ratios of Bessel functions under-
or overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from scipy.special import betaln
from torch import Tensor

from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target
from sharpbound.targets.facts import Facts

_NODES, _WEIGHTS = (torch.tensor(v) for v in gauss_legendre(64))
_REACH = 13.0
"""Half-width of the stretch in standard deviations of the peak; skewness (d = 3) needs more than 9."""
_SMALL = 2e-2
"""Below this kappa three terms of the power series are nearer than differences of small numbers: both to 1e-10."""


@dataclass(frozen=True)
class _Angle:
    """The law of theta given kappa: 1 - cos theta at the nodes, weights of sum 1, log normaliser."""

    versine: Tensor
    weights: Tensor
    log_mass: Tensor

    @classmethod
    def at(cls, kappa: Tensor, dim: int) -> _Angle:
        n = dim - 2
        # The integrand peaks where n cos = kappa sin^2.
        cosine = 2 * kappa / (n + torch.sqrt(n * n + 4 * kappa * kappa)).clamp_min(1e-300)
        cosine = cosine.clamp_max(1.0)  # in the plane it is 1, and may round above
        sine2 = 1 - cosine * cosine if n == 0 else n * cosine / kappa.clamp_min(1e-300)
        sine2 = torch.where(kappa < 1, 1 - cosine * cosine, sine2)
        peak = torch.atan2(torch.sqrt(sine2), cosine)
        spread = 1 / torch.sqrt(n / sine2.clamp_min(1e-300) + kappa * cosine).clamp_min(1e-3)
        low = (peak - _REACH * spread).clamp_min(0.0).unsqueeze(-1)
        high = (peak + _REACH * spread).clamp_max(math.pi).unsqueeze(-1)
        theta = low + (high - low) / 2 * (1 + _NODES)
        versine = 2 * torch.sin(theta / 2) ** 2
        log_f = -kappa.unsqueeze(-1) * versine + torch.log((high - low) / 2 * _WEIGHTS)
        if n:
            log_f = log_f + n * torch.log(torch.sin(theta))
        return cls(versine, torch.softmax(log_f, -1), torch.logsumexp(log_f, -1))

    def mean(self, f: Tensor) -> Tensor:
        return (self.weights * f).sum(-1)

    def cumulant(self, order: int) -> Tensor:
        """Cumulant of cos theta of order 2, 3 or 4."""
        centred = self.mean(self.versine).unsqueeze(-1) - self.versine
        moment = self.mean(centred**order)
        return moment - 3 * self.mean(centred**2) ** 2 if order == 4 else moment


def log_angular_mean(kappa: Tensor, dim: int) -> Tensor:
    """log E exp(kappa (cos theta - 1)), theta the angle between a fixed and a uniform direction of R^dim."""
    return _Angle.at(kappa, dim).log_mass - float(betaln((dim - 1) / 2, 0.5))


class Sphere(Target):
    """The uniform law on the sphere |x| = radius in R^dim, dim >= 2."""

    family = "sphere"
    has_density = False

    def __init__(self, radius: Any, dim: Any) -> None:
        self.radius = parameters.number(radius, "radius", above=0.0)
        self.dim = parameters.integer(dim, "dim", least=2)

    def radial_log_density(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """log p(x) at |x| = r: the density in R^d, not that of the radius (add (d-1) log r + log area)."""
        self.check(a, sigma)
        rho = a * self.radius
        normal = -0.5 * ((r - rho) / sigma) ** 2 - 0.5 * self.dim * math.log(2 * math.pi * sigma**2)
        return normal + log_angular_mean(r * rho / sigma**2, self.dim)

    def radial_score(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """d/dr log p at |x| = r; the score is x/r times it."""
        return self._first(r, a, sigma, self._angle(r, a, sigma))

    def radial_score_derivative(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """(d/dr)^2 log p at |x| = r."""
        return self._second(a, sigma, self._angle(r, a, sigma))

    def radial_score_jet(self, r: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """Both, of one quadrature."""
        angle = self._angle(r, a, sigma)
        return self._first(r, a, sigma, angle), self._second(a, sigma, angle)

    def radial_score_derivative_jet(self, r: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The second and third derivative of log p along a ray."""
        angle = self._angle(r, a, sigma)
        return self._second(a, sigma, angle), (a * self.radius / sigma**2) ** 3 * angle.cumulant(3)

    def radial_grad_divergence_jet(self, r: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """d/dr of the divergence s' + (d - 1) s/r of the score in R^d, and its derivative.

        With A(kappa) = E cos theta, whose derivatives are cumulants, and B = A/kappa the first is
        scale^3 [A'' + (d - 1) B'], scale = a radius/sigma^2.
        """
        d, scale = self.dim, a * self.radius / sigma**2
        kappa, angle = r * scale, self._angle(r, a, sigma)
        third, known = angle.cumulant(3), kappa.clamp_min(_SMALL)
        ratio = angle.mean(angle.versine * (2 - angle.versine)) / (d - 1)
        bend = (angle.cumulant(2) - ratio) / known  # B'
        value = torch.where(kappa < _SMALL, self._odd_series(kappa), third + (d - 1) * bend)
        slope = angle.cumulant(4) + (d - 1) * (third - 2 * bend) / known
        slope = torch.where(kappa < _SMALL, self._even_series(kappa), slope)
        return scale**3 * value, scale**4 * slope

    def _series(self) -> tuple[float, float, float]:
        """Of A = kappa/d + c3 kappa^3 + c5 kappa^5 + c7 kappa^7 + ..., the derivative of log 0F1."""
        d = self.dim
        c3, c5 = -1 / (d**2 * (d + 2)), 2 / (d**3 * (d + 2) * (d + 4))
        return c3, c5, -(5 * d + 12) / (d**4 * (d + 2) ** 2 * (d + 4) * (d + 6))

    def _odd_series(self, kappa: Tensor) -> Tensor:
        """A'' + (d - 1) B'."""
        n, (c3, c5, c7) = self.dim - 1, self._series()
        return kappa * ((6 + 2 * n) * c3 + kappa**2 * ((20 + 4 * n) * c5 + kappa**2 * (42 + 6 * n) * c7))

    def _even_series(self, kappa: Tensor) -> Tensor:
        """The derivative of that."""
        n, (c3, c5, c7) = self.dim - 1, self._series()
        return (6 + 2 * n) * c3 + kappa**2 * (3 * (20 + 4 * n) * c5 + kappa**2 * 5 * (42 + 6 * n) * c7)

    def _angle(self, r: Tensor, a: float, sigma: float) -> _Angle:
        self.check(a, sigma)
        return _Angle.at(r * (a * self.radius) / sigma**2, self.dim)

    def _first(self, r: Tensor, a: float, sigma: float, angle: _Angle) -> Tensor:
        rho = a * self.radius
        kappa = r * rho / sigma**2
        # E cos = kappa E sin^2/(d - 1) is the form without cancellation at small kappa.
        sine2 = angle.mean(angle.versine * (2 - angle.versine))
        small = -r + rho * kappa * sine2 / (self.dim - 1)
        return torch.where(kappa < 1, small, (rho - r) - rho * angle.mean(angle.versine)) / sigma**2

    def _second(self, a: float, sigma: float, angle: _Angle) -> Tensor:
        return (a * self.radius / sigma**2) ** 2 * angle.cumulant(2) - 1 / sigma**2

    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.radial_log_density(x.norm(dim=-1), a, sigma)

    def _score_over_r(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """(d/dr log p)/r, finite at r = 0."""
        rho = a * self.radius
        kappa = r * rho / sigma**2
        angle = _Angle.at(kappa, self.dim)
        sine2 = angle.mean(angle.versine * (2 - angle.versine))
        small = (rho / sigma) ** 2 * sine2 / (self.dim - 1) - 1
        large = ((rho - r) - rho * angle.mean(angle.versine)) / r
        return torch.where(kappa < 1, small, large) / sigma**2

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return x * self._score_over_r(x.norm(dim=-1, keepdim=True), a, sigma)

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        r = x.norm(dim=-1)
        across = self._score_over_r(r, a, sigma)
        along = self.radial_score_derivative(r, a, sigma)
        unit = x / r.clamp_min(1e-300).unsqueeze(-1)
        outer = unit.unsqueeze(-1) * unit.unsqueeze(-2)
        identity = torch.eye(self.dim, dtype=torch.float64)
        return across[..., None, None] * identity + (along - across)[..., None, None] * outer

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        r = x.norm(dim=-1)
        value, _ = self.radial_grad_divergence_jet(r, a, sigma)
        return x * (value / r.clamp_min(1e-300)).unsqueeze(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        normal = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return self.radius * normal / normal.norm(dim=-1, keepdim=True)

    def facts(self) -> Facts:
        return Facts(
            radius=self.radius,
            low_dimensional=True,
            smooth=False,
            lipschitz_score=False,
            log_concave=False,
            strongly_log_concave=False,
            sub_gaussian=True,
            gaussian=False,
        )

    def moments(self) -> Moments:
        identity = torch.eye(self.dim, dtype=torch.float64)
        return Moments(torch.zeros(self.dim, dtype=torch.float64), self.radius**2 / self.dim * identity)
