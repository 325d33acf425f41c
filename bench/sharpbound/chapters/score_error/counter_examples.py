"""Why deterministic samplers need more than a small L2 error: two fields on the last step alone.

X_0 ~ N(0, 1), so every marginal is N(0, 1) and s*(y) = -y; the last step starts from the exact law and has
alpha = 1 - beta. With g = (1 - beta/2)/sqrt(alpha), the exact ODE step is y* = g y, and with kappa =
(1 - beta)/sqrt(alpha) the exact mean of DDPM is kappa y, its noise variance s^2 = beta/alpha.

* ``staircase``: e = (2 sqrt(alpha)/beta)(L floor(y*/L) - y*), L = 2 pi/omega. The ODE's output is
  L floor(y*/L): it has no density, TV = 1, although E e^2 <= 4 alpha L^2/beta^2 -> 0.
* ``sine``: e = A sin(omega y) with A omega = ``slope`` fixed. The ODE's output density keeps swings of a
  fixed size on an ever finer scale, TV -> slope beta/(2 pi), while E e^2 = A^2/2 -> 0.

DDPM smooths both over by its noise: what is left is a variance too large by O(1/omega^2).
Source: derived; the staircase is the counter-example of Li et al., 2306.09251, Section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from sharpbound.distances.base import Measured
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.numerics.roots import roots
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import VP
from sharpbound.samplers.base import Sampler
from sharpbound.targets import Gaussian1D
from sharpbound.targets.base import Target

FIELDS = ("staircase", "sine")
REACH = 9.0
"""Standard deviations that integrals run to: N(0, 1) has 2e-19 beyond."""
SERIES_END = 1e-20


@dataclass(frozen=True)
class CounterExample:
    """One field on one last step."""

    field: str
    omega: float
    beta: float
    slope: float = 100.0

    @property
    def step(self) -> float:
        """L of the staircase."""
        return 2 * math.pi / self.omega

    @property
    def ode_gain(self) -> float:
        return (1 - self.beta / 2) / math.sqrt(1 - self.beta)

    @property
    def l2(self) -> float:
        """||e||_{L2(N(0, 1))}, in closed form: theta-like sums that converge at once."""
        if self.field == "sine":
            return self.slope / self.omega * math.sqrt(-0.5 * math.expm1(-2 * self.omega**2))
        scale = 2 * math.sqrt(1 - self.beta) / self.beta
        return scale * math.sqrt(_sawtooth_square(self.step, self.ode_gain))

    @property
    def mean_slope(self) -> float:
        """E |e'|: almost everywhere for the staircase, whose jumps it does not see."""
        if self.field == "staircase":
            return 2 * math.sqrt(1 - self.beta) / self.beta * self.ode_gain
        # |cos u| = 2/pi - (4/pi) sum_k (-1)^k cos(2 k u)/(4 k^2 - 1), and E cos(2 k omega y) = exp(-2 k^2 omega^2)
        k = np.arange(1, 60)
        rest = ((-1.0) ** k * np.exp(-2 * (k * self.omega) ** 2) / (4 * k**2 - 1)).sum()
        return self.slope * (2 / math.pi - 4 / math.pi * float(rest))

    def tv(self, sampler: str) -> Measured:
        """TV(output, N(0, 1)); the true marginal at the end is N(0, 1) too."""
        return self._tv(sampler, against_exact=False)

    def tv_added(self, sampler: str) -> Measured:
        """TV of the outputs with the wrong and with the exact score."""
        return self._tv(sampler, against_exact=True)

    def _tv(self, sampler: str, against_exact: bool) -> Measured:
        if sampler == "pf-ode":
            if self.field == "staircase":
                return Measured(1.0, 0.0, "closed-form")
            return self._ode_sine(self.ode_gain if against_exact else 1.0)
        density = self._ddpm_staircase if self.field == "staircase" else self._ddpm_sine
        kappa, noise = math.sqrt(1 - self.beta), self.beta / (1 - self.beta)
        reference = math.sqrt(kappa**2 + noise) if against_exact else 1.0
        panels = self._panels(kappa, noise)
        off = density(panels.nodes, kappa, noise) - _excess(
            panels.nodes, math.sqrt(kappa**2 + noise), reference
        )
        value = 0.5 * panels.integrate_abs(off)
        defect = abs(panels.integrate(off)) + float((panels.half * panels.tails(off)).sum())
        return Measured(value, defect + 1e-15)

    def _panels(self, kappa: float, noise: float) -> Panels:
        """As fine as the output density: its own smoothness, and the wave that survives the noise."""
        wave = self.omega / kappa if math.exp(-0.5 * self.omega**2 * noise) > 1e-16 else 0.0
        width = min(1.5 * math.sqrt(noise), 4.0 / wave if wave else math.inf)
        return Panels.between(np.linspace(-REACH, REACH, int(2 * REACH / width) + 2))

    def _ode_sine(self, std: float) -> Measured:
        """1/2 int |q - N(0, std^2)| for the map m(y) = g y + b sin(omega y): with q(m(y)) m'(y) = phi(y),
        1/2 int |phi(y) - N(m(y); 0, std^2) m'(y)| dy, on panels of a quarter of a wave.
        """
        b = 0.5 * self.beta / math.sqrt(1 - self.beta) * self.slope / self.omega
        if not b * self.omega < self.ode_gain:
            raise InputError(
                f"slope {self.slope:g} folds the last step (beta = {self.beta:.3g}); use a slope below "
                f"{self.ode_gain * 2 * math.sqrt(1 - self.beta) / self.beta:.4g}",
                key="score_error.slope",
            )
        edges = np.linspace(-REACH, REACH, int(2 * REACH * self.omega / (0.5 * math.pi)) + 40)
        panels = Panels.between(edges)

        def off(y: Array) -> Array:
            m = self.ode_gain * y + b * np.sin(self.omega * y)
            slope = self.ode_gain + b * self.omega * np.cos(self.omega * y)
            return _normal(y, 1.0) - _normal(m, std) * slope

        signed = Panels.between(np.union1d(edges, roots(off, panels.nodes.ravel())))
        values = off(signed.nodes)
        floor = float((signed.half * signed.tails(values)).sum())
        return Measured(0.5 * float(np.abs((signed.weights * values).sum(1)).sum()), floor + 1e-15)

    def _ddpm_sine(self, x: Array, kappa: float, noise: float) -> Array:
        """q - q_exact for Y = kappa y + b sin(omega y) + s Z, by Jacobi-Anger: the characteristic function is

        sum_n J_n(b xi) exp(-(kappa xi + n omega)^2/2 - s^2 xi^2/2), whose term n is a Gaussian in xi.
        """
        b = self.beta / math.sqrt(1 - self.beta) * self.slope / self.omega
        total = kappa**2 + noise
        out = np.zeros_like(x)
        n = 0
        while True:
            size = math.exp(-0.5 * (n * self.omega) ** 2 * noise / total)
            if n and size < SERIES_END:
                return out
            centre, width = -n * self.omega * kappa / total, 1 / math.sqrt(total)
            xi = Panels.between(np.linspace(centre - REACH * width, centre + REACH * width, 40))
            bessel = special.jv(n, b * xi.nodes) - (n == 0)
            # the terms n and -n are conjugate
            weight = (1 if n == 0 else 2) / (2 * math.pi) * size * xi.weights * bessel
            gauss = np.exp(-0.5 * total * (xi.nodes - centre) ** 2) * weight
            flat = gauss.ravel()
            out += (np.cos(x.ravel()[:, None] * xi.nodes.ravel()) @ flat).reshape(x.shape)
            n += 1

    def _ddpm_staircase(self, x: Array, kappa: float, noise: float) -> Array:
        """q - q_exact: on the cell n L <= g y < (n + 1) L the mean is linear, c y + 2 n L with c = kappa - 2 g,
        and each cell is a Gaussian integral. Cells are summed against the exact linear map's own.
        """
        g, L = self.ode_gain, self.step
        c = kappa - 2 * g
        n = np.arange(math.floor(-REACH * g / L) - 1, math.ceil(REACH * g / L) + 1, dtype=np.float64)
        low, high = n * L / g, (n + 1) * L / g
        out = np.empty_like(x)
        for row, points in enumerate(x):
            wrong = _cell(points[:, None], c, 2 * n * L, noise, low, high)
            right = _cell(points[:, None], kappa, 0.0 * n, noise, low, high)
            out[row] = (wrong - right).sum(1)
        return out


def _cell(x: Array, gain: float, shift: Array, noise: float, low: Array, high: Array) -> Array:
    """int_low^high phi(y) N(x; gain y + shift, noise) dy."""
    total = gain**2 + noise
    centre, width = gain * (x - shift) / total, math.sqrt(noise / total)
    u, v = (low - centre) / width, (high - centre) / width
    mass = np.where(u > 0, special.ndtr(-u) - special.ndtr(-v), special.ndtr(v) - special.ndtr(u))
    return _normal(x - shift, math.sqrt(total)) * mass


def _normal(x: Array, std: float) -> Array:
    return np.exp(-0.5 * (x / std) ** 2) / (std * math.sqrt(2 * math.pi))


def _excess(x: Array, std: float, reference: float) -> Array:
    """N(x; 0, reference^2) - N(x; 0, std^2), without cancellation."""
    log_ratio = -0.5 * x**2 * (1 / std**2 - 1 / reference**2) - math.log(std / reference)
    return -_normal(x, reference) * np.expm1(log_ratio)


def _sawtooth_square(step: float, gain: float) -> float:
    """E (g y - L floor(g y/L))^2: u = frac(g y/L) has E cos(2 pi k u) = exp(-2 (pi k g/L)^2), and

    L^2 u^2 = L^2 [1/3 + sum_k cos(2 pi k u)/(pi k)^2 - sin(2 pi k u)/(pi k)], the sines vanishing.
    """
    k = np.arange(1, 2000)
    return step**2 * (
        1 / 3 + float((np.exp(-2 * (math.pi * k * gain / step) ** 2) / (math.pi * k) ** 2).sum())
    )


def counter_example(
    spec: dict[str, object], target: Target, ladder: Ladder, sampler: Sampler
) -> CounterExample:
    """The counter-example that a ``[score_error]`` table asks for (keys field, omega, slope)."""
    for key in spec:
        if key not in ("field", "omega", "slope"):
            raise InputError(
                f"{spec['field']} has no such key; it takes omega and slope", key=f"score_error.{key}"
            )
    standard = isinstance(target, Gaussian1D) and (float(target.mean[0]), float(target.cov[0, 0])) == (
        0.0,
        1.0,
    )
    if not standard or ladder.process != VP:
        raise InputError(
            f"{spec['field']} is known on the standard normal target and vp schedules",
            key="score_error.field",
        )
    if sampler.name not in ("pf-ode", "ddpm"):
        raise InputError(f"{spec['field']} is known for pf-ode and ddpm", key="sampler.name")
    omega, slope = spec.get("omega"), spec.get("slope", 100.0)
    for key, value in (("omega", omega), ("slope", slope)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise InputError(f"must be a positive number, got {value!r}", key=f"score_error.{key}")
    assert isinstance(omega, (int, float)) and isinstance(slope, (int, float))
    example = CounterExample(
        str(spec["field"]), float(omega), float(ladder.beta[ladder.stop + 1]), float(slope)
    )
    if sampler.name == "pf-ode":
        example.tv("pf-ode")  # refuses a map that folds
    return example
