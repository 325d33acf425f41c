"""The toy target of Franzese et al.: .3 N(1, .1^2) + .7 N(3, .5^2)."""

import pytest

from sharpbound import targets


@pytest.fixture(scope="session")
def toy():
    spec = {"family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [1.0, 3.0], "stds": [0.1, 0.5]}
    return targets.build(spec)
