import math

import pytest

from sharpbound import processes, targets
from sharpbound.suite.known import known_values
from whole_suite import THEORY


def test_a_geometric_variance_exploding_ladder():
    ladder = processes.build({"schedule": "ve-exponential", "sigma_min": 0.2, "sigma_max": 10.0}, 16)
    law = targets.build({"family": "uniform", "low": -1.0, "high": 3.0})
    values = known_values(law, ladder)
    assert values == pytest.approx(
        {
            "d": 1.0,
            "T": 16.0,
            "sigma_min": 0.2,
            "sigma_max": 10.0,
            "m2": math.sqrt(1 + 16 / 12),
            "R": 3.0,
            "kappa": 1 - (0.2 / 10.0) ** (2 / 16),
        },
        rel=1e-13,
    )
    bound = THEORY["chewi2026.kl"].bound(values | {"eps_score": 0.0})
    length = 2 * math.log(50.0)
    assert bound == pytest.approx(7 / 3 / 200 + 2 * (1 - math.exp(-length / 16)) * (1 + length), rel=1e-13)


def test_an_ornstein_uhlenbeck_ladder():
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.2}, 4)
    law = targets.build({"family": "gaussian", "mean": [3.0, 0.0], "std": [1.0, 2.0]})
    values = known_values(law, ladder)
    assert values["horizon"] == pytest.approx(1.0, rel=1e-13)
    assert values["kappa"] == pytest.approx(0.2 / 0.2, rel=1e-12)  # the last step ends at .2
    assert values["delta"] == pytest.approx(0.2, rel=1e-13)
    assert (values["d"], values["m2"]) == (2.0, pytest.approx(math.sqrt(9 + 5), rel=1e-14))
    assert "R" not in values


def test_what_is_infinite_is_left_out():
    ladder = processes.build({"schedule": "ve-exponential", "sigma_min": 0.2, "sigma_max": 10.0}, 4)
    assert not {"m2", "R"} & known_values(targets.build({"family": "student-t", "nu": 1.0}), ladder).keys()
