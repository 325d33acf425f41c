"""Cases of kind training, from the file to the verdict."""

import pytest

from conclude_case import conclude_text
from sharpbound.errors import InputError

CASE = """
[case]
id = "descent"
title = "Gradient descent on the denoising loss"
kind = "training"
claim = "wang2024.training"
[target]
family = "gaussian"
mean = 0.0
std = 1.0
dim = 8
[training]
points = 2
levels = 2
[measure]
metric = "loss"
[sweep]
t = [0, 10, 20, 30, 40, 50, 60]
width = [32, 256]
"""


@pytest.mark.parametrize("weighting", ["uniform", "equalising"])
def test_wide_networks_follow_the_prediction(tmp_path, weighting):
    rows, conclusion = conclude_text(
        tmp_path, CASE.replace("levels = 2", f'levels = 2\nweighting = "{weighting}"')
    )
    assert len(rows) == 14
    assert conclusion.verdict != "violated"
    assert rows[-1]["kernel-drift"] < rows[0]["kernel-drift"]
    losses = [row["loss"] for row in rows[7:]]
    assert losses == sorted(losses, reverse=True)


def test_on_the_line_the_population_loss_is_above_the_bayes_loss(tmp_path):
    rows, _ = conclude_text(
        tmp_path, CASE.replace("dim = 8", "").replace("width = [32, 256]", "width = [64]")
    )
    assert rows[-1]["population-loss"] > rows[-1]["bayes-loss"] > 0


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("t = [0, 10, 20, 30, 40, 50, 60]", "points = [2, 3]", "sweep.t"),
        ("t = [0, 10,", "t = [10, 0,", "sweep.t"),
        ("levels = 2", "levels = 1", "training.levels"),
        ("levels = 2", 'weighting = "flat"', "training.weighting"),
        ('"loss"', '"tv"', "measure.metric"),
        ("width = [32, 256]", "T = [32, 256]", "sweep.T"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, key):
    with pytest.raises(InputError) as caught:
        conclude_text(tmp_path, CASE.replace(old, new))
    assert caught.value.key == key
