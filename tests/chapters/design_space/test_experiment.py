"""Cases of kind design-space, from the file to the verdict."""

import math

import pytest

from conclude_case import conclude_text
from sharpbound.errors import InputError

RATE = """
[case]
id = "discretisation"
title = "Discretisation of the path KL"
kind = "design-space"
claim = "wang2024.discretisation"
[target]
family = "gaussian"
mean = 0.0
std = 0.5
[design]
schedule = "edm"
[measure]
metric = ["discretisation", "path-kl", "kl"]
[sweep]
T = [64, 128, 256, 512, 1024]
"""


def test_the_discretisation_decays_like_one_over_steps(tmp_path):
    rows, conclusion = conclude_text(tmp_path, RATE)
    assert conclusion.verdict == "confirmed"
    assert conclusion.exponent == pytest.approx(1, abs=0.01)
    assert all(row["kl"] < row["path-kl"] for row in rows)  # data processing


def test_the_initialisation_bound_is_sharp_unless_centred(tmp_path):
    text = (
        RATE.replace("wang2024.discretisation", "wang2024.initialisation")
        .replace('["discretisation", "path-kl", "kl"]', '"initialisation"')
        .replace('schedule = "edm"', 'schedule = "edm"\ninit = "normal"')
        .replace("T = [64, 128, 256, 512, 1024]", "sigma_max = [10, 20, 40, 80, 160]")
    )
    assert conclude_text(tmp_path, text.replace("mean = 0.0", "mean = 1.0"))[1].verdict == "sharp"
    assert conclude_text(tmp_path, text)[1].verdict == "loose"


@pytest.mark.parametrize(("scales", "verdict"), [([1e-4, 1e-3], "confirmed"), ([0.1, 0.5], "refuted")])
def test_song_when_well_trained_holds_near_a_point_mass_only(tmp_path, scales, verdict):
    text = (
        RATE.replace("wang2024.discretisation", "wang2024.well-trained")
        .replace('["discretisation", "path-kl", "kl"]', '"path-kl"')
        .replace('schedule = "edm"', 'schedule = "exponential"\nversus = "edm"')
        .replace("T = [64, 128, 256, 512, 1024]", f"sigma = {scales}")
    )
    rows, conclusion = conclude_text(tmp_path, text)
    assert conclusion.verdict == verdict
    assert len(rows) == 2


def test_optimal_schedule_and_dimension(tmp_path):
    text = (
        RATE.replace('schedule = "edm"', 'schedule = "optimal"')
        .replace('["discretisation", "path-kl", "kl"]', '"discretisation"')
        .replace("T = [64, 128, 256, 512, 1024]", "T = [50]\nd = [1, 10, 100000]")
    )
    one, ten, many = conclude_text(tmp_path, text)[
        0
    ]  # a covariance of the last one would not fit in any memory
    assert ten["discretisation"] == pytest.approx(10 * one["discretisation"], rel=1e-12)
    assert many["discretisation"] == pytest.approx(1e5 * one["discretisation"], rel=1e-12)
    r = math.log((0.25 + 6400) / (0.25 + 4e-6)) / 50
    assert one["discretisation"] == pytest.approx(25 * (r + math.expm1(-r)), rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('schedule = "edm"', 'schedule = "linear"', "schedule"),
        ('schedule = "edm"', 'scheduler = "edm"', "design.scheduler"),
        ('schedule = "edm"', "schedule = 7", "design.schedule"),
        ("T = [64, 128, 256, 512, 1024]", "rho = [1, 2]", "sweep.rho"),
        ('"kl"]', '"tv"]', "measure.metric"),
        ("wang2024.discretisation", "wang2024.well-trained", "measure.metric"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, key):
    with pytest.raises(InputError) as caught:
        conclude_text(tmp_path, RATE.replace(old, new))
    assert caught.value.key == key
