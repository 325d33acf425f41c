"""The estimator on laws that it was never tuned on: what docs/rates.md reports of them is held here."""

import numpy as np
import pytest

from sharpbound.rates.families import ANSWERED, UNTOLD, measure_family, steps
from sharpbound.rates.synthetic import Score, table


@pytest.fixture(scope="module")
def scores():
    """25 curves of each of 16 families, of other seeds than those of the table."""
    return {f.__name__: measure_family(f, 25, 8) for f in (*ANSWERED, *UNTOLD)}


def test_over_all_few_verdicts_are_wrong(scores):
    total = sum(scores.values(), Score())
    assert total.curves >= 400
    assert total.wrong <= 0.005 * total.verdicts, table(scores)


def test_where_it_answers_it_covers_and_decides(scores):
    inside = sum((scores[f.__name__] for f in ANSWERED), Score())
    assert inside.covered >= 0.95 * inside.intervals, table(scores)
    assert inside.decided >= 0.8 * inside.verdicts, table(scores)


def test_schemes_of_known_order_are_what_they_say():
    """Slopes of fine steps, against the orders that the families state."""
    for family in ANSWERED[:4]:
        n, rng = np.array([256.0, 512.0]), np.random.default_rng(3)
        curve = family(n, rng)
        slope = np.log(curve.error[0] / curve.error[1]) / np.log(2)
        assert slope == pytest.approx(curve.order, abs=0.05), family.__name__
    assert (np.diff(steps(np.random.default_rng(1))) > 0).all()
