"""Sample transport distances against brute force and closed forms."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import ot
import pytest

from sharpbound.distances import empirical
from sharpbound.errors import InputError


def test_line_against_pot() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(500), 1 + 2 * rng.standard_normal(500)
    assert empirical.sample_w1(x, y) == pytest.approx(ot.wasserstein_1d(x, y, p=1), rel=1e-12)
    assert empirical.sample_w2(x, y) == pytest.approx(
        ot.wasserstein_1d(x, y, p=2) ** 0.5, rel=1e-12
    )  # it returns W^p


@pytest.mark.parametrize("d", [1, 3])
def test_against_all_assignments(d: int) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 6, d))
    lengths = np.linalg.norm(x[:, None] - y[None], axis=-1)
    best = [
        min(sum(lengths[i, j] ** k for i, j in enumerate(p)) for p in permutations(range(6))) / 6
        for k in (1, 2)
    ]
    assert empirical.sample_w1(x, y) == pytest.approx(best[0], rel=1e-12)
    assert empirical.sample_w2(x, y) == pytest.approx(best[1] ** 0.5, rel=1e-12)


def test_translation_is_its_length() -> None:
    x = np.random.default_rng(2).standard_normal((200, 2))
    assert empirical.sample_w2(x, x + np.array([3.0, 4.0])) == pytest.approx(5.0, rel=1e-12)


def test_sizes_must_agree() -> None:
    with pytest.raises(InputError, match="equal size"):
        empirical.sample_w2(np.zeros(3), np.zeros(4))
