"""One tabulated mixture for the whole folder: .3 N(1, .1^2) + .7 N(3, .5^2), from sigma = .002 to 80."""

import pytest

from sharpbound import targets
from sharpbound.marginals.fisher import LineInformation


@pytest.fixture(scope="session")
def mixture():
    spec = {"family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [1.0, 3.0], "stds": [0.1, 0.5]}
    target = targets.build(spec)
    return target, LineInformation(target, 4e-6, 6400.0)
