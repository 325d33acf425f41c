"""What two laws are in error by, their difference is in error by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sharpbound.distances import one_dimensional
from sharpbound.distances.ratio import Ratio1D
from sharpbound.laws.difference import _closed, difference
from sharpbound.numerics.quadrature import Panels


def law(scale: float = 1.0, error: float = 0.0) -> Ratio1D:
    """q = scale N(0, 1) against p = N(0, 1)."""
    panels = Panels.between(np.linspace(-9.0, 9.0, 25))
    y = panels.nodes
    log_p = -0.5 * y**2 - 0.5 * np.log(2 * np.pi)
    return Ratio1D(panels, y, y, log_p, np.full_like(y, np.log(scale)), 0.0, 0.0, error)


def test_a_defect_that_the_error_explains_stays_in_the_floor() -> None:
    closed = _closed(law(1 - 1e-4, error=3e-4))
    assert closed.outside_q == 0.0
    assert closed.mass_defect == pytest.approx(1e-4, rel=1e-9)
    assert one_dimensional.tv(closed).floor == pytest.approx(3e-4 + 0.5e-4, rel=1e-6)


def test_mass_that_left_is_outside_and_keeps_the_error() -> None:
    closed = _closed(law(1 - 1e-4, error=1e-6))
    assert closed.outside_q == pytest.approx(1e-4, rel=1e-9)
    assert closed.error == 1e-6


def test_the_errors_of_both_laws_add() -> None:
    found = one_dimensional.tv(difference(law(1 - 1e-4, error=3e-4), law(1 - 1e-4, error=2e-4)))
    assert found.value == pytest.approx(0.0, abs=1e-15)
    assert found.floor == pytest.approx(5e-4 + 0.5e-4, rel=1e-6)
    assert difference(law(), replace(law(), outside_q=0.2)).outside_q == 0.2
