"""Targets and ladders that several tests share."""

import pytest

from sharpbound import processes, targets

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
NORMAL = {"family": "gaussian", "mean": 0.7, "std": 0.4}


@pytest.fixture
def mixture():
    return targets.build(MIXTURE)


@pytest.fixture
def normal():
    return targets.build(NORMAL)


@pytest.fixture
def ladder():
    return processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 12)
