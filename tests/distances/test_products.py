"""Distances of product laws: closed forms, tensor quadrature, and the FFT law of a sum of log-ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sharpbound.distances import gaussian, one_dimensional, products
from sharpbound.distances.gaussian import GaussianPair, transform_tv
from sharpbound.distances.products import GaussianFactor, LineFactor, ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.numerics.quadrature import Panels


def normal_on_panels(excess: float, shift: float) -> Ratio1D:
    """N(0, 1) against N(shift, 1 + excess) as a general law on the line would be held."""
    panels = Panels.between(np.linspace(-12, 12, 41))
    y, lam = panels.nodes, 1 + excess
    log_ratio = -0.5 * math.log1p(excess) + 0.5 * (excess * y**2 + 2 * shift * y - shift**2) / lam
    return Ratio1D(panels, y, y, -0.5 * y**2 - 0.5 * math.log(2 * math.pi), log_ratio, 0.0, 0.0)


def wavy(size: float) -> Ratio1D:
    """A law that is not Gaussian: q = p (1 + size sin 2y), p = N(0, 1)."""
    panels = Panels.between(np.linspace(-12, 12, 61))
    y = panels.nodes
    return Ratio1D(
        panels, y, y, -0.5 * y**2 - 0.5 * math.log(2 * math.pi), np.log1p(size * np.sin(2 * y)), 0.0, 0.0
    )


@pytest.mark.parametrize("count", [2, 3, 16, 256, 10**6])
@pytest.mark.parametrize(("excess", "shift"), [(0.02, 0.01), (2e-6, 0.0), (0.0, 1e-6), (-0.5, 0.5)])
def test_tv_of_gaussian_factors_held_by_quadrature(excess: float, shift: float, count: int) -> None:
    law = ProductLaw([LineFactor(normal_on_panels(excess, shift))], [count])
    exact, _ = transform_tv(np.array([excess]), np.array([shift]), np.array([float(count)]))
    measured = products.tv(law)
    # two factors: H decays like 1/tau and the cut integral is good to 1e-8; from d = 4 on to 1e-10
    assert measured.value == pytest.approx(exact, rel=2e-8 if count < 4 else 2e-10)
    assert abs(measured.value - exact) <= measured.floor + 1e-15


def test_one_factor_is_its_own_distance() -> None:
    law = wavy(0.3)
    assert products.tv(ProductLaw([LineFactor(law)], [1])) == one_dimensional.tv(law)


def test_two_factors_by_tensor_quadrature() -> None:
    law = wavy(0.3)
    p, r = (law.panels.weights * law.p).ravel(), law.log_ratio.ravel()
    keep = p > 1e-14
    p, r = p[keep], r[keep]
    brute = 0.5 * np.abs(np.expm1(r[:, None] + r[None, :])) @ p @ p
    # the plain rule sees a kink along the line where p = q: first order in the node spacing squared
    assert products.tv(ProductLaw([LineFactor(law)], [2])).value == pytest.approx(brute, rel=2e-4)


def sum_of_log_ratios_tv(law: Ratio1D, count: int, cells: int) -> float:
    """TV through the law of l_1 + ... + l_n on a lattice, by FFT: E (1 - e^l)_+ under p."""
    mass, ratio = (law.panels.weights * law.p).ravel(), law.log_ratio.ravel()
    mean, std = mass @ ratio, math.sqrt(mass @ ratio**2)
    # the sum lives within 12 standard deviations; the lattice is shifted by the mean per factor
    step = 24 * std * math.sqrt(count) / cells
    place = (ratio - mean) / step
    near = np.rint(place).astype(int)
    u = place - near
    lattice = np.zeros(cells)
    # three-point splitting keeps mean and variance, so n-fold sums keep theirs
    for offset, share in ((-1, (u**2 - u) / 2), (0, 1 - u**2), (1, (u**2 + u) / 2)):
        np.add.at(lattice, (near + offset) % cells, mass * share)
    law_of_sum = np.fft.ifft(np.fft.fft(lattice) ** count).real
    index = np.arange(cells)
    index = np.where(index < cells // 2, index, index - cells)
    return float(law_of_sum @ np.maximum(-np.expm1(index * step + count * mean), 0))


@pytest.mark.parametrize(("size", "count"), [(0.1, 20), (0.01, 1000), (1e-4, 10**6)])
def test_many_factors_by_fft(size: float, count: int) -> None:
    law = wavy(size)
    oracle = sum_of_log_ratios_tv(law, count, 2**18)
    # the lattice sees the kink of (1 - e^l)_+ with an error of the second order in its step, 1e-4 deviations
    assert products.tv(ProductLaw([LineFactor(law)], [count])).value == pytest.approx(oracle, rel=1e-8)


def test_mixed_factors_and_composition_rules() -> None:
    line, block = (
        wavy(0.2),
        GaussianPair(np.zeros(2), np.ones(2), np.array([0.1, 0.0]), np.array([0.1, -0.2])),
    )
    law = ProductLaw([LineFactor(line), GaussianFactor(block)], [3, 5])
    assert products.kl(law).value == pytest.approx(
        3 * one_dimensional.kl(line).value + 5 * gaussian.kl(block).value
    )
    bc = (1 - one_dimensional.hellinger(line).value ** 2) ** 3 * (
        1 - gaussian.hellinger(block).value ** 2
    ) ** 5
    assert products.hellinger(law).value == pytest.approx(math.sqrt(1 - bc), rel=1e-12)
    chi2 = (1 + one_dimensional.chi2(line).value) ** 3 * (1 + gaussian.chi2(block).value) ** 5 - 1
    assert products.chi2(law).value == pytest.approx(chi2, rel=1e-12)
    w2 = math.sqrt(3 * one_dimensional.w2(line).value ** 2 + 5 * gaussian.w2(block).value ** 2)
    assert products.w2(law).value == pytest.approx(w2, rel=1e-12)


def test_mixed_tv_equals_the_all_gaussian_one() -> None:
    excess, shift = np.array([0.3, -0.1]), np.array([0.1, 0.2])
    exact, _ = transform_tv(excess, shift, np.array([4.0, 3.0]))
    block = GaussianPair(np.zeros(1), np.ones(1), shift[1:], excess[1:])
    law = ProductLaw([LineFactor(normal_on_panels(0.3, 0.1)), GaussianFactor(block)], [4, 3])
    assert products.tv(law).value == pytest.approx(exact, rel=1e-10)


def test_inequalities_between_distances() -> None:
    law = ProductLaw([LineFactor(wavy(0.2))], [12])
    tv, h, kl = (products.METRICS[m](law).value for m in ("tv", "hellinger", "kl"))
    assert h**2 <= tv <= h * math.sqrt(2 - h**2)
    assert tv <= math.sqrt(kl / 2)


def test_equal_laws_have_distance_zero() -> None:
    same = ProductLaw([LineFactor(normal_on_panels(0.0, 0.0))], [50])
    assert products.tv(same).value == products.kl(same).value == products.hellinger(same).value == 0.0
