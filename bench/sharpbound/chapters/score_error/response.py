"""The field that does most harm: linear response of the output law, on the line, for noisy samplers.

A stage y -> m_t(y) + S_t Z whose score is wrong by e_t has its mean moved by c_t e_t(y), c_t = d mean/d score
(0 for a stage that only adds noise). To first order the output density moves by

    D = L e,    <L e, f> = sum_t c_t E_{y ~ q^_t}[ e_t(y) g_t(y) ],

with q^_t the law of the sampler's state, u_stop = f, u_t(y) = E u_{t-1}(m_t(y) + S_t Z) and
g_t(y) = E u'_{t-1}(m_t(y) + S_t Z), the derivative falling on the Gaussian kernel. Under the budget
(1/T) sum_t E_{q_t} e_t^2 = 1 the field that moves E f most is the adjoint, e_t ~ T c_t g_t q^_t/q_t.

The total variation of the two outputs is max over |f| <= 1/2 of <D, f>: the power iteration e <- L* sign(L e)
climbs to a maximum. (The KL divergence has no worst field under this budget: its second-order form weighs
the far tails, where q^_t/q_t grows without bound.)

Discretised on equally spaced points, forward and adjoint are transposes of each other
to rounding. For a deterministic sampler the first-order TV is unbounded at any L2 budget: E u' is then u'
itself, and a fast wave makes it as large as one likes. That is the Jacobian gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharpbound.chapters.score_error.iid_noise import step_gains
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.grid import at, transitions
from sharpbound.laws.transport import Start
from sharpbound.marginals.panels import log_density, tensor
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.scores.fields.fourier import Fourier
from sharpbound.scores.frame import Frame
from sharpbound.targets.base import Target1D

PER_NOISE = 2.0
"""Points per standard deviation of the noise: the trapezoidal rule then leaves exp(-2 pi^2 2^2/2) = 1e-17."""
REACH = -40.0
"""log of the tail mass at which the points end: 9 standard deviations."""
MAX_POINTS = 6000
OUTPUT_PER_NOISE = 16.0
"""Finer at the end: |D| has kinks, of which the sum over points sees the square of the spacing."""
RELATIVE_FLOOR = 5e-5
ITERATIONS = 60
SETTLED = 1e-9
"""Relative growth of the response at which the iteration has converged."""

Field = Sequence[Array]
"""e_t at the points of each step, in the order of the steps (t = T first)."""


@dataclass(frozen=True)
class Points:
    """Equally spaced points, on which sums are integrals."""

    x: Array
    spacing: float


@dataclass(frozen=True)
class _Stage:
    t: int
    points: Points
    true: Array
    """q_t, the marginal under which the budget is measured."""
    law: Array
    """q^_t, the sampler's own law."""
    mean: Array
    std: float
    gain: float
    """c_t, 0 where the stage does not ask for the score and carries no error."""


class Response:
    """The chain of one sampler with the exact score, and its response to errors."""

    def __init__(self, target: Target1D, ladder: Ladder, sampler: Sampler, init: str = "normal") -> None:
        self.target, self.ladder, self.sampler = target, ladder, sampler
        try:
            chain = list(transitions(sampler, ladder, ExactScore(target, ladder)))
        except NotMeasured:
            chain = []
        if not chain:
            raise InputError(
                f"the worst field is found for samplers whose stages all add noise of their own; {sampler.name} is "
                "not: use ddpm, ddpm-posterior, accelerated-ddpm, euler-maruyama or exponential-integrator",
                key="sampler.name",
            )
        gains = [gain for t in range(ladder.T, ladder.stop, -1) for gain in step_gains(sampler, ladder, t)]
        held = [self._points(level, std) for _, _, std, level in chain]
        end = ladder.level(ladder.stop)
        held.append(self._points(end, chain[-1][2], OUTPUT_PER_NOISE))
        law = np.exp(Start(target, ladder, init).log_density(held[0].x))
        self.steps: list[_Stage] = []
        for i, (t, mean, std, _) in enumerate(chain):
            points = held[i]
            step = _Stage(
                t,
                points,
                np.exp(log_density(target, points.x, *ladder.level(t))),
                law,
                at(mean, points.x),
                std,
                gains[i],
            )
            self.steps.append(step)
            law = self._kernel(step, held[i + 1].x) @ (law * points.spacing)
        self.held, self.output = held, law
        self._kernels = [self._kernel(step, held[i + 1].x) for i, step in enumerate(self.steps)]
        self._moved = [
            kernel * (held[i + 1].x[:, None] - step.mean) / step.std**2
            for i, (step, kernel) in enumerate(zip(self.steps, self._kernels, strict=True))
        ]

    def _points(self, level: tuple[float, float], std: float, per_noise: float = PER_NOISE) -> Points:
        low, high = Frame(self.target, *level, 0.0).reach(REACH)
        spacing = min(std, level[1]) / per_noise
        if (high - low) / spacing > MAX_POINTS:
            raise InputError(
                f"the worst field needs {(high - low) / spacing:.0f} points where the noise is {std:.2g}; use "
                "fewer steps, an equally spaced schedule such as ou-uniform, or a target with lighter tails",
                key="sweep.T",
            )
        count = int((high - low) / spacing) + 2
        return Points(low + spacing * np.arange(count, dtype=np.float64), spacing)

    @staticmethod
    def _kernel(step: _Stage, x: Array) -> Array:
        z = (x[:, None] - step.mean) / step.std
        return np.exp(-0.5 * z**2) / (step.std * math.sqrt(2 * math.pi))

    def norm(self, field: Field) -> float:
        """((1/T) sum_t E_{q_t} e_t^2)^{1/2}."""
        return math.sqrt(float(self.shares(field).sum()))

    def shares(self, field: Field) -> Array:
        """(1/T) E_{q_t} e_t^2 of each step."""
        squares = [
            float((s.true * e**2).sum()) * s.points.spacing for s, e in zip(self.steps, field, strict=True)
        ]
        return np.array(squares) / self.ladder.T

    def forward(self, field: Field) -> Array:
        """D = L e at the points of the output."""
        moved = np.zeros_like(self.steps[0].law)
        for step, e, kernel, slope in zip(self.steps, field, self._kernels, self._moved, strict=True):
            moved = (kernel @ moved + slope @ (step.gain * e * step.law)) * step.points.spacing
        return moved

    def adjoint(self, f: Array) -> list[Array]:
        """L* f: the field of the steepest ascent of E f, under the inner product of the budget."""
        out: list[Array] = []
        u, after = f, self.held[-1].spacing
        for step, kernel, slope in zip(
            reversed(self.steps), reversed(self._kernels), reversed(self._moved), strict=True
        ):
            g = (u @ slope) * after
            out.append(self.ladder.T * step.gain * g * step.law / step.true)
            u, after = (u @ kernel) * after, step.points.spacing
        return out[::-1]

    def propagate(self, field: Field, eps: float) -> Array:
        """The output density with the error eps * field, to all orders."""
        law = self.steps[0].law
        for i, (step, e) in enumerate(zip(self.steps, field, strict=True)):
            z = (self.held[i + 1].x[:, None] - step.mean - step.gain * eps * e) / step.std
            kernel = np.exp(-0.5 * z**2) / (step.std * math.sqrt(2 * math.pi))
            law = kernel @ law * step.points.spacing
        return law

    def size(self, moved: Array) -> float:
        """First-order TV per unit of eps, 1/2 int |D|."""
        return 0.5 * float(np.abs(moved).sum()) * self.held[-1].spacing

    def tv(self, field: Field, eps: float) -> float:
        """TV of the outputs with the exact score and with the error eps * field, to all orders."""
        return self.size(self.propagate(field, eps) - self.output)

    def path_kl(self, field: Field) -> float:
        """KL of the chain with the exact score against the one with the error eps * field, per eps^2:

        sum_t c_t^2/(2 S_t^2) E e_t^2 under the sampler's own law (Girsanov), whatever the size of eps.
        """
        return sum(
            0.5 * (s.gain / s.std) ** 2 * float((s.law * e**2).sum()) * s.points.spacing
            for s, e in zip(self.steps, field, strict=True)
        )

    def unit(self, field: Field) -> list[Array]:
        """The field with norm one."""
        size = self.norm(field)
        return [e / size for e in field]

    def worst(self) -> list[Array]:
        """The field of unit budget with the largest first-order TV, from the best of three starts."""
        x = self.held[-1].x
        weight = self.output * self.held[-1].spacing
        centre = float(weight @ x)
        spread = math.sqrt(float(weight @ (x - centre) ** 2))
        z = (x - centre) / spread
        found = [self._climb(np.sign(f)) for f in (z, z**2 - 1, z**3 - 3 * z)]
        return max(found, key=lambda field: self.size(self.forward(field)))

    def _climb(self, f: Array) -> list[Array]:
        best = 0.0
        for _ in range(ITERATIONS):
            field = self.unit(self.adjoint(f))
            moved = self.forward(field)
            now = self.size(moved)
            if now <= best * (1 + SETTLED):
                break
            best, f = now, np.sign(moved)
        return field

    def random(self, omega: float, seed: int) -> list[Array]:
        """A Fourier field of unit budget, equal at all levels."""
        shape = Fourier(omega, seed)
        return self.unit([self._normalised(step, shape) for step in self.steps])

    def _normalised(self, step: _Stage, shape: Fourier) -> Array:
        if step.gain == 0.0:
            return np.zeros_like(step.true)
        t = step.t
        frame = Frame(self.target, *self.ladder.level(t), t / self.ladder.T)
        e = shape.derivative(frame, tensor(step.points.x), 0).numpy()
        return e / math.sqrt(float((step.true * e**2).sum()) * step.points.spacing)


def random_fields(response: Response) -> list[list[Array]]:
    """Fourier fields at frequencies 1, 2 and 4 with three phases each: what an undesigned error may look like."""
    return [response.random(omega, seed) for omega in (1.0, 2.0, 4.0) for seed in range(3)]
