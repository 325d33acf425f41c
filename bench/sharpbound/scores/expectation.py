"""Expectations of a field under the true marginals, level after level, by quadrature.

Panels that resolve one level, moved and stretched with the marginal, usually resolve the next; each use
checks that they do (the last Legendre coefficients vanish, the mass is 1), and builds them anew where not.
"""

from __future__ import annotations

import numpy as np

from sharpbound.errors import InputError
from sharpbound.marginals.panels import log_density, marginal_panels, tensor
from sharpbound.numerics.quadrature import Array, Panels, resolve
from sharpbound.numerics.roots import roots
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape

BUILT, KEPT = 1e-14, 1e-12
"""Unresolved part of E e^2 and of E |e'|, relative to them, at which panels are cut when they are built, and
at which they are built anew."""
MASS = 1e-12
"""Mass of the marginal that panels built for another level may miss."""
MAX_PANELS = 4000
TRUSTED = 1e-9
"""Unresolved part beyond which a size is refused: it would not be exact."""
NEVER = 1e-290
"""A density below this matters in no expectation; it keeps 0 * inf out of the integrands."""


class Expectations:
    """Root mean square and mean absolute slope of one shape under the marginals of one target."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._edges: Array | None = None
        """In units of the marginal, z = (x - centre)/spread."""
        self._known: dict[Frame, tuple[float, float]] = {}

    @classmethod
    def of(cls, shape: Shape) -> Expectations:
        """Those of ``shape``, measured once at each level however often they are asked for."""
        return vars(shape).setdefault("_expectations", cls(shape))  # they live and die with the shape

    def panels(self, frame: Frame) -> Panels:
        """Panels on which p, p e^2 and p e' are polynomials."""
        if self._edges is not None and not self.shape.cuts(frame):
            moved = Panels.between(frame.centre + frame.spread * self._edges)
            if self._fits(frame, moved):
                return moved
        panels = self._built(frame)
        self._edges = (np.append(panels.lo, panels.hi[-1]) - frame.centre) / frame.spread
        return panels

    def rms(self, frame: Frame) -> float:
        """||e||_{L2(p)}."""
        return self._sizes_of(frame)[0]

    def mean_slope(self, frame: Frame) -> float:
        """E |e'|."""
        return self._sizes_of(frame)[1]

    def _sizes_of(self, frame: Frame) -> tuple[float, float]:
        if frame not in self._known:
            self._known[frame] = self.shape.sizes(frame) or self._integrated(frame)
        return self._known[frame]

    def _integrated(self, frame: Frame) -> tuple[float, float]:
        panels = self.panels(frame)
        p, e, _ = self._at(frame, panels)
        turns = roots(lambda x: self.shape.derivative(frame, tensor(x), 1).numpy(), panels.nodes.ravel())
        signed = Panels.between(np.union1d(np.append(panels.lo, panels.hi[-1]), turns))
        p_signed, _, slope = self._at(frame, signed)
        mean_slope = float(np.abs((signed.weights * p_signed * slope).sum(1)).sum())
        return float(np.sqrt(panels.integrate(p * e**2))), mean_slope

    def _at(self, frame: Frame, panels: Panels) -> tuple[Array, Array, Array]:
        p = np.exp(log_density(frame.target, panels.nodes, frame.a, frame.sigma))
        p[p < NEVER] = 0.0
        x = tensor(panels.nodes)
        e, slope = (self.shape.derivative(frame, x, order).numpy() for order in (0, 1))
        return p, np.where(p > 0, e, 0.0), np.where(p > 0, slope, 0.0)

    def _unresolved(self, frame: Frame, panels: Panels) -> Array:
        """The largest part of E e^2, E e' and the mass that each panel leaves unresolved, relative to them."""
        p, e, slope = self._at(frame, panels)
        parts = [
            panels.half * panels.tails(f) / max(panels.integrate(np.abs(f)), NEVER)
            for f in (p, p * e**2, p * slope)
        ]
        return np.max(parts, axis=0)

    def _fits(self, frame: Frame, panels: Panels) -> bool:
        p = np.exp(log_density(frame.target, panels.nodes, frame.a, frame.sigma))
        return abs(panels.integrate(p) - 1) < MASS and self._unresolved(frame, panels).max() < KEPT

    def _built(self, frame: Frame) -> Panels:
        own = marginal_panels(frame.target, frame.a, frame.sigma)
        edges = np.append(own.lo, own.hi[-1])
        cuts = [x for x in self.shape.cuts(frame) if edges[0] < x < edges[-1]]
        panels = resolve(
            lambda panels: self._unresolved(frame, panels) > BUILT,
            np.union1d(edges, cuts),
            max_panels=MAX_PANELS,
        )
        if self._unresolved(frame, panels).sum() > TRUSTED:
            raise InputError(
                "the field swings too often to be measured under this law (a wave that goes on through a heavy "
                "tail has no end); use a tail, constant or damped field, or a lower frequency",
                key="score_error.field",
            )
        return panels
