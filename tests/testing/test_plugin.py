"""The pytest plugin, on tests of a project that writes samplers."""

from __future__ import annotations

from pathlib import Path

import pytest

import sharpbound.chapters  # noqa: F401 - torch can be loaded only once, and pytester forgets what it loads
from sharpbound.gate import read_reference

pytest_plugins = ["pytester"]

CASE = """
[case]
id = "euler-gaussian"
title = "Probability-flow ODE on a Gaussian"
kind = "sampling-rate"
claim = "weak-error.order1-tv"
[target]
family = "gaussian"
mean = 0.5
std = 0.5
[forward]
schedule = "ou-uniform"
horizon = 1.0
delta = 0.05
[sampler]
name = "pf-ode"
init = "exact"
[measure]
metric = "tv"
[sweep]
T = [16, 32, 64, 128]
"""
SAMPLERS = """
from sharpbound.samplers.base import Stage
from sharpbound.samplers.pf_ode import PFODE as Euler

class Mine(Euler):
    name = "mine"
    factor = 1.0

    def stages(self, step):
        (stage,) = super().stages(step)
        return [Stage(lambda y: y + self.factor * (stage.mean(y) - y))]

def ddim(score, x, a, sigma):
    for i in range(len(a) - 1):
        eps = -sigma[i] * score(x, a[i], sigma[i])
        x = a[i + 1] * (x - sigma[i] * eps) / a[i] + sigma[i + 1] * eps
    return x

def too_short(score, x, a, sigma):
    return x + 0.99 * (ddim(score, x, a, sigma) - x)

def shapeless(score, x, a, sigma):
    return x[:, 0]

class Slower(Mine):
    "Every step is too short by 1 %: it does not converge."
    factor = 0.99
"""
MARK = "@pytest.mark.rate(claim='weak-error.order1-tv', case='case.toml')"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "case.toml").write_text(CASE)
    (pytester.path / "samplers_of_mine.py").write_text(SAMPLERS)
    pytester.syspathinsert()
    return pytester


def run(project: pytest.Pytester, body: str, *options: str, mark: str = MARK) -> pytest.RunResult:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    project.makepyfile(
        test_rates=f"import pytest\nfrom samplers_of_mine import *\n{mark}\ndef test_rate(rate):\n{lines}\n"
    )
    # by module, so that it works before the entry point is installed too
    plugin = ("-p", "no:sharpbound", "-p", "sharpbound.testing.plugin", "-p", "no:cacheprovider")
    return project.runpytest_inprocess(*plugin, "--strict-markers", *options)


def test_the_fixture_gives_the_measured_document(project: pytest.Pytester) -> None:
    body = """
assert rate.verdict == "confirmed" and abs(rate.exponent - 1) < 0.02
assert rate.interval[0] < 1 < rate.interval[1]
assert [row["T"] for row in rate.document["rows"]] == [16, 32, 64, 128]
assert rate.document is rate.document  # measured once
assert rate.check() is rate.document
"""
    run(project, body.strip()).assert_outcomes(passed=1)


def test_a_right_sampler_passes_and_a_wrong_one_is_told_by_its_numbers(project: pytest.Pytester) -> None:
    run(project, "rate.check(sampler=Mine)\nrate.check(sampler=Mine())").assert_outcomes(passed=1)
    result = run(project, "rate.check(sampler=Slower())")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*weak-error.order1-tv on euler-gaussian: *, not sharp or loose or confirmed*"]
    )


W2 = MARK.replace("case.toml", "w2.toml").replace("-tv", "-w2")


def test_a_function_has_the_rate_of_the_sampler_that_it_is(project: pytest.Pytester) -> None:
    """Measured by probes, against the exact law: equal to the floor of the quantiles beyond six deviations."""
    (project.path / "w2.toml").write_text(CASE.replace('"tv"', '"w2"').replace("order1-tv", "order1-w2"))
    body = """
mine, exact = rate.check(sampler=ddim), rate.check(sampler="ddim")
assert rate.check(sampler=ddim, arrays="torch")["rows"] == mine["rows"]
for a, b in zip(mine["rows"], exact["rows"]):
    assert a["w2"] == pytest.approx(b["w2"], rel=1e-6)
"""
    run(project, body.strip(), mark=W2).assert_outcomes(passed=1)
    run(project, "rate.check(sampler=too_short)", mark=W2).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("mark", "function", "message"),
    [
        (
            MARK,
            "ddim",
            "*InputError: *euler-gaussian: measure.metric: a plain function has no density: use metric*",
        ),
        (W2, "shapeless", "*InputError: *shapeless: it must return shape (*, 1), not (*,)*"),
        (W2, "len", "*InputError: *len: must take (score, x, a, sigma)*"),
    ],
)
def test_a_function_that_does_not_fit_is_told(
    project: pytest.Pytester, mark: str, function: str, message: str
) -> None:
    (project.path / "w2.toml").write_text(CASE.replace('"tv"', '"w2"').replace("order1-tv", "order1-w2"))
    result = run(project, f"rate.check(sampler={function})", mark=mark)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_the_expected_verdict_can_be_another(project: pytest.Pytester) -> None:
    mark = MARK.replace(")", ", verdict=['refuted', 'inconclusive'])")
    run(project, "rate.check(sampler=Slower)", mark=mark).assert_outcomes(passed=1)
    run(project, "rate.check()", mark=mark).assert_outcomes(failed=1)


def test_recorded_rates_hold_a_sampler_to_its_constant(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nrate_reference = rates")
    body = "rate.check(sampler=Mine)"
    result = run(project, body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*test_rates.py::test_rate is not in *slopes.jsonl: record it with --rate-update"]
    )
    run(project, body, "--rate-update").assert_outcomes(passed=1)
    run(project, body).assert_outcomes(passed=1)
    assert list(read_reference(project.path / "rates")) == ["test_rates.py::test_rate"]
    # another sampler of order one: the verdict is the same, the constant is not
    result = run(project, "rate.check(sampler='ddim')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*tv at T = 128 moved*"])


def test_every_check_of_a_test_has_its_own_record(project: pytest.Pytester) -> None:
    body = "rate.check()\nrate.check(sampler='ddim')"
    run(project, body, "--rate-update", "--rate-reference", "known").assert_outcomes(passed=1)
    run(project, body, "--rate-reference", "known").assert_outcomes(passed=1)
    assert sorted(read_reference(project.path / "known")) == [
        "test_rates.py::test_rate",
        "test_rates.py::test_rate#2",
    ]


def test_measured_cells_can_be_kept(project: pytest.Pytester) -> None:
    run(project, "rate.check()", "--rate-cache", "kept").assert_outcomes(passed=1)
    kept = sorted((project.path / "kept").rglob("*.json"))
    assert len(kept) == 6  # four rows, the leading term, and the document


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("", "*mark the test: @pytest.mark.rate(claim=*, case=*)*"),
        ("@pytest.mark.rate('weak-error.order1-tv')", "*mark the test:*"),
        ("@pytest.mark.rate(claim='weak-error.order1-tv', case='none.toml')", "*none.toml*"),
        ("@pytest.mark.rate(claim='weak-error.order1-tv', case='pf-ode-mixtur')", "*there is no case*"),
        ("@pytest.mark.rate(claim='li2024.ode', case='case.toml')", "*tests weak-error.order1-tv, not *"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_marker_is_one_clear_line(project: pytest.Pytester, mark: str, message: str) -> None:
    result = run(project, "rate.check()", mark=mark)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_what_is_no_sampler_is_told(project: pytest.Pytester) -> None:
    result = run(project, "rate.check(sampler=42)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*InputError: 42 is not *"])


def test_tests_without_the_marker_do_not_load_the_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\ndef test_other():\n    assert not {'torch', 'scipy', 'pandas'} & set(sys.modules)"
    )
    plugin = (
        "-p",
        "no:sharpbound",
        "-p",
        "sharpbound.testing.plugin",
        "-p",
        "no:benchmark",
        "-p",
        "no:hypothesispytest",
    )
    pytester.runpytest_subprocess(*plugin).assert_outcomes(passed=1)


def test_the_plugin_is_an_entry_point() -> None:
    """Checked in the file, for an older installation does not know it yet."""
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"sharpbound": "sharpbound.testing.plugin"}


def test_tests_in_several_processes_record_together(project: pytest.Pytester) -> None:
    """Each worker sends its records to the session that started it, which writes them once."""
    pytest.importorskip("xdist")
    body = "\n".join(f"{MARK}\ndef test_rate_{k}(rate):\n    rate.check()" for k in range(6))
    project.makepyfile(test_rates=f"import pytest\n{body}\n")
    plugin = ("-p", "no:sharpbound", "-p", "sharpbound.testing.plugin", "-p", "no:cacheprovider")
    shared = ("--rate-reference", "rates", "--rate-cache", "cells")
    project.runpytest_inprocess(*plugin, *shared, "-n", "2", "--rate-update").assert_outcomes(passed=6)
    assert set(read_reference(project.path / "rates")) == {f"test_rates.py::test_rate_{k}" for k in range(6)}
    project.runpytest_inprocess(*plugin, *shared).assert_outcomes(passed=6)
