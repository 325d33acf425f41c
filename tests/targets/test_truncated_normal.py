"""The closed forms of a truncated normal's normaliser, mean and variance against its quadrature rule."""

import math

import numpy as np
import pytest

from sharpbound.targets.truncated_normal import FAR, TruncatedNormal, far_log_ratio, up_to_variance


@pytest.mark.parametrize("length", [0.01, 0.4, 1.0, 2.5, 8.0, 16.0, 79.0, 81.0, math.inf])
def test_the_closed_forms_are_those_of_the_quadrature(length):
    y = np.concatenate([np.linspace(-min(length, 16) / 2, 9.0, 101), [FAR, 30.0, 1e3, 1e8]])
    closed, rule = up_to_variance(y, length), TruncatedNormal.at(y, length)
    # 1/m(y) - y loses y^2 roundings below FAR, where the polynomial takes over
    np.testing.assert_allclose(closed.mass, rule.mass, rtol=4e-15)
    np.testing.assert_allclose(closed.mean, rule.mean(), rtol=2e-14)
    np.testing.assert_allclose(closed.mean_plus_y, rule.mean_plus_y(), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(closed.variance_less_one, rule.variance - 1, rtol=2e-14, atol=2e-14)


def test_lengths_may_be_short_for_some_and_long_for_others():
    y = np.array([[-0.1, 0.5, 7.0], [-3.0, 0.5, 7.0]])
    lengths = np.array([[0.3], [9.0]])
    both = up_to_variance(y, lengths)
    for i, length in enumerate((0.3, 9.0)):
        one = up_to_variance(y[i], length)
        for name, value in vars(one).items():
            np.testing.assert_allclose(getattr(both, name)[i], value, rtol=1e-15)


def test_deep_inside_the_variance_is_one_in_relative_terms():
    # Var S - 1 = (y phi(y) - (y + L) phi(y + L))/mass - (E S + y)^2, of which the first part is nearly all
    y, length = np.array([-12.0, -7.0]), 26.0
    phi = np.exp(-0.5 * y * y) / math.sqrt(2 * math.pi)
    law = up_to_variance(y, length)
    np.testing.assert_allclose(law.mean_plus_y, phi, rtol=1e-11)
    np.testing.assert_allclose(law.variance_less_one, y * phi, rtol=1e-11)


@pytest.mark.parametrize("y", [FAR + 0.01, 7.0, 300.0])
def test_ratios_of_far_mills_ratios_are_integrals_of_the_mean(y):
    step = np.array([1e-12, 1e-5, 0.02, 0.9, 5.0])
    nodes, weights = np.polynomial.legendre.leggauss(40)
    means = TruncatedNormal.at(y + step[:, None] * (1 + nodes) / 2).mean()
    integral = step / 2 * (means @ weights)
    np.testing.assert_allclose(far_log_ratio(np.full_like(step, y), step), integral, rtol=4e-15)
