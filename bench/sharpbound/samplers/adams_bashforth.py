"""Adams-Bashforth and DEIS: the noise prediction extrapolated by a polynomial through its past values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.process import Process
from sharpbound.samplers.base import Past, PastStage, Step
from sharpbound.samplers.exponential import NoiseForm, third_order
from sharpbound.samplers.multistep import NODES, Multistep, lagrange, recalled


@dataclass(frozen=True)
class AdamsBashforth(Multistep):
    """With n = sigma/a the flow is d(y/a)/dn = eps; ``order`` past predictions eps_j at levels n_j give

    Y_{t-1}/a_{t-1} = Y_t/a_t + sum_j w_j eps_j,    w_j = int_{n_t}^{n_{t-1}} l_j(n) dn,

    l_j the Lagrange polynomials of the n_j (any spacing). The first steps have fewer and lower order.
    """

    order: int = 2

    name = "adams-bashforth"
    title = "Adams-Bashforth"
    deterministic = True
    source = "Butcher, Numerical Methods for ODEs (2016), Section 24; in the variables of arXiv:2206.00364"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in (1, 2, 3, 4):
            raise InputError(f"must be 1, 2, 3 or 4, got {self.order}", key="sampler.order")

    def clock(self, process: Process, n: Array) -> Array:
        """The time in which eps is a polynomial."""
        return n

    def weights(self, step: Step, levels: Sequence[int]) -> Array:
        ladder = step.ladder
        n = ladder.sigma / ladder.a
        x, w = gauss_legendre(NODES, float(n[step.t]), float(n[step.t - 1]))
        return lagrange(self.clock(ladder.process, n[list(levels)]), self.clock(ladder.process, x)) @ w

    def stages(self, step: Step) -> Sequence[PastStage]:
        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = recalled(past, step.t, step.noise(y), self.order)
            if len(past) < self.order and self.start == "third-order":
                return third_order(NoiseForm(step), y, past[0][1]), past
            w = self.weights(step, [t for t, _ in past])
            increment = sum(float(w_j) * eps for w_j, (_, eps) in zip(w, past, strict=True))
            return step.a_next * (y / step.a + increment), past

        return [PastStage(advance)]


@dataclass(frozen=True)
class DEIS(AdamsBashforth):
    """tAB-DEIS: the polynomial runs in the time of the process, the exponential weight is integrated exactly.

    Time is -log a (that of the Ornstein-Uhlenbeck process) for variance-preserving ladders and sigma for
    variance-exploding ones, where DEIS is Adams-Bashforth. The paper's tAB-q has order q + 1.
    """

    order: int = 3

    name = "deis"
    title = "tAB-DEIS"
    source = "Zhang & Chen, arXiv:2204.13902, eq. (14) and (15)"
    kinds = frozenset({"vp", "ve"})

    def clock(self, process: Process, n: Array) -> Array:
        return process.clock(n)
