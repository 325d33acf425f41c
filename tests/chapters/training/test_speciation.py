"""Speciation and collapse times against the published numbers and sampling."""

import math

import numpy as np
import pytest

from sharpbound.chapters.training.speciation import collapse_time, same_class_probability, speciation_time
from sharpbound.errors import InputError


def test_published_numbers():
    assert same_class_probability(1.0) == pytest.approx(0.7752, abs=5e-5)
    for dim, time in ((256, 1.2988), (1024, 1.9775), (4096, 2.6671)):
        assert collapse_time(dim, 20000) == pytest.approx(time, abs=5e-5)


def test_same_class_probability_by_cloning():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(400_000) + 0.8
    up = 1 / (1 + np.exp(-1.6 * x))
    same = (rng.random(x.shape) < up) == (rng.random(x.shape) < up)
    assert same_class_probability(0.8) == pytest.approx(same.mean(), abs=4 * 0.5 / math.sqrt(x.size))
    assert same_class_probability(0.0) == pytest.approx(0.5, abs=1e-14)
    assert same_class_probability(6.0) == pytest.approx(1.0, abs=1e-8)


def test_times_are_where_their_equations_say():
    assert 37.0 * math.exp(-2 * speciation_time(37.0)) == pytest.approx(1)
    t = collapse_time(64, 1000, std=0.7)
    # excess variance of the data at the collapse: n^(2/d) = 1 + sigma^2 e^-2t/(1 - e^-2t)
    a2 = math.exp(-2 * t)
    assert 1 + 0.49 * a2 / (1 - a2) == pytest.approx(1000 ** (2 / 64))


def test_refusals():
    with pytest.raises(InputError):
        speciation_time(0.9)
    with pytest.raises(InputError):
        collapse_time(10, 1)
