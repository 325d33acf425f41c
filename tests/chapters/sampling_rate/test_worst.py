"""The search of the worst target, on objectives whose maximum is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from sharpbound.chapters.sampling_rate import worst
from sharpbound.chapters.sampling_rate.in_dimension import power_of_d, spectrum
from sharpbound.cli import main
from sharpbound.errors import InputError
from sharpbound.laws.leading import Constant
from sharpbound.records.powers import read_powers, write_powers
from sharpbound.suite import load_case
from sharpbound.suite.assumptions import check_assumption
from sharpbound.targets import build
from whole_suite import CASES, THEORY


@pytest.mark.parametrize("point", [(0.3, 0.2, 0.9, 1.7), (-2.0, 1.0, 0.1, 5.0), (0.0, 1.0, 1.0, 0.06)])
def test_mixtures_have_mean_zero_and_second_moment_one(point):
    spec = worst.mixture(*point)
    moments = build(spec).moments()
    assert float(moments.mean[0]) == pytest.approx(0, abs=1e-12)
    assert float(moments.cov[0, 0]) == pytest.approx(1, rel=1e-12)


class _Narrow:
    """A leading term that is largest where the components have stds .4 and .2 times the whole."""

    def __init__(self, target):
        self.stds = np.sqrt(target.variances.numpy())

    def at(self, T, metric):
        return math.exp(-float(((np.sort(self.stds) - [0.2, 0.4]) ** 2).sum()))

    def constant(self, metric):
        return Constant(1, 0, self.at(1, metric), (0.9, 1.0))


def test_the_search_finds_a_known_maximum(monkeypatch):
    theory, cases = THEORY, CASES
    case = worst.base_case(cases, theory["weak-error.order1-tv"])
    assert case.sampler["name"] == "pf-ode"  # the cheapest that the claim has
    monkeypatch.setattr(worst.leading, "limit", lambda target, *_, **__: _Narrow(target))
    found = worst.search(case, theory[case.claim], evaluations=300)
    assert found.value == pytest.approx(1.0, abs=1e-4)
    assert sorted(found.target["stds"]) == pytest.approx([0.2, 0.4], abs=5e-3)
    assert not found.at_edge
    values = [value for _, value in found.improvements]
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("claim", "check"), [("gaozhu2025.ode", "strongly-log-concave"), ("benton2024.steps", "isotropic")]
)
def test_the_worst_target_meets_what_the_claim_asks_of_it(claim, check, monkeypatch):
    """The objective grows with the distance of the modes, to where the law is no longer log-concave."""
    monkeypatch.setattr(worst.leading, "limit", lambda target, *_, **__: _Narrow(target))
    found = worst.search(worst.base_case(CASES, THEORY[claim]), THEORY[claim], evaluations=60)
    assert check_assumption(check, build(found.target)) is not False
    bounded = worst.search(worst.base_case(CASES, THEORY["li2024sharp.ode"]), THEORY["li2024sharp.ode"], 0)
    assert check_assumption("bounded-support", build(bounded.target))


def test_the_case_file_is_read_back(tmp_path):
    theory, cases = THEORY, CASES
    case = worst.base_case(cases, theory["li2024.ode"])
    spec = worst.mixture(0.0, 0.3, 0.4, 2.0)
    found = worst.Worst(spec, 1.0, 64, Constant(1, 0, 1.0, (1.0, 1.0)), [], 1, False)
    file = tmp_path / "worst.toml"
    file.write_text(worst.case_file(case, found))
    again = load_case(file)
    assert (again.claim, again.target, again.forward, again.sampler) == (
        case.claim,
        spec,
        case.forward,
        case.sampler,
    )
    assert again.sweep == case.sweep
    file.write_text(worst.case_file(case.model_copy(update={"sweep": {"T": [4096], "d": [1, 2]}}), found))
    assert load_case(file).sweep == {"T": list(worst.MEASURED)}  # a rate is read from several T


@pytest.fixture(scope="module")
def in_d():
    """The probability-flow ODE on a fixed horizon, total variation, d = 64 and 1024."""
    theory, cases = THEORY, CASES
    case = worst.base_case(cases, theory["weak-error.order1-tv"])
    return power_of_d(case, theory["li2024sharp.ode"], worst.mixture(0.0, 0.5, 0.5, 1.0), [64, 1024])


def test_total_variation_grows_like_the_root_of_d_on_copies(in_d):
    for name, (few, many) in in_d.families.items():
        if "copies" in name:
            assert many / few == pytest.approx(4.0, rel=0.02), name
    assert in_d.stated == 1.0
    assert in_d.found == pytest.approx(0.5, abs=0.01)
    assert in_d.reading.startswith("neither")


def test_the_worst_at_each_d_is_no_less_than_any_family(in_d):
    for i, name in enumerate(in_d.worst):
        assert in_d.families[name][i] == max(values[i] for values in in_d.families.values())


def test_a_spectrum_counts_every_coordinate_once():
    for d in (1, 3, 16, 40):
        counts = spectrum(d)
        assert sum(counts.values()) == d
        assert max(v for _, v in counts) == 1.0
    assert spectrum(7) == {("normal", 1.0): 1, ("normal", 0.25): 2, ("normal", 0.0625): 4}


def test_what_a_lower_bound_shows(in_d, tmp_path):
    told = {stated: replace(in_d, stated=stated).reading.split(":")[0] for stated in (0.25, 0.5, 2.0)}
    assert told == {0.25: "counter-example", 0.5: "evidence of tightness", 2.0: "neither"}
    write_powers(tmp_path, {in_d.claim: in_d})
    assert read_powers(tmp_path) == {in_d.claim: in_d}
    (tmp_path / "dimensions.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="is no record of a power of d"):
        read_powers(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["worst", "li2024.odd"], "did you mean"),
        (["worst", "li2024.ode", "--family", "gauss"], "--family: choose gaussian-mixture"),
        (["worst", "li2024.ode", "--dim", "1,x"], "--dim: must be whole numbers"),
        (["worst", "li2024.ode", "--dim", "4,4"], "--dim: a power of d takes two dimensions"),
        (["worst", "li2024.ode", "--dim", "1,99999999999"], "--dim: takes at most 1000000 dimensions"),
        (
            ["worst", "chen2023.path-lower", "--dim", "1,4"],
            "--dim: a power of d takes a metric of the output",
        ),
        (["worst", "li2024.ode", "--record"], "--record: takes the dimensions"),
        (["worst", "li2024memorize.returned-law"], "no case in T"),
    ],
)
def test_mistakes(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sharpbound", *arguments])
    assert main() == 2
    assert message in capsys.readouterr().err


def test_constant_command_prints_the_law(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SHARPBOUND_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["sharpbound", "constant", "pf-ode-gaussian-tv-fixed-horizon", "--json"])
    assert main() == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["power"], told["log_power"], told["metric"]) == (1, 0, "tv")
    low, high = told["constant_interval"]
    assert low < told["constant"] < high < 1.001 * low
    assert told["ratio"][-1] == pytest.approx(1, abs=0.01)
