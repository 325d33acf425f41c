"""The options of ``sharpbound audit`` beside the order: comparison, neighbours, targets, schedules, reports."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sharpbound import cli
from sharpbound.chapters.audit.asked import read_spec
from sharpbound.chapters.audit.command import Asked, audit_user
from sharpbound.errors import InputError

QUICK = ["--steps", "12,24,48", "--ladder", "even"]


@pytest.fixture(autouse=True)
def _of_others(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent / "of_others")


@pytest.fixture
def audit(monkeypatch, capsys):
    """Runs the command: exit status, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["sharpbound", "audit", *arguments])
        status = cli.main()
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("name", "convention", "other"),
    [
        ("steppers:heun", "denoiser", "heun"),
        ("steppers:multistep", "denoiser", "dpm-solver++-2m"),
        ("noisy:ancestral", "denoiser", "ancestral-euler"),
        ("steppers:on_a_and_sigma", "v", "ddim"),
    ],
)
def test_the_same_as_one_of_the_library(name, convention, other):
    found = audit_user(name, Asked(convention=convention, same_as=other))
    assert found["verdict"] == "same"
    assert found["first_difference"] is None
    assert found["largest_difference"] < 1e-12


def test_where_two_samplers_part(audit):
    """The ratio of steps upside down: order 2 all the same, and another method from its second step on.

    Steps in log sigma are 1 : 2 : ..., so that the second uses new + (new - old)/(2 r) with r = 2 for 1/2.
    """
    status, out, err = audit(
        "steppers:upside_down", "--convention", "denoiser", "--same-as", "dpm-solver++-2m", "--json"
    )
    found = json.loads(out)
    assert (status, err, found["verdict"]) == (1, "", "parts")
    first = found["first_difference"]
    assert first["step"] == 2
    assert first["what"].startswith("the score at sigma/a = ")
    assert (
        f"{first['found']:.10g}" in found["diagnosis"] and f"{first['expected']:.10g}" in found["diagnosis"]
    )


def test_another_level_is_where_they_part():
    found = audit_user("mistaken:one_level_late", Asked(same_as="ddim"))
    first = found["first_difference"]
    assert (found["verdict"], first["step"], first["what"]) == ("parts", 1, "level")
    assert first["expected"] == pytest.approx(20)


def test_beside_the_methods_of_the_library(audit):
    arguments = ["steppers:heun", "--order", "2", "--convention", "denoiser", *QUICK, "--at", "10"]
    at = json.loads(audit(*arguments, "--json")[1])["at"]
    ratios = {method["name"]: method["ratio"] for method in at["methods"]}
    assert ratios["heun"] == pytest.approx(1, abs=1e-6)
    assert ratios["ddim"] < 0.3 and at["T"] == 10
    shown = audit(*arguments)[1]
    assert "W2 at T = 10" in shown and "█" in shown


def test_targets_and_schedules_with_parameters():
    asked = Asked(2, convention="denoiser", steps="12,24,48", ladder="even")
    own = audit_user("steppers:heun", asked)
    other = audit_user(
        "steppers:heun",
        Asked(2, None, "edm:sigma_min=0.3,rho=5.0", "denoiser", "even", "12,24,48", "student-t:nu=5"),
    )
    assert (other["verdict"], other["target"], other["range"]) == ("reached", "student-t:nu=5", [0.3, 80])
    assert own["target"] == "mixture"


def test_a_target_from_a_case_file(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text('[target]\nfamily = "gaussian"\nmean = 1.0\nstd = 2.0\n')
    asked = Asked(1, steps="12,24,48", target=str(file))
    assert audit_user("mistaken:one_level_late", asked)["verdict"] == "reached"


def test_specs():
    assert read_spec("edm", "schedule", "--schedule") == {"schedule": "edm"}
    found = read_spec("x:weights=[0.5, 0.5],std=1", "family", "--target")
    assert found == {"family": "x", "weights": [0.5, 0.5], "std": 1}
    assert read_spec("m:f:depth=2", "family", "--target") | {"@source": ""} == {
        "family": "m:f",
        "depth": 2,
        "@source": "",
    }


def test_junit(audit, tmp_path):
    for order, tag, count in (("2", "system-out", "0"), ("3", "failure", "1")):
        arguments = [
            "--convention",
            "denoiser",
            "--order",
            order,
            *QUICK,
            "--junit",
            str(tmp_path / "out.xml"),
        ]
        assert audit("steppers:heun", *arguments)[0] == int(count)
        suite = ElementTree.parse(tmp_path / "out.xml").getroot()
        assert (suite.get("failures"), suite[0].get("name"), suite[0][0].tag) == (count, "steppers:heun", tag)


def test_a_traceback_where_it_is_asked_for(audit, tmp_path, monkeypatch):
    (tmp_path / "raising.py").write_text("def f(score, x, a, sigma):\n    return {}['beta']\n")
    monkeypatch.chdir(tmp_path)
    short, long = (audit("raising:f", "--order", "1", *more)[2] for more in ([], ["--traceback"]))
    assert short.count("\n") == 1 and "raising.py:2: KeyError: 'beta'" in short
    assert "Traceback" in long and long.endswith(short)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "8,x"], "--steps: write whole numbers"),
        (["--steps", "8,16"], "--steps: an order takes three numbers"),
        (["--ladder", "odd"], "--ladder: choose even or uneven"),
        (["--ladder", "uneven", "--schedule", "edm-to-zero"], "--ladder: edm-to-zero ends at sigma = 0"),
        (["--schedule", "edm:sigma=1"], "--schedule: edm has no such key"),
        (["--schedule", "edm:sigma_min=a b"], "--schedule: write name:key=value"),
        (["--target", "nobody"], "--target: unknown family 'nobody'"),
        (["--target", "nowhere.toml"], "--target: nowhere.toml: No such file"),
        (["--at", "1"], "--at: must be 2 steps or more"),
        (["--same-as", "heun"], "--same-as: --same-as compares coefficients: leave out --order"),
        (["--convention", "vel"], "--convention: choose score, denoiser"),
    ],
)
def test_bad_input_is_one_clear_line(audit, arguments, message):
    status, out, err = audit("mistaken:ddim", "--order", "1", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_gaussian_for_a_sampler_that_draws():
    with pytest.raises(InputError, match="--target: the sampler draws noise"):
        audit_user("mistaken:quiet", Asked(1, target="mixture"))
