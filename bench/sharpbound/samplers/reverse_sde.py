"""The reverse-time SDE with a frozen score: Euler-Maruyama, and with its linear part solved exactly.

dX = f X dt + g dW forward; dY = (-f Y + g^2 s) dt + g dW backward. On a step from level t to t-1 the
only quantities that enter are F = int f = log(a_t/a_{t-1}) and G = int g^2, the process's `diffusion`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sharpbound.samplers.base import Sampler, Stage, Step


class EulerMaruyama(Sampler):
    """Y_{t-1} = Y_t - F Y_t + G s_t(Y_t) + sqrt(G) Z."""

    name = "euler-maruyama"
    title = "Euler-Maruyama"
    deterministic = False
    nfe = 1
    order = 1
    source = "Song et al., arXiv:2011.13456, Appendix E"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def stages(self, step: Step) -> Sequence[Stage]:
        t, s, G = step.t, step.score, step.ladder.diffusion(step.t)
        F = 0.5 * float(np.log1p(-step.ladder.beta[step.t]))
        return [Stage(lambda y: (1 - F) * y + G * s(t, y), math.sqrt(G))]


class ExponentialIntegrator(Sampler):
    """The score frozen, the linear part exact. VP with h = -log alpha_t:

    Y_{t-1} = e^{h/2} Y_t + 2 (e^{h/2} - 1) s_t(Y_t) + sqrt(e^h - 1) Z; VE has no linear part.
    """

    name = "exponential-integrator"
    title = "exponential integrator"
    deterministic = False
    nfe = 1
    order = 1
    source = "Chen et al., arXiv:2209.11215; Benton et al., arXiv:2308.03686"
    kinds = frozenset({"vp", "ve"})

    def stages(self, step: Step) -> Sequence[Stage]:
        t, s, h = step.t, step.score, step.ladder.diffusion(step.t)
        if step.ladder.beta[t] == 0.0:
            return [Stage(lambda y: y + h * s(t, y), math.sqrt(h))]
        growth, gain = math.exp(0.5 * h), 2 * math.expm1(0.5 * h)
        return [Stage(lambda y: growth * y + gain * s(t, y), math.sqrt(math.expm1(h)))]
