"""A case of which nothing changed is read and not concluded again; whatever its document depends on changes its key."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sharpbound import chapters
from sharpbound.chapters.sampling_rate.study import SamplingRate
from sharpbound.records.document import Conclusion
from sharpbound.run import kept
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.cases import Outcome, measure_cases
from sharpbound.run.kept import kept_document, kept_quantity
from sharpbound.suite import load_case
from whole_suite import THEORY

CASE = """
[case]
id = "{id}"
title = "{title}"
kind = "sampling-rate"
claim = "li2024.ode"
[target]
family = "gaussian"
mean = 0.0
std = 0.5
[forward]
schedule = "ou-uniform"
horizon = 1.0
delta = 0.1
[sampler]
name = "pf-ode"
[measure]
metric = "tv"
[sweep]
T = [4, 8]
"""


def case_file(folder: Path, id: str = "one", title: str = "A case") -> Path:
    path = folder / f"{id}.toml"
    path.write_text(CASE.format(id=id, title=title))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def measured(cache: Cache, *files: Path) -> Outcome:
    return measure_cases([load_case(file) for file in files], THEORY, cache, workers=1)


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cases that were not taken as they were kept."""
    seen: list[str] = []
    validate = SamplingRate.validate

    def told(self: SamplingRate, case, claim) -> None:
        seen.append(case.id)
        validate(self, case, claim)

    monkeypatch.setattr(SamplingRate, "validate", told)
    return seen


def test_what_is_kept_is_what_was_concluded(tmp_path: Path, cache: Cache, validated: list[str]) -> None:
    one = case_file(tmp_path)
    (first,) = measured(cache, one).documents
    again = measured(cache, one, two := case_file(tmp_path, "two")).documents
    assert [document.case for document in again] == ["one", "two"]
    assert again[0].as_json() == first.as_json()
    assert validated == ["one", "two"]
    assert [d.case for d in measured(cache, two, one).documents] == ["two", "one"]
    assert validated == ["one", "two"]


def test_whatever_it_depends_on_is_part_of_its_key(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = case_file(tmp_path)
    measured(cache, path)
    case, claim = load_case(path), THEORY["li2024.ode"]

    def found(case=case, claim=claim):
        return kept_document(case, {claim.id: claim}, cache)

    assert found() is not None
    assert found(claim=claim.model_copy(update={"statement": "Another"})) is None
    assert found(load_case(case_file(tmp_path, title="Another title"))) is None
    case_file(tmp_path)
    moved = tmp_path / "moved"
    moved.mkdir()
    assert found(load_case(case_file(moved))) is not None  # outside of here a file is told by its name alone
    monkeypatch.setattr(kept, "making", lambda: "another state of the code")
    assert found() is None
    monkeypatch.undo()
    monkeypatch.setattr(kept, "versions", lambda: {"numpy": "another"})
    assert found() is None
    monkeypatch.undo()
    monkeypatch.setitem(chapters.EXPERIMENTS, "sampling-rate", type("Mine", (SamplingRate,), {})())
    assert found() is None  # an experiment from elsewhere, whose code the key does not cover


def test_what_did_not_come_out_whole_is_not_kept(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, validated: list[str]
) -> None:
    path, conclude = case_file(tmp_path), SamplingRate.conclude
    monkeypatch.setattr(SamplingRate, "conclude", lambda *_: 1 / 0)
    assert measured(cache, path).documents[0].verdict == "failed"

    def undrawn(*args) -> Conclusion:
        return replace(conclude(*args), draw=lambda: 1 / 0)

    monkeypatch.setattr(SamplingRate, "conclude", undrawn)
    assert "figures_note" in measured(cache, path).documents[0].details
    monkeypatch.setattr(SamplingRate, "conclude", conclude)
    assert "figures_note" not in measured(cache, path).documents[0].details
    assert validated == ["one"] * 3


def test_a_quantity_is_computed_once_for_its_options(cache: Cache) -> None:
    made: list[float] = []

    def make() -> float:
        made.append(0.5)
        return 0.5

    assert [kept_quantity("half", {"of": 1}, make, cache) for _ in range(2)] == [0.5, 0.5]
    assert kept_quantity("half", {"of": 2}, make, cache) == 0.5
    assert len(made) == 2
    kept_quantity("half", {"of": 1}, make, Cache(None))
    assert len(made) == 3


def test_an_entry_that_is_no_document_is_made_anew(tmp_path: Path, cache: Cache) -> None:
    path = case_file(tmp_path)
    told = kept._of_document(load_case(path), THEORY["li2024.ode"])
    cache.keep(told, Entry([], 0.0))
    assert measured(cache, path).documents[0].case == "one"


def test_an_unchanged_case_loads_nothing_numerical(tmp_path: Path) -> None:
    path, folder = case_file(tmp_path), tmp_path / "cache"
    measured(Cache(folder), path)
    script = (
        "import sys\nfrom sharpbound.cli import main\n"
        f"sys.argv = ['sharpbound', 'run', {str(path)!r}, '--json', '--cache', {str(folder)!r}]\n"
        "status = main()\n"
        "print(status, sorted({'torch', 'scipy', 'pandas', 'matplotlib', 'ot'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == "0 []\n"
    assert '"case": "one"' in done.stdout
