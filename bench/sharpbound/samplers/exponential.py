"""Exponential integrators: what the semi-linear samplers share.

The probability flow is semi-linear in each of three ways of writing it; in all of them one step is

    y(r) = P(r) y + G(r) int_0^1 r z e^{(1 - s) r z} N(s r) ds,     0 <= r <= 1 the part of the step done,

with a linear propagator P, a gain G, a stiffness z and a nonlinearity N that varies slowly. A method
replaces N by a polynomial in s, and the weights of s^{k-1}/(k-1)! are r z phi_k(r z).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler, Stage, Step, log_snr

_SERIES_TERMS = 20
"""1/20! < 1e-18: the series of phi is exact to rounding up to |z| = 1."""


def phi(k: int, z: float) -> float:
    """phi_1(z) = (e^z - 1)/z, phi_{k+1}(z) = (phi_k(z) - 1/k!)/z, i.e. sum_j z^j/(j + k)!."""
    if abs(z) <= 1:
        return math.fsum(z**j / math.factorial(j + k) for j in range(_SERIES_TERMS))
    if k == 1:
        return math.expm1(z) / z
    return (phi(k - 1, z) - 1 / math.factorial(k - 1)) / z


@dataclass(frozen=True)
class NoiseForm:
    """d(y/a)/dlambda = -e^{-lambda} eps: DPM-Solver's form, P = a(r)/a, G = -sigma(r), z = h."""

    step: Step

    @property
    def z(self) -> float:
        return self.step.h

    def level(self, r: float) -> Level:
        if r == 1:
            return self.step.a_next, self.step.sigma_next
        return self.step.ladder.process.level_at(log_snr(self.step.ladder, self.step.t) + r * self.step.h)

    def linear(self, r: float) -> tuple[float, float]:
        """P(r) and G(r)."""
        a, sigma = self.level(r)
        return a / self.step.a, -sigma

    def nonlinear(self, r: float, y: Tensor) -> Tensor:
        level = self.level(r)
        return self.step.noise(y) if r == 0 else -level[1] * self.step.score_between(level, y)


@dataclass(frozen=True)
class DataForm(NoiseForm):
    """d(y/sigma)/dlambda = e^lambda x0: DPM-Solver++'s form, P = sigma(r)/sigma, G = -a(r), z = -h."""

    @property
    def z(self) -> float:
        return -self.step.h

    def linear(self, r: float) -> tuple[float, float]:
        a, sigma = self.level(r)
        return sigma / self.step.sigma, -a

    def nonlinear(self, r: float, y: Tensor) -> Tensor:
        if r == 0:
            return self.step.data(y)
        a, sigma = self.level(r)
        return (y + sigma**2 * self.step.score_between((a, sigma), y)) / a


@dataclass(frozen=True)
class ScoreForm:
    """dy/du = y + s with u = log a (variance preserving): P = a(r)/a, G = 1, z = log(a_{t-1}/a_t)."""

    step: Step

    @property
    def z(self) -> float:
        return -0.5 * math.log1p(-self.step.beta)

    def level(self, r: float) -> Level:
        if r == 1:
            return self.step.a_next, self.step.sigma_next
        log_a = math.log(self.step.a) + r * self.z
        return math.exp(log_a), math.sqrt(-math.expm1(2 * log_a))

    def linear(self, r: float) -> tuple[float, float]:
        return math.exp(r * self.z), 1.0

    def nonlinear(self, r: float, y: Tensor) -> Tensor:
        return self.step.score(self.step.t, y) if r == 0 else self.step.score_between(self.level(r), y)


Form = NoiseForm | ScoreForm


def first_order(form: Form, y: Tensor, n0: Tensor, r: float = 1.0) -> Tensor:
    """P y + G r z phi_1(r z) N(0): the nonlinearity frozen."""
    propagator, gain = form.linear(r)
    return propagator * y + gain * math.expm1(r * form.z) * n0


def second_order(form: Form, y: Tensor, n0: Tensor, c: float = 0.5) -> Tensor:
    """Two stages, at 0 and c: P y + G z phi_1(z) [(1 - 1/2c) N(0) + 1/2c N(c)]."""
    n_c = form.nonlinear(c, first_order(form, y, n0, c))
    return first_order(form, y, n0 + (n_c - n0) / (2 * c))


def third_order(form: Form, y: Tensor, n0: Tensor) -> Tensor:
    """Three stages at 0, 1/3, 2/3 (Hochbruck & Ostermann, Acta Numerica 2010, eq. (5.8) with gamma = 0):

    y(2/3) = P y + G z' [phi_1(z') N(0) + 2 phi_2(z') (N(1/3) - N(0))],    z' = 2z/3,
    y(1)   = P y + G z  [phi_1(z) N(0) + (3/2) phi_2(z) (N(2/3) - N(0))].
    """
    n_1 = form.nonlinear(1 / 3, first_order(form, y, n0, 1 / 3))
    z, (_, gain) = 2 / 3 * form.z, form.linear(2 / 3)
    y_2 = first_order(form, y, n0, 2 / 3) + gain * z * 2 * phi(2, z) * (n_1 - n0)
    n_2 = form.nonlinear(2 / 3, y_2)
    z, (_, gain) = form.z, form.linear(1.0)
    return first_order(form, y, n0) + gain * z * 1.5 * phi(2, z) * (n_2 - n0)


class SingleStep(Sampler):
    """A deterministic exponential Runge-Kutta step of order 1, 2 or 3 in one of the forms.

    A step that ends at sigma = 0 is the first-order one, y' = x0, as in the published implementations: lambda
    is infinite there.
    """

    deterministic = True
    order: int

    @abstractmethod
    def form(self, step: Step) -> Form:
        """The step in the sampler's form."""

    @property
    def nfe(self) -> int:
        return self.order

    def stages(self, step: Step) -> Sequence[Stage]:
        if step.to_data:
            return [Stage(step.data)]
        form = self.form(step)
        method = {1: first_order, 2: second_order, 3: third_order}[self.order]
        return [Stage(lambda y: method(form, y, form.nonlinear(0.0, y)))]
