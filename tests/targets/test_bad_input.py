"""Mistakes in a [target] table are one line that names the key."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from sharpbound.errors import InputError
from sharpbound.targets import (
    FAMILIES,
    Atoms1D,
    AtomsND,
    Gaussian1D,
    GaussianMixture1D,
    GaussianMixtureND,
    GaussianND,
    build,
)

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.0], "stds": [0.3, 0.5]}
MIXTURE_2D = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [[0, 1], [1, 0]]}
LAPLACE = {"family": "laplace", "scale": 1.0}
TRUNCATED = {"family": "truncated-gaussian-mixture", "weights": [1.0], "means": [0.0], "stds": [1.0]}
LOW_RANK = {"family": "low-rank-mixture", "weights": [1.0], "means": [[1.0, 2.0]], "std": 0.1, "dim": 3}


@pytest.mark.parametrize(
    ("spec", "key", "words"),
    [
        ({}, "family", "missing"),
        ({"family": "guassian"}, "family", "unknown family"),
        ({"family": ["gaussian"]}, "family", "unknown family"),
        ({"family": "gaussian", "mean": 0.0}, "std", "exactly one"),
        ({"family": "gaussian", "std": 1.0}, "mean", "missing"),
        ({"family": "gaussian", "mean": 0.0, "std": -1.0}, "std", "at least 0"),
        ({"family": "gaussian", "mean": True, "std": 1.0}, "mean", "must be a number"),
        ({"family": "gaussian", "mean": math.nan, "std": 1.0}, "mean", "finite"),
        ({"family": "gaussian", "mean": "0", "std": 1.0}, "mean", "must be a number"),
        ({"family": "gaussian", "mean": 0.0, "std": 1.0, "sdt": 1.0}, "sdt", "no such key"),
        ({"family": "gaussian", "mean": [0.0, 1.0], "std": [1.0]}, "mean", "disagree"),
        ({"family": "gaussian", "mean": [0.0, 1.0], "std": 1.0, "dim": 3}, "mean", "disagree"),
        ({"family": "gaussian", "mean": [0.0, 0.0], "cov": [[1.0, 2.0], [2.0, 1.0]]}, "cov", "semidefinite"),
        ({"family": "gaussian", "mean": [0.0, 0.0], "cov": [[1.0, 0.5], [0.0, 1.0]]}, "cov", "symmetric"),
        ({"family": "gaussian", "mean": [0.0, 0.0], "cov": [[1.0, 0.5], [0.5]]}, "cov[1]", "2 entries"),
        ({"family": "gaussian", "mean": [], "std": 1.0}, "mean", "empty"),
        (MIXTURE | {"weights": [0.4, 0.5]}, "weights", "sum to 1"),
        (MIXTURE | {"weights": [1.4, -0.4]}, "weights", "positive"),
        (MIXTURE | {"weights": [0.4, 0.3, 0.3]}, "means", "3 entries"),
        (MIXTURE | {"stds": [0.3]}, "stds", "2 entries"),
        (MIXTURE | {"stds": [0.3, -1.0]}, "stds[1]", "at least 0"),
        (MIXTURE | {"means": 1.0}, "means", "must be a list"),
        (MIXTURE | {"covs": [1.0, 1.0]}, "stds", "exactly one"),
        (MIXTURE_2D | {"stds": [[0.1, 0.2], [0.1]]}, "stds[1]", "2 entries"),
        (MIXTURE_2D | {"means": [[0, 1], [1]], "stds": [1, 1]}, "means[1]", "2 entries"),
        (MIXTURE_2D | {"covs": [[[1, 0], [0, 1]], [[1, 2], [2, 1]]]}, "covs[1]", "semidefinite"),
        ({"family": "atoms", "points": []}, "points", "empty"),
        ({"family": "atoms", "points": [0.0, math.inf]}, "points[1]", "finite"),
        ({"family": "atoms", "points": [0.0, 1.0], "weights": [1.0]}, "weights", "2 entries"),
        ({"family": "cantor", "level": 0, "low": 0.0, "high": 1.0}, "level", "at least 1"),
        ({"family": "cantor", "level": 2.5, "low": 0.0, "high": 1.0}, "level", "whole number"),
        ({"family": "cantor", "level": 40, "low": 0.0, "high": 1.0}, "level", "at most 16"),
        ({"family": "uniform", "low": 1.0, "high": 1.0}, "high", "greater than low"),
        (TRUNCATED, "radius", "either low and high, or radius"),
        (TRUNCATED | {"low": 0.0, "high": 1.0, "radius": 1.0}, "radius", "either low and high, or radius"),
        (TRUNCATED | {"low": 0.0}, "high", "must be a number"),
        (TRUNCATED | {"low": 1.0, "high": 1.0}, "high", "greater than low"),
        (TRUNCATED | {"radius": 0.0}, "radius", "greater than 0"),
        (TRUNCATED | {"radius": 1.0, "stds": [0.0]}, "stds", "must all be positive"),
        (TRUNCATED | {"radius": 1.0, "stds": [1e-200]}, "stds[0]", "1e-20 to 1e+12"),
        (TRUNCATED | {"radius": 1.0, "means": [1e300]}, "means[0]", "1e-20 to 1e+12"),
        ({"family": "laplace", "scale": 0.0}, "scale", "greater than 0"),
        ({"family": "laplace", "scale": 1e300}, "scale", "1e-20 to 1e+12"),
        ({"family": "gaussian", "mean": 1e308, "std": 1.0}, "mean", "1e-20 to 1e+12"),
        ({"family": "gaussian", "mean": 0.0, "std": 1.0, "dim": 10**12}, "dim", "at most 20000"),
        ({"family": "product", "factor": LAPLACE, "dim": 10**12}, "dim", "at most 1000000"),
        ({"family": "sphere", "radius": 1.0, "dim": 10**12}, "dim", "at most 1000000"),
        ({"family": "student-t", "nu": 1e-3}, "nu", "at least 0.1"),
        ({"family": "student-t", "nu": -1}, "nu", "greater than 0"),
        ({"family": "student-t"}, "nu", "missing"),
        ({"family": "sphere", "radius": 1.0, "dim": 1}, "dim", "at least 2"),
        (LOW_RANK | {"dim": 1}, "dim", "at least the means' length"),
        (LOW_RANK | {"std": "big"}, "std", "must be a number"),
        ({"family": "product"}, "factor", "exactly one"),
        ({"family": "product", "factor": LAPLACE}, "dim", "missing"),
        ({"family": "product", "factor": LAPLACE, "dim": True}, "dim", "whole number"),
        ({"family": "product", "factors": [LAPLACE, LAPLACE], "dim": 3}, "dim", "multiple of the 2 factors"),
        ({"family": "product", "factors": [LAPLACE, {"family": "laplace"}]}, "factors[1].scale", "missing"),
        ({"family": "product", "factor": MIXTURE_2D | {"stds": [1, 1]}, "dim": 2}, "factor", "on the line"),
        ({"family": "product", "factor": "laplace", "dim": 2}, "factor", "table"),
    ],
)
def test_the_message_names_the_key(spec: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        build(spec)
    assert caught.value.key == f"target.{key}"
    assert words in caught.value.message
    assert "\n" not in str(caught.value)


def test_weights_are_renormalised_exactly() -> None:
    target = build(MIXTURE | {"weights": [0.4, 0.6 + 5e-10]})
    assert float(target.weights.sum()) == 1.0  # type: ignore[attr-defined]


def test_every_family_refuses_unknown_keys() -> None:
    for family in FAMILIES:
        with pytest.raises(InputError, match="no such key"):
            build({"family": family, "nonsense": 1})


@pytest.mark.parametrize("given", [list, np.array, torch.tensor], ids=["list", "numpy", "torch"])
def test_constructors_take_lists_numpy_and_torch(given: Any) -> None:
    line = GaussianMixture1D(given([0.25, 0.75]), given([-1.0, 1.0]), given([1.0, 4.0]))
    assert line.moments().mean.tolist() == [0.5]
    assert line.moments().cov.tolist() == [[0.25 + 3.0 + 0.75]]
    plane = GaussianMixtureND(given([1.0]), given([[1.0, 2.0]]), given([[1.0, 4.0]]))
    assert plane.moments().second_moment == 1 + 4 + 1 + 4
    assert GaussianND(given([0.0, 3.0]), given([[1.0, 0.0], [0.0, 2.0]])).moments().second_moment == 12
    assert Atoms1D(given([0.5, 0.5]), given([-2.0, 2.0])).moments().second_moment == 4
    assert AtomsND(given([0.5, 0.5]), given([[1.0, 0.0], [0.0, 1.0]])).moments().second_moment == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianMixture1D([0.4, 0.5], [0, 1], [1, 1]), "target.weights: must sum to 1"),
        (
            lambda: GaussianMixture1D([0.4, 0.6], [0, 1, 2], [1, 1]),
            "target.means: must have shape (2), got (3,)",
        ),
        (lambda: GaussianMixture1D([0.4, 0.6], [0, 1], [1, -1]), "target.variances: must be at least 0"),
        (lambda: GaussianND([0, 1], [1, [2]]), "target.cov: must hold numbers, in lists of equal lengths"),
        (lambda: GaussianND([0, math.nan], [1, 2]), "target.mean: must be finite"),
        (lambda: Gaussian1D("a", 1.0), "target.mean: must be a number, got 'a'"),  # type: ignore[arg-type]
    ],
)
def test_constructors_refuse_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_point_without_noise_has_no_quantiles() -> None:
    point = build({"family": "gaussian", "mean": 0.0, "std": 0})
    with pytest.raises(InputError, match="target: has no density"):
        point.quantile_from_log(torch.tensor(-3.0, dtype=torch.float64), 1.0, 0.0, upper=False)
