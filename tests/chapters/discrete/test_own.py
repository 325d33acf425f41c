"""A kernel of one's own: what it is given, and what is told of one that is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import sharpbound as sb

MODULE = '''
import numpy as np


def ancestral(x, conditionals, t, s, theta=1.0):
    """sum_{x_0} P(X_s = v | X_t = x, X_0 = x_0) P(X_0 = x_0 | X_t = x), of the uniform chain, by hand."""
    S = conditionals.shape[-1]
    early, step, late = (np.exp(-c) * np.eye(S) + (1 - np.exp(-c)) / S for c in (s, t - s, t))
    return np.einsum("ndu,uv,ndv->ndv", conditionals / late.T[x], early, step.T[x])


def short(x, conditionals, t, s):
    return conditionals[:, :1]


def heavy(x, conditionals, t, s):
    return 2 * conditionals


def broken(x, conditionals, t, s):
    return 1 / 0


def other(score, x):
    return x
'''
CASE = """
[case]
id = "mine"
title = "mine"
kind = "discrete"
claim = "discrete.euler-tv"

[target]
family = "markov-chain"
length = 2
states = 3
stay = 0.8

[forward]
process = "uniform-ctmc"
horizon = 2.0
delta = 0.1

[sampler]
name = "{name}"

[measure]
metric = ["tv", "kl", "path-kl"]

[sweep]
T = [4, 8]
"""


@pytest.fixture
def measured(tmp_path):
    (tmp_path / "my_kernels.py").write_text(MODULE)

    def measure(name, **changes):
        text = CASE.replace("{name}", name)
        for old, new in changes.items():
            text = text.replace(f"[{old}]\n", f"[{old}]\n{new}\n")
        (tmp_path / "mine.toml").write_text(text)
        return sb.measure(tmp_path / "mine.toml", keep=False)

    return measure


def test_the_ancestral_step_by_hand_is_tweedie_tau_leaping(measured):
    own, ours = measured("my_kernels:ancestral"), measured("tweedie-tau-leaping")
    for one, other in zip(own.rows, ours.rows, strict=True):
        for metric in ("tv", "kl", "path-kl"):
            np.testing.assert_allclose(one.measured[metric].value, other.measured[metric].value, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("my_kernels:none", {}, "my_kernels has no none"),
        ("my_kernels:short", {}, r"must return shape \(N, d, states\) = \(9, 2, 3\), not \(9, 1, 3\)"),
        ("my_kernels:heavy", {}, "sum to 1 only up to 1"),
        ("my_kernels:broken", {}, "it raised my_kernels.py:.*ZeroDivisionError"),
        ("my_kernels:other", {}, r"must take \(x, conditionals, t, s\) first"),
        ("my_kernels:ancestral", {"sampler": "thetta = 2.0"}, "sampler.thetta: .*did you mean 'theta'"),
    ],
)
def test_mistakes_are_told_in_a_line(measured, name, changes, message):
    with pytest.raises(sb.InputError, match=message):
        measured(name, **changes)
