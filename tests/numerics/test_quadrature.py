"""Panels on the line, against closed forms and against functions evaluated directly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import legendre

from sharpbound.numerics.quadrature import Panels, chebyshev_values, resolve, to_chebyshev

ROUNDING = 1e-14
PANELS = Panels.between(np.array([-2.0, -1.5, 0.25, 1.0, 4.0]))

flags = st.lists(st.booleans(), min_size=len(PANELS), max_size=len(PANELS)).map(np.array)
counts = st.lists(st.integers(1, 5), min_size=len(PANELS), max_size=len(PANELS)).map(np.array)


def test_gauss_legendre_integrates_polynomials_of_degree_2n_minus_1():
    panels = Panels.between(np.array([-1.0, 0.5, 2.0]), n=4)
    for k in range(8):
        exact = (2.0 ** (k + 1) - (-1.0) ** (k + 1)) / (k + 1)
        assert panels.integrate(panels.nodes**k) == pytest.approx(exact, rel=ROUNDING, abs=ROUNDING)


def test_running_integrals_are_the_primitive_from_either_end():
    from_left, at_edges = PANELS.cumulative(np.cos(PANELS.nodes))
    from_right, _ = PANELS.cumulative_from_right(np.cos(PANELS.nodes))
    np.testing.assert_allclose(from_left, np.sin(PANELS.nodes) - np.sin(-2.0), atol=10 * ROUNDING)
    np.testing.assert_allclose(from_right, np.sin(4.0) - np.sin(PANELS.nodes), atol=10 * ROUNDING)
    np.testing.assert_allclose(at_edges[-1], PANELS.integrate(np.cos(PANELS.nodes)), rtol=ROUNDING)


def test_an_absolute_value_is_integrated_between_the_roots():
    # roots at 0 and pi
    exact = (1 - np.cos(2.0)) + 2 + (1 + np.cos(4.0))
    assert PANELS.integrate_abs(np.sin(PANELS.nodes)) == pytest.approx(exact, rel=100 * ROUNDING)


@given(counts)
def test_pieces_cover_the_same_line_in_order_and_name_their_parents(pieces):
    cut = PANELS.cut(pieces)
    np.testing.assert_array_equal(np.bincount(cut.parent), pieces)
    np.testing.assert_array_equal(cut.new, (pieces > 1)[cut.parent])
    assert (cut.panels.lo[0], cut.panels.hi[-1]) == (PANELS.lo[0], PANELS.hi[-1])
    np.testing.assert_allclose(cut.panels.lo[1:], cut.panels.hi[:-1], atol=ROUNDING)
    np.testing.assert_allclose(cut.panels.half, (PANELS.half / pieces)[cut.parent], rtol=10 * ROUNDING)


@given(flags)
def test_values_merged_on_halves_are_the_function_on_all_of_them(flagged):
    halves = PANELS.halved(flagged)
    assert len(halves.panels) == len(PANELS) + flagged.sum()
    merged = halves.merged(np.exp(PANELS.nodes), np.exp(halves.new_nodes))
    np.testing.assert_array_equal(merged, np.exp(halves.panels.nodes))


def test_several_functions_are_merged_at_once():
    halves = PANELS.halved(np.array([True, False, False, True]))
    old, new = (np.stack([np.sin(x), np.cos(x)]) for x in (PANELS.nodes, halves.new_nodes))
    np.testing.assert_array_equal(halves.merged(old, new)[1], np.cos(halves.panels.nodes))


@given(counts)
def test_values_on_pieces_are_those_of_the_polynomials(pieces):
    cut, functions = PANELS.cut(pieces), np.stack([np.sin(PANELS.nodes), np.exp(PANELS.nodes)])
    on_pieces = cut.resampled(PANELS.coefficients(functions))
    np.testing.assert_allclose(
        on_pieces, PANELS.interpolate(functions, cut.panels.nodes), rtol=1e-12, atol=1e-13
    )


def test_chebyshev_series_are_the_legendre_series():
    coefficients, x = np.cos(np.arange(16.0)), np.linspace(-1, 1, 50)
    values = (to_chebyshev(16) @ coefficients) @ chebyshev_values(x, 16)
    np.testing.assert_allclose(values, legendre.legval(x, coefficients), atol=100 * ROUNDING)


@given(st.floats(0.01, 10.0))
def test_narrowed_panels_are_no_wider_than_asked_and_no_narrower_than_needed(width):
    fine = PANELS.narrowed(width)
    assert 2 * fine.half.max() <= width * (1 + ROUNDING)
    assert len(fine) == sum(np.ceil((PANELS.hi - PANELS.lo) / width))


def test_the_panels_of_two_parts_are_joined_in_order():
    left, right = PANELS.only(slice(0, 2)), PANELS.only(np.array([False, False, True, True]))
    np.testing.assert_array_equal(Panels.joined(left, right).nodes, PANELS.nodes)


def test_bisection_ends_where_a_narrow_peak_is_resolved():
    width = 1e-3

    def peak(panels):
        return 1 / (1 + (panels.nodes / width) ** 2)

    panels = resolve(lambda panels: panels.tails(peak(panels)) > ROUNDING, np.array([-1.0, 0.3, 1.0]))
    assert panels.integrate(peak(panels)) == pytest.approx(
        2 * width * np.arctan(1 / width), rel=10 * ROUNDING
    )
