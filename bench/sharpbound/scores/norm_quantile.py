"""D^delta of an error in several independent coordinates: a quantile of ||e||^2 = sum_i e_i(X_i)^2.

The law of each square is put on a lattice, each quadrature node shared by the two lattice points around it
so that means are kept, and the laws are convolved. Squares are not negative, so what exceeds the end of the
lattice exceeds it in the sum too: the lattice needs to reach the quantile and no farther. Against closed
forms the result is right to 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sharpbound.marginals.panels import log_density, tensor
from sharpbound.numerics.lattice import on_lattice, power, truncated_sum
from sharpbound.numerics.quadrature import Array
from sharpbound.scores.expectation import Expectations
from sharpbound.scores.perturbed import LineError

COARSE, FINE = 2**12, 2**16
"""Lattice points of the first guess, and of the result."""
NODES = 200_000
MARGIN = 1.2
"""How far beyond the first guess the fine lattice reaches."""

Square = tuple[Array, Array, int]
"""Values of e^2 with their masses, and how many coordinates have this law."""


def norm_quantile(errors: Sequence[tuple[LineError, int]], t: int, delta: float) -> float:
    """min {u : P(||e_t(X)|| >= u) <= delta}, X ~ q_t, the coordinates independent."""
    fixed, squares = 0.0, []
    for error, count in errors:
        y, mass = _square(error, t)
        if np.ptp(y) <= 1e-12 * y.max():  # a constant field
            fixed += count * float(y.max())
        else:
            squares.append((y, mass, count))
    if not squares:
        return float(np.sqrt(fixed))
    end = sum(count * float(y @ mass) for y, mass, count in squares) / delta  # Markov's inequality
    for points in (COARSE, COARSE, FINE):
        found = _quantile(squares, end, points, delta)
        end = MARGIN * found + 4 * end / points
    return float(np.sqrt(fixed + found))


def _square(error: LineError, t: int) -> tuple[Array, Array]:
    frame = error.frames[t]
    panels = Expectations.of(error.shape).panels(frame)
    panels = panels.cut(1 + NODES // (len(panels) * panels.n)).panels
    mass = panels.weights * np.exp(log_density(frame.target, panels.nodes, frame.a, frame.sigma))
    return error.derivative(t, tensor(panels.nodes), 0).numpy().ravel() ** 2, mass.ravel()


def _quantile(squares: Sequence[Square], end: float, points: int, delta: float) -> float:
    step = end / points
    law = np.array([1.0])
    for y, mass, count in squares:
        each = on_lattice(y / step, mass, points)
        law = truncated_sum(law, power(each, count, np.array([1.0]), truncated_sum))
    above = 1 - np.cumsum(law)  # P(sum > (k + 1/2) step)
    if above[0] <= delta:
        return 0.0
    k = int(np.argmax(above <= delta))
    return step * (k - 0.5 + (above[k - 1] - delta) / (above[k - 1] - above[k]))
