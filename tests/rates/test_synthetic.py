"""The estimator on curves of known order: what docs/rates.md reports is held here."""

import pytest

from sharpbound.rates.synthetic import COVERED, SEEDS, Score, measure, table


@pytest.fixture(scope="module", params=SEEDS)
def scores(request):
    """80 curves of each of 8 categories per seed: 1,280 in all."""
    return measure(COVERED, 80, request.param)


def test_intervals_cover_the_truth_and_verdicts_are_not_wrong(scores):
    total = sum(scores.values(), Score())
    assert total.curves == 640
    assert total.covered >= 0.95 * total.intervals, table(scores)
    assert total.wrong <= 0.01 * total.verdicts, table(scores)


def test_easy_curves_are_decided(scores):
    smooth = scores["smooth"]
    assert smooth.easy >= 20
    assert smooth.easy_inconclusive < 0.05 * smooth.easy
    assert smooth.narrow >= 0.85 * smooth.curves


def test_coverage_is_not_bought_with_silence(scores):
    """Floors up to a tenth of the coarsest error leave 4 rows or more on about two curves in three."""
    floors = sum((scores[name] for name in COVERED if "floor" in name), Score())
    assert floors.intervals > 0.5 * floors.curves
    for name in ("noise", "log factor allowed", "log allowed, absent"):
        assert scores[name].intervals > 0.5 * scores[name].curves, name
