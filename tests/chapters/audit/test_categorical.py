"""Races in floating point, against enumeration of all draws and against the softmax."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch

from sharpbound import cli
from sharpbound.chapters.audit.categorical import RACES, audit_race, tail_probability


@pytest.mark.parametrize("race", sorted(RACES))
def test_the_law_of_a_short_race_is_that_of_all_its_draws(race):
    """Three tokens, eight values of u each: 512 outcomes, the first of equal keys winning."""
    key, bits, gap = RACES[race], 3, 1.25
    u = torch.arange(2**bits) / 2**bits
    top, low = (key(torch.tensor(logit), u).tolist() for logit in (0.0, -gap))
    outcomes = [max(b, c) > a for a, b, c in itertools.product(top, low, low)]
    ties = [max(b, c) == a for a, b, c in itertools.product(top, low, low)]
    won, tied = tail_probability(key, 2, gap, bits, torch.float32)
    assert won == pytest.approx(sum(outcomes) / 512, rel=1e-12)
    assert tied == pytest.approx(sum(ties) / 512, abs=1e-12)


@pytest.mark.parametrize("race", sorted(RACES))
def test_a_near_tail_has_the_probability_of_the_softmax(race):
    """Where uniforms are fine enough: 20 bits, a thousand tokens 5 below."""
    won, _ = tail_probability(RACES[race], 1000, 5.0, 20, torch.float64)
    odds = 1000 * math.exp(-5)
    assert won == pytest.approx(odds / (1 + odds), rel=1e-3)


@pytest.mark.parametrize("race", sorted(RACES))
def test_float32_never_draws_a_far_tail(race):
    """262,144 e^-20.5/(1 + ...) of 100,000 draws are 32.76. Noise ends at -log(-log(1 - 2^-24)) = 16.64 and begins, but
    for u = 0, at -log(24 log 2) = -2.81: 16.64 - 20.5 never reaches it. The top loses where its u is 0, once in 2^24.
    """
    found = audit_race(race, 262144, 20.5, 100_000, 24, "float32")
    assert found["expected"] == pytest.approx(32.76, abs=0.005)
    assert (found["found"], found["verdict"]) == (pytest.approx(100_000 / 2**24, rel=1e-9), "not reached")
    assert found["diagnosis"].endswith("none of their keys reaches one of the top, unless its u is 0")


def test_command(monkeypatch, capsys, tmp_path):
    (tmp_path / "races.py").write_text(
        "import torch\n\ndef clamped(logit, u):\n    return logit - torch.log(-torch.log(u.clamp(1e-3, 1 - 1e-3)))\n\n"
        "def raising(logit, u):\n    return u.nothing\n\ndef nan(logit, u):\n    return 0 * torch.log(u)\n"
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["sharpbound", "audit-categorical", *arguments])
        status = cli.main()
        return status, *capsys.readouterr()

    near = ["--tail", "1000", "--gap", "5", "--bits", "16"]
    assert run("gumbel", *near)[0] == 0
    status, out, _ = run("races:clamped", *near, "--json")
    assert (status, json.loads(out)["verdict"]) == (1, "not reached")
    for name, message in (
        ("races:raising", "races:raising: it raised races.py:7: AttributeError"),
        ("races:nan", "a race must not return NaN"),
        ("softmax", "name a race: gumbel, exponential, or MODULE:OBJECT"),
    ):
        status, out, err = run(name, *near)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err
    assert "--bits: must be from 1 to 26, not 40" in run("gumbel", "--bits", "40")[2]
    assert "--dtype: choose float32" in run("gumbel", "--dtype", "int8")[2]
