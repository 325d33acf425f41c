"""What a failed rate test says of a wide interval."""

from __future__ import annotations

import pytest

from sharpbound.errors import InputError
from sharpbound.testing.rate import _adapted, _width


def test_a_wide_interval_is_explained():
    wide = _width({"verdict": "inconclusive", "interval": [1.972, 2.041]})
    assert wide.startswith(
        ". The half-width 0.034 is above 0.02: the errors have not yet settled to one power"
    )
    assert _width({"verdict": "inconclusive", "interval": [1.99, 2.01]}) == ""
    assert _width({"verdict": "violated", "interval": [1.0, 2.0]}) == ""
    assert _width({"verdict": "inconclusive", "interval": None}) == ""


def test_conventions_of_functions():
    def f(model, x, sigmas):
        return x

    assert _adapted(f, "score") is f
    assert _adapted(f, "denoiser") is not f
    with pytest.raises(
        InputError, match="convention: choose score, denoiser, eps, velocity, flow, v, edm, not 'x'"
    ):
        _adapted(f, "x")
