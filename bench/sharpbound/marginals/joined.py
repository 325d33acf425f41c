"""As few panels as a law near a true marginal p needs: neighbours joined while one panel resolves both.

Panels between landmarks, bisected, are up to three times as many; a step of a sampler costs as much as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpbound.marginals.panels import RESOLUTION, log_density, tensor
from sharpbound.numerics.quadrature import Panels
from sharpbound.processes.ladder import Level
from sharpbound.targets.base import Target1D

MASS = 1e-13
"""Last Legendre coefficients of p on a panel, times its width, relative to p's mass ..."""
LOG = 1e-10
"""... and of log p where no mass is, as far out in tails: there a panel may be off by its share of `RESOLUTION`."""


FAR = 30.0
"""Distance from the median, in distances of the quartiles, beyond which panels stay as they are: in a heavy tail what a
step leaves unresolved is moved by the next one, and on wider panels grows until the tail is lost."""


def joined(target: Target1D, level: Level, panels: Panels) -> Panels:
    """The panels, neighbours joined for as long as one panel of both resolves log p, its slope and p."""
    near = _near(target, level, panels)
    while len(panels) > 1:
        pairs = Panels(panels.lo[:-1], panels.hi[1:], panels.n)
        gone = _every_other(_resolved(target, level, pairs) & (near[0] < pairs.lo) & (pairs.hi < near[1]))
        if not gone.any():
            break
        kept = np.concatenate([[True], ~gone])
        panels = Panels(panels.lo[kept], panels.hi[np.append(kept[1:], True)], panels.n)
    return panels


def _near(target: Target1D, level: Level, panels: Panels) -> tuple[float, float]:
    """The ends of what is not far out in a tail."""
    mass = panels.masses(np.exp(log_density(target, panels.nodes, *level))).cumsum()
    first, median, last = np.searchsorted(mass, np.array([0.25, 0.5, 0.75]) * mass[-1])
    reach = FAR * (panels.hi[last] - panels.lo[first])
    return float(panels.mid[median] - reach), float(panels.mid[median] + reach)


def _resolved(target: Target1D, level: Level, pairs: Panels) -> NDArray[np.bool_]:
    """Which pairs of neighbouring panels resolve log p, its slope and p."""
    log_p, score = (f.numpy() for f in target.derivatives(tensor(pairs.nodes), *level, (0, 1)))
    top = log_p.max()
    p = np.exp(log_p - top)
    mass = pairs.integrate(p) / 2  # they overlap
    square = (pairs.nodes - pairs.nodes.flat[log_p.argmax()]) ** 2
    moment = pairs.masses(p * square)
    share = np.maximum(pairs.masses(p) / mass, moment / moment.sum())
    size = 10 + np.abs(log_p).max(1)
    allowed = np.maximum(RESOLUTION * size, np.minimum(RESOLUTION / np.maximum(share, 1e-300), LOG))
    rough = np.maximum(pairs.tails(log_p), pairs.tails(score * pairs.half[:, None])) > allowed
    return ~rough & (pairs.half * pairs.tails(p) < MASS * mass)


def _every_other(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True for the first, third, ... of each run of True: no panel is joined to both of its neighbours."""
    index = np.arange(len(found))
    before = np.maximum.accumulate(np.where(found, -1, index))
    return found & ((index - before) % 2 == 1)
