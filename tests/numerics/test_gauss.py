"""Gauss rules against exact integrals, in more digits than they have."""

import mpmath
import numpy as np
import pytest

from sharpbound.numerics.gauss import gauss_hermite, gauss_legendre


def moment(nodes, weights, power):
    """sum w x^power without rounding."""
    with mpmath.workdps(40):
        return mpmath.fsum(
            mpmath.mpf(float(w)) * mpmath.mpf(float(x)) ** power for x, w in zip(nodes, weights, strict=True)
        )


@pytest.mark.parametrize("n", [1, 2, 5, 16, 28, 48, 64])
def test_legendre_rules_are_exact_to_the_rounding_of_their_nodes(n):
    """x^(2n-2) needs the last digit of the outer weights; a node off by an ulp moves it by 2n ulps at most."""
    x, w = gauss_legendre(n)
    assert float(moment(x, w, 2 * n - 2) * (2 * n - 1) / 2 - 1) == pytest.approx(0, abs=2 * n * 1.2e-16)
    assert float(moment(x, w, 0) - 2) == pytest.approx(0, abs=1e-15)
    np.testing.assert_array_equal(x, -x[::-1])
    np.testing.assert_array_equal(w, w[::-1])


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_hermite_rules_are_exact_to_the_rounding_of_their_nodes(n):
    z, w = gauss_hermite(n)
    for power in (0, 2 * n - 2):
        exact = mpmath.gamma(mpmath.mpf(power + 1) / 2)
        assert float(moment(z, w, power) / exact - 1) == pytest.approx(0, abs=2 * n * 2.3e-16)


def test_outer_weights_have_all_their_digits():
    """w = 2 / ((1 - x^2) P_n'(x)^2) at the first node of 48, from mpmath; numpy's is 1.3e-12 off."""
    with mpmath.workdps(40):
        x = mpmath.findroot(lambda t: mpmath.legendre(48, t), float(gauss_legendre(48)[0][0]))
        slope = 48 * (x * mpmath.legendre(48, x) - mpmath.legendre(47, x)) / (x * x - 1)
        weight = 2 / ((1 - x * x) * slope**2)
    assert gauss_legendre(48)[1][0] == pytest.approx(float(weight), rel=3e-16)


def test_an_interval_of_ones_own():
    x, w = gauss_legendre(12, 1.0, 3.0)
    assert w @ np.exp(x) == pytest.approx(np.exp(3) - np.exp(1), rel=4e-16)
