"""Cases of kind diffusion-time, from the file to the verdict."""

import pytest

from conclude_case import conclude_text
from sharpbound.errors import InputError

DECAY = """
[case]
id = "decay"
title = "Decay of the noise term"
kind = "diffusion-time"
claim = "franzese2023.vp-decay"
[target]
family = "gaussian-mixture"
weights = [0.3, 0.7]
means = [1.0, 3.0]
stds = [0.1, 0.5]
[diffusion_time]
process = "vp"
[measure]
metric = "noise-kl"
[sweep]
horizon = [4, 5, 6, 7, 8, 9, 10]
"""
VE = (
    DECAY.replace("vp-decay", "ve-decay")
    .replace('"vp"', '"ve"')
    .replace("horizon = [4, 5, 6, 7, 8, 9, 10]", "sigma_max = [20, 40, 80, 160, 320]")
)


@pytest.mark.parametrize(("text", "rate"), [(DECAY, 1), (VE, 2)], ids=["vp", "ve"])
def test_decay_is_sharp_unless_the_data_are_centred(tmp_path, text, rate):
    rows, conclusion = conclude_text(tmp_path, text)
    assert conclusion.verdict == "sharp"
    assert conclusion.exponent == pytest.approx(rate, abs=0.01)
    assert all(row["noise-kl"] <= row["bound"] for row in rows)
    centred = text.replace("[1.0, 3.0]", "[-1.4, 0.6]")  # .3 * 1.4 = .7 * .6
    _, conclusion = conclude_text(tmp_path, centred)
    assert conclusion.verdict == "loose"
    assert conclusion.exponent == pytest.approx(2 * rate, abs=0.02)


def test_optimal_time_grows_with_the_logarithm_of_the_accuracy(tmp_path):
    text = (
        DECAY.replace("vp-decay", "optimal-time")
        .replace('"noise-kl"', '"optimal-time"')
        .replace("horizon = [4, 5, 6, 7, 8, 9, 10]", "eps_score = [0.2, 0.1, 0.05, 0.025, 0.0125]")
        .replace('process = "vp"', 'process = "vp"\nmodel = "gaussian"')
    )
    rows, conclusion = conclude_text(tmp_path, text)
    assert conclusion.verdict == "confirmed"
    assert conclusion.exponent == pytest.approx(2, abs=0.01)
    assert all(0 < row["steps-saved"] < 1 for row in rows)


def test_a_fitted_model_is_nearer(tmp_path):
    text = DECAY.replace("vp-decay", "auxiliary").replace('process = "vp"', 'model = "gaussian"')
    assert conclude_text(tmp_path, text)[1].verdict == "confirmed"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('process = "vp"', 'process = "ve"', "diffusion_time.process"),
        ('process = "vp"', 'model = "gan"', "diffusion_time.model"),
        ("horizon = [4", "horizon = [0", "sweep.horizon"),
        ("horizon = [4", "epoch = [4", "sweep"),
        ('"noise-kl"', '"optimal-time"', "measure.metric"),
        ("vp-decay", "auxiliary", "diffusion_time.model"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, key):
    with pytest.raises(InputError) as caught:
        conclude_text(tmp_path, DECAY.replace(old, new))
    assert caught.value.key == key
