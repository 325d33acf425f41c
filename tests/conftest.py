"""Targets and ladders that several tests share."""

import gc

import pytest

from sharpbound import processes, targets

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
NORMAL = {"family": "gaussian", "mean": 0.7, "std": 0.4}


def pytest_collection_finish() -> None:
    """Half a million objects of modules and tests, which stay, are not to be walked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def mixture():
    return targets.build(MIXTURE)


@pytest.fixture
def normal():
    return targets.build(NORMAL)


@pytest.fixture
def ladder():
    return processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 12)
