"""Randomized midpoint on the probability flow."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.samplers.base import Mixture, Sampler, Stage, Step

_POINTS, _WEIGHTS = gauss_legendre(6)


class RandomizedMidpoint(Sampler):
    """In x = y/a and n = sigma/a, with U uniform on [0, 1], drawn anew for every step and trajectory:

    x_U = x + U dn eps(x; n),    x' = x + dn eps(x_U; n + U dn),    dn = n' - n.

    U takes the six Gauss-Legendre points with their weights: the first eleven moments of the uniform
    law, so that the law of a step differs from the continuous one by O(dn^12), and is an exact mixture.
    """

    name = "randomized-midpoint"
    title = "randomized midpoint"
    deterministic = False
    nfe = 2
    order = 1
    source = "Gupta, Cai & Chen, arXiv:2406.00924, predictor step; Shen & Lee, arXiv:1909.05503"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def stages(self, step: Step) -> Sequence[Mixture]:
        branches = tuple(self._branch(step, 0.5 * (1 + u)) for u in _POINTS)
        return [Mixture(tuple(float(w) / 2 for w in _WEIGHTS), branches)]

    @staticmethod
    def _branch(step: Step, u: float) -> Stage:
        n, n_next = step.sigma / step.a, step.sigma_next / step.a_next
        dn, n_u = n_next - n, n + u * (n_next - n)
        a_u = step.ladder.process.scale(n_u)
        level = (a_u, a_u * n_u)

        def mean(y: Tensor) -> Tensor:
            x = y / step.a
            middle = a_u * (x + u * dn * step.noise(y))
            return step.a_next * (x - dn * level[1] * step.score_between(level, middle))

        return Stage(mean)
