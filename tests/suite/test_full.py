"""The [full] tables of cases: what the larger profile changes, and that every one of them can be run."""

from pathlib import Path

import pytest

from sharpbound import chapters
from sharpbound.run.cases import validate_case
from sharpbound.suite import load_case, load_cases
from whole_suite import THEORY

DATA = Path(__file__).parent / "data"
CASE = (DATA / "cases" / "learning.toml").read_text()
FULL = "\n[full.sweep]\nm = [10, 20, 40]\n[full.learning]\nseed = 7\n"


def test_full_tables_are_laid_over_the_others_key_by_key(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(CASE + FULL)
    plain, full = load_case(path), load_case(path, full=True)
    assert plain.spec == load_case(DATA / "cases" / "learning.toml").spec
    assert full.sweep == {**plain.sweep, "m": [10, 20, 40]}
    assert full.options == {**plain.options, "seed": 7}


@pytest.mark.parametrize(("text", "words"), [("", ""), (FULL, " --profile full")])
def test_the_command_of_a_document_measures_the_same_again(tmp_path, text, words):
    path = tmp_path / "case.toml"
    path.write_text(CASE + text)
    assert load_case(path).command == "sharpbound run"
    assert load_case(path, full=True).command == "sharpbound run" + words


def test_every_full_table_of_the_suite_can_be_run():
    theory = THEORY
    larger = [case for case in load_cases(full=True) if "full" in case.command]
    assert larger
    for case in larger:
        validate_case(case, theory)
        assert chapters.get(case.kind).cells(case)
