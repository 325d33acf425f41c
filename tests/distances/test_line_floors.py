"""Floors of distances on the line where the ratio of two densities jumps within a panel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sharpbound.distances import one_dimensional
from sharpbound.distances.ratio import Ratio1D
from sharpbound.numerics.quadrature import Panels


@pytest.mark.parametrize("end", [3.1, 3.6, 4.1, 4.4])
def test_the_floor_of_hellinger_covers_a_jump_inside_a_panel(end: float) -> None:
    """q normal, p = q/Phi(end) below ``end`` and all but nothing above: H^2 = 1 - Phi(end)^(1/2).

    What is unresolved beside the jump is a share of H^2, a small number, and so a larger one of H than of the
    difference of the densities.
    """
    panels, nothing = Panels.between(np.linspace(-9.0, 9.0, 37)), 1e-12
    log_q = stats.norm.logpdf(panels.nodes)
    beyond = panels.nodes > end
    log_ratio = np.where(beyond, -math.log(nothing), stats.norm.logcdf(end))
    law = Ratio1D(panels, panels.nodes, panels.nodes, log_q - log_ratio, log_ratio, 0.0, 0.0)
    exact = math.sqrt(-math.expm1(0.5 * stats.norm.logcdf(end)))
    found = one_dimensional.hellinger(law)
    error = abs(found.value - exact)
    assert 1e-4 * exact < error <= found.floor < exact
