"""A small sample of the campaign of `make torture`: damaged files are measured, or refused in printable lines."""

from __future__ import annotations

import collections
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from hostile import Unspeakable
from mutations import OWN, Mutator, case_trees, document, theory_trees, write
from sharpbound.errors import InputError
from sharpbound.foreign import told
from sharpbound.processes import build
from sharpbound.run.cache import Cache
from sharpbound.run.cases import BadCases, measure_cases, validate_case
from sharpbound.scores.fields.formula import Formula
from sharpbound.suite import Theory, load_case, load_theory
from sharpbound.suite.loading import case_of
from trial import case_file, theory_file

KINDS = ("sampling-rate", "discrete", "diffusion-time", "sample-complexity")


@pytest.fixture(scope="module")
def theory() -> Theory:
    return load_theory()


def cheap(tree: dict[str, Any]) -> bool:
    """Whether its laws are known in closed form."""
    return tree.get("target", {}).get("family", "gaussian") == "gaussian"


def test_damaged_case_files(theory: Theory, tmp_path: Path) -> None:
    trees = [tree for tree in case_trees() if tree["case"]["kind"] in KINDS and cheap(tree)]
    mutator = Mutator(trees, seed=7)
    shutil.copy(OWN, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collections.Counter(
            case_file(write(tmp_path / "case.toml", mutator.next()), theory, seconds=0.2) for _ in range(40)
        )
    assert set(found) <= {"measured", "not measured", "refused", "limited", "cut"}
    assert found["measured"] + found["limited"] >= 5
    assert found["refused"] >= 10


def test_damaged_theory_files(tmp_path: Path) -> None:
    mutator = Mutator(theory_trees(), seed=7)
    found = collections.Counter(
        theory_file(write(tmp_path / "theory.toml", mutator.next())) for _ in range(60)
    )
    assert set(found) == {"read", "refused"}


@pytest.mark.parametrize(
    "text",
    [
        "exp(exp(exp(20)))*x",
        "x**sin(exp(1e80))",
        "x**sqrt(-1)",
        "1/0",
        "~" * 500 + "x",
        "9**9**9**9**9*x",
        "(" * 300 + "x" + ")" * 300,
        "tanh(" * 40 + "x" + ")" * 40,
    ],
)
def test_formulas_that_would_hang_are_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        Formula(text)
    assert str(refused.value).isprintable()


def test_nested_functions_have_their_derivatives_in_no_time() -> None:
    nested = Formula("tanh(" * 28 + "x" + ")" * 28)
    assert len(nested._orders) == 4


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        ({"schedule": "li2024", "c1": 1e10}, "take c1 < 15.39"),
        ({"schedule": "li2024", "c1": 20.0}, "use T >= 90 "),
        ({"schedule": "ou-uniform", "horizon": 1e300}, "1e-20 to 1e+12 in magnitude"),
        ({"schedule": "ou-uniform", "horizon": 1e5}, "a >= 1e-70"),
        ({"schedule": "ou-uniform", "horizon": 1.0, "delta": 1.0 - 1e-15}, "float64 can tell"),
        ({"schedule": "ve-exponential", "sigma_max": 1e-310}, "1e-20 to 1e+12 in magnitude"),
    ],
)
def test_schedules_name_the_bound(forward: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words.replace("+", r"\+")):
        build(forward, 64)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ("a=np.array([1.0, 1e-80]), sigma=np.array([0.0, 1.0]), process=VP", "a = 1e-80 and sigma = 1, "),
        ("a=np.ones(2), sigma=np.array([1.0, 1e13]), process=VE", "a = 1 and sigma = 1e+13, "),
    ],
)
def test_schedules_of_ones_own_have_the_same_bound(
    levels: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("levels.py").write_text(
        "import numpy as np\nfrom sharpbound.processes import VE, VP, Ladder\n"
        "def far(T):\n"
        f"    levels = dict({levels})\n"
        "    beta = np.array([0.0, 1 - (levels['a'][1] / levels['a'][0]) ** 2])\n"
        "    return Ladder(name='far', beta=beta, stop=0, step_size=1.0, **levels)\n"
    )
    with pytest.raises(InputError) as refused:
        build({"schedule": "levels:far"}, 1)
    bound = "must have a >= 1e-70, sigma <= 1e+12 and alpha > 0"
    assert str(refused.value).startswith(f"forward: level 1 of far, with {words}{bound}")


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        ("Leaves", "SystemExit: 3"),
        ("Unspoken", "RuntimeError: no words"),
        ("Wandering", "sampler.name: wandering: two runs gave two results"),
        ("Painted", r"Coloured: \x1b[2J first line second\u202exxx"),
    ],
)
def test_what_a_module_of_the_users_may_raise(
    theory: Theory, tmp_path: Path, sampler: str, words: str
) -> None:
    shutil.copy(OWN, tmp_path)
    (tree,) = (tree for tree in case_trees() if tree["case"]["id"] == "pf-ode-gaussian-w2-fixed-horizon")
    tree["sampler"] = {"name": f"hostile:{sampler}", "init": "exact"}
    path = write(tmp_path / "case.toml", document(tree).encode())
    with pytest.raises(BadCases) as refused:
        measure_cases([load_case(path)], theory, Cache(None), workers=1)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("id", "variable"),
    [
        ("time-gap", "horizon"),
        ("time-start-centred", "horizon"),
        ("discrete-start-uniform-bound", "horizon"),
        ("hard-pair-figure", "m"),
        ("training-two-gaussians", "t"),
        ("training-points", "t"),
    ],
)
def test_a_rate_is_read_between_two_values(theory: Theory, id: str, variable: str) -> None:
    (tree,) = (tree for tree in case_trees() if tree["case"]["id"] == id)
    tree["sweep"][variable] = tree["sweep"][variable][:1]
    with pytest.raises(InputError, match=f"sweep.{variable}: must hold two values or more"):
        validate_case(case_of(tree), theory)


def test_an_error_without_a_text_is_told() -> None:
    assert told(Unspeakable()) == "Unspeakable: an error without a text"


@pytest.mark.parametrize("full", ["0", "[1]", "{ sweep = 3 }", "{ case = { id = 'x' } }"])
def test_a_full_table_that_is_none(tmp_path: Path, full: str) -> None:
    path = write(tmp_path / "case.toml", f"full = {full}\ncase = 1\nmeasure = {{}}\nsweep = {{}}\n".encode())
    with pytest.raises(InputError, match=r"(full: must hold tables|case: is no table, so)"):
        load_case(path)
