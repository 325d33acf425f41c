"""Classifier-free guidance: which law a sampler with a guided network should have, and its quantiles.

With the scores s_c of the target and s_u of an unconditional law, guidance of scale w (Ho & Salimans, 2207.12598, (6))
puts

    s_w(x; a, sigma) = s_u + w (s_c - s_u)

in the place of the score. For w other than 0 and 1 this is the score of no diffusion, so there is no law whose samples
the sampler should draw. What its ODE solver should do is solve the guided ODE. In X = a X0 + sigma W of unit scale,
a = cos(phi), sigma = sin(phi), with D and eps those of s_w,

    dx/dphi = cos(phi) eps(x) - sin(phi) D(x),    x ~ N(0, 1) at phi = pi/2.

The *guided law* at a level is the law of its exact solution there. Its quantiles are the images of those of N(0, 1), as
the flow on the line is increasing, and are integrated to 1e-12 (Dormand and Prince, order 8).
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch import Tensor

from sharpbound.chapters.audit.quick import quick_score
from sharpbound.laws.probe import COUNT, Quantiles
from sharpbound.processes.ladder import Level
from sharpbound.targets import Target1D

Array = NDArray[np.float64]

TOLERANCE = 1e-12
"""Relative, and absolute at states of size 1, of each step."""
FLAT = 1e-6
"""Where a is below this, the state is noise alone."""


class Guided:
    """The guided score; ``scale`` w, ``conditional`` and ``unconditional`` laws on the line."""

    def __init__(self, conditional: Target1D, unconditional: Target1D, scale: float) -> None:
        self.conditional, self.unconditional, self.scale = conditional, unconditional, scale
        self._given, self._free = quick_score(conditional), quick_score(unconditional)

    def score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """s_u + w (s_c - s_u) at x (n, 1)."""
        free = self._free(x, a, sigma)
        return free + self.scale * (self._given(x, a, sigma) - free)

    def moments(self) -> Any:
        """``mean``, of the guided clean prediction where the noise is infinite."""
        free, given = self.unconditional.moments().mean, self.conditional.moments().mean
        return SimpleNamespace(mean=free + self.scale * (given - free))

    def velocity(self, phi: float, x: Array) -> Array:
        """dx/dphi of the guided ODE, x (n,)."""
        a, sigma = math.cos(phi), math.sin(phi)
        if a < FLAT:
            return np.asarray(a * x / sigma - sigma * float(self.moments().mean[0]))
        s = self.score(torch.from_numpy(x).reshape(-1, 1), a, sigma).reshape(-1).numpy()
        return np.asarray(-a * sigma * s - sigma * (x + sigma**2 * s) / a)


class GuidedQuantiles(Quantiles):
    """Of the guided law."""

    def __init__(self, guided: Guided, count: int = COUNT) -> None:
        super().__init__(guided, count)  # type: ignore[arg-type]
        self.guided = guided
        self._solved: dict[float, Array] = {0.5 * math.pi: self.z}

    def at(self, level: Level) -> Array:
        a, sigma = level
        phi = math.atan2(sigma, a)
        if phi not in self._solved:
            before = min(known for known in self._solved if known > phi)
            found = solve_ivp(
                self.guided.velocity,
                (before, phi),
                self._solved[before],
                method="DOP853",
                rtol=TOLERANCE,
                atol=TOLERANCE,
            )
            self._solved[phi] = found.y[:, -1]
        return math.hypot(a, sigma) * self._solved[phi]
