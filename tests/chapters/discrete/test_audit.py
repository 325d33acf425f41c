"""``sharpbound audit`` of kernels on a finite state space: right ones, and faults of each kind."""

from __future__ import annotations

import json
import re

import pytest

from sharpbound import cli
from sharpbound.chapters.audit.asked import Asked
from sharpbound.cli.kernels import audit_of_kernel
from sharpbound.errors import InputError

KERNELS = """
import numpy as np


def heat(c, S):
    return np.exp(-c) * np.eye(S) + (1 - np.exp(-c)) / S


def ancestral(x, conditionals, t, s):
    S = conditionals.shape[-1]
    return (conditionals / heat(t, S).T[x]) @ heat(s, S) * heat(t - s, S).T[x]


def euler(x, conditionals, t, s, rate=1.0):
    S = conditionals.shape[-1]
    chance = rate * (t - s) / S * ((conditionals / heat(t, S).T[x]) @ heat(t, S))
    stays = np.eye(S, dtype=bool)[x]
    chance[stays] = 0
    chance[stays] = (1 - chance.sum(-1)).ravel()
    return chance


def unmasking(x, conditionals, t, s):
    S = conditionals.shape[-1]
    freed = (np.exp(-s) - np.exp(-t)) / (1 - np.exp(-t))
    law = np.eye(S + 1)[x]
    masked = x == S
    law[masked] = np.concatenate([freed * conditionals[masked], np.full((masked.sum(), 1), 1 - freed)], 1)
    return law


def single(x, conditionals, t, s):
    return ancestral(x, conditionals, t, s).astype(np.float32)


def slightly_fast(x, conditionals, t, s):
    return euler(x, conditionals, t, s, 1.001)


def one_shot(x, conditionals, t, s):
    return conditionals


def backwards(x, conditionals, t, s):
    return ancestral(x, conditionals, s, t)


def still(x, conditionals, t, s):
    return np.eye(conditionals.shape[-1])[x]


def mirrored(x, conditionals, t, s):
    return ancestral(x, conditionals, t, s)[:, ::-1]


def stale(x, conditionals, t, s):
    return ancestral(x, conditionals, t, t - 0.5 * (t - s))


def leaking(x, conditionals, t, s):
    return ancestral(x, conditionals, t, s) * (1 - 1e-6)


def peeking(x, conditionals, t, s):
    return 0.5 * ancestral(x, conditionals, t, s) + 0.5 * conditionals.mean(0)


def restless(x, conditionals, t, s):
    law = np.random.random(conditionals.shape)
    return law / law.sum(-1, keepdims=True)
"""
STEPS = "16,32,64,128"


@pytest.fixture
def audited(tmp_path, monkeypatch):
    (tmp_path / "own_kernels.py").write_text(KERNELS)
    monkeypatch.chdir(tmp_path)
    return lambda name, **asked: audit_of_kernel(f"own_kernels:{name}", Asked(**{"steps": STEPS} | asked))


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ancestral", {}),
        ("euler", {"ladder": "even"}),
        ("single", {"ladder": "uneven"}),
        ("unmasking", {"schedule": "absorbing-ctmc"}),
        ("euler", {"target": "markov-chain:length=2,states=2,stay=0.8", "ladder": "even"}),
    ],
)
def test_right_kernels_reach_order_one(audited, name, asked):
    found = audited(name, order=1, **asked)
    assert found["verdict"] == "reached"
    assert found["rows"][-2]["tv"] / found["rows"][-1]["tv"] == pytest.approx(2, abs=0.06)
    assert found["precision"] == ("float32" if name == "single" else "float64")
    kl = [row["kl"] for row in found["rows"]]
    assert kl[-2] / kl[-1] == pytest.approx(4, abs=0.2)  # of second order where TV is of the first
    assert found["remarks"] == []


def test_independent_coordinates_are_exact_and_no_order_above_one_is_reached(audited):
    product = "product-categorical:factors=[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]"
    assert audited("ancestral", target=product)["verdict"] == "exact"
    assert audited("ancestral", order=2, ladder="even")["verdict"] == "not reached"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("slightly_fast", "jumps are 1.001 times as frequent.*which shows from T ="),
        ("one_shot", "its steps go all the way to time 0"),
        ("still", "it never moves"),
        ("stale", "jumps are 0.5 times as frequent"),
        ("mirrored", r"in a short step, .* coordinate . of \[., .\] comes to . with a chance of"),
    ],
)
def test_what_does_not_converge_is_named(audited, name, words):
    found = audited(name, ladder="even")
    assert (found["verdict"], found["exponent"]) == ("not reached", 0.0)
    assert re.search(words, found["diagnosis"])


def test_mass_and_support_are_looked_at(audited):
    leaking, backwards = audited("leaking"), audited("backwards")
    assert leaking["verdict"] == "failed" and "sum to 1 only up to 1e-06" in leaking["diagnosis"]
    assert backwards["verdict"] == "failed" and "it takes s for the time before" in backwards["diagnosis"]
    assert "support: it never goes where the true chain goes" in audited("still", ladder="even")["remarks"][0]


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("peeking", {}, "depends on which others it is asked of"),
        ("restless", {}, "returns something else when asked again"),
        ("unmasking", {}, r"must return shape \(N, d, states\) = \(9, 2, 3\)"),
        ("euler", {"convention": "eps"}, "--convention: a kernel .* calls no model"),
        ("euler", {"arrays": "torch"}, "--arrays: .* has none"),
        ("euler", {"ladder": "odd"}, "--ladder: even or uneven, not 'odd'"),
        ("euler", {"schedule": "d3pm", "ladder": "even"}, "--ladder: d3pm has a grid of its own"),
        ("euler", {"schedule": "ou-uniform"}, "--schedule: process: unknown process 'ou-uniform'"),
        ("euler", {"target": "gaussian:std=1.0"}, "--target: family: unknown discrete family"),
        ("euler", {"order": -1.0}, "order must be a positive number"),
        (
            "euler",
            {"target": "markov-chain:length=8,states=3,stay=0.8"},
            "6561 states; an audit takes at most",
        ),
        ("euler", {"same_as": "ddim", "steps": None}, "--same-as: name: 'ddim' is no sampler of a"),
    ],
)
def test_mistakes_are_told_in_a_line(audited, name, asked, message):
    with pytest.raises(InputError, match=message):
        audited(name, **asked)


def test_same_as_names_the_first_chance_that_differs(audited):
    asked = {"steps": None}
    assert audited("euler", same_as="euler-ctmc", **asked)["verdict"] == "same"
    assert audited("single", same_as="tweedie-tau-leaping", **asked)["verdict"] == "same"
    masked = audited("unmasking", same_as="tweedie-tau-leaping", schedule="absorbing-ctmc", **asked)
    assert masked["verdict"] == "same"
    parted = audited("slightly_fast", same_as="euler-ctmc", **asked)
    first = parted["first_difference"]
    assert parted["verdict"] == "parts" and first["step"] == 1
    jump = first["to"] != first["x"][first["coordinate"]]
    ratio = first["chance"] / first["expected"] if jump else (1 - first["chance"]) / (1 - first["expected"])
    assert ratio == pytest.approx(1.001, rel=1e-9)
    # the two-stage sampler leads to what its coordinates do not do apart
    assert audited("euler", same_as="theta-trapezoidal", **asked)["verdict"] == "parts"


def test_the_command_tells_and_exits_as_the_other_audit_does(audited, monkeypatch, capsys):
    def status(*arguments):
        monkeypatch.setattr("sys.argv", ["sharpbound", "audit", *arguments])
        return cli.main(), capsys.readouterr()

    code, told = status("own_kernels:euler", "--order", "1", "--steps", STEPS, "--json")
    assert code == 0 and json.loads(told.out)["verdict"] == "reached"
    code, told = status("own_kernels:still", "--steps", STEPS)
    assert code == 1 and "it never moves" in told.out
    assert status("own_kernels:euler", "--same-as", "exponential-ctmc")[0] == 1
    assert status("own_kernels:peeking", "--steps", STEPS)[0] == 2
