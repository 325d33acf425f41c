"""``sharpbound gate`` from end to end on a toy suite."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate_documents import document
from sharpbound import cli, places
from sharpbound.chapters import EXPERIMENTS
from sharpbound.errors import InputError
from sharpbound.gate.snapshots import moved
from sharpbound.records.document import CaseDocument
from sharpbound.run.results import freeze
from sharpbound.suite import loading
from toy_cells import calls
from toy_experiment import Toy, write_case, write_suite

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gate(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``sharpbound gate``: exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpbound", "gate", *map(str, arguments)])
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return run


def write(folder: Path, *documents: dict[str, Any]) -> None:
    """The results of a run."""
    latest = folder / "reports" / "latest"
    latest.mkdir(parents=True, exist_ok=True)
    (latest / "cases.json").write_text(json.dumps(documents))


def test_update_then_hold_then_fail(folder: Path, gate: Command) -> None:
    write(folder, document("a"), document("b"))
    status, out, _ = gate("--update")
    assert status == 0
    assert out.splitlines()[:2] == [
        "+ a: sharp, exponent 1 in [0.99, 1.01]",
        "+ b: sharp, exponent 1 in [0.99, 1.01]",
    ]
    assert gate() == (0, "2 cases compared, 0 failed\n", "")
    write(folder, document("a", verdict="violated"), document("c"))
    status, out, _ = gate()
    assert status == 1
    assert out.splitlines() == [
        "FAIL toy.ode: a: verdict changed from sharp to violated",
        "FAIL toy.ode: b: vanished: the run has no such case",
        "new  toy.ode: c: new: sharp, exponent 1 in [0.99, 1.01]; the reference does not have it",
        "1 cases compared, 2 failed, 1 new",
    ]


def test_new_cases_fail_only_if_strict(folder: Path, gate: Command) -> None:
    write(folder, document("a"))
    gate("--update")
    write(folder, document("a"), document("b"))
    assert gate()[0] == 0
    assert gate("--strict")[0] == 1


def test_the_reference_is_one_sorted_line_per_case_without_timings(folder: Path, gate: Command) -> None:
    documents = [document("b"), document("a", "z.late"), document("c")]
    write(folder, *documents)
    gate("--update")
    path = folder / "reports" / "published" / "slopes.jsonl"
    text = path.read_text()
    assert [json.loads(line)["case"] for line in text.splitlines()] == ["b", "c", "a"]
    assert "seconds" not in text
    write(folder, *reversed([one | {"seconds": 77.0} for one in documents]))
    assert gate("--update")[1].splitlines() == [f"3 cases in {Path('reports/published/slopes.jsonl')}"]
    assert path.read_text() == text


def test_an_update_says_what_moved(folder: Path, gate: Command) -> None:
    write(folder, document("a"), document("b"))
    gate("--update")
    moved = document("a", exponent=1.5, interval=[1.49, 1.51], verdict="loose")
    moved["rows"][0]["tv"] = 0.5
    write(folder, moved)
    assert gate("--update")[1].splitlines()[:2] == [
        "~ a: verdict sharp -> loose; exponent 1 in [0.99, 1.01] -> 1.5 in [1.49, 1.51]; "
        "first (T 64: tv 0.015625, kl 0.00024414062) -> (T 64: tv 0.5, kl 0.00024414062)",
        "- b: sharp, exponent 1 in [0.99, 1.01]",
    ]
    assert gate()[0] == 0


def test_an_update_freezes_the_run_beside_the_reference(folder: Path, gate: Command) -> None:
    write(folder, document("a"), document("b"))
    latest, published = folder / "reports" / "latest", folder / "reports" / "published"
    (latest / "environment.json").write_text('{"sharpbound": "1.0"}')
    gate("--update")
    assert sorted(path.name for path in published.iterdir()) == [
        "cases.json.xz",
        "environment.json",
        "rows.parquet",
        "slopes.jsonl",
    ]
    assert moved(published, latest) == ([], 2)
    plain = folder / "plain"
    plain.mkdir()
    (plain / "cases.json").write_text((latest / "cases.json").read_text())
    freeze(
        plain, [CaseDocument.read(document("b"))], None
    )  # what a run wrote is no snapshot to put cases into
    assert [path.name for path in plain.iterdir()] == ["cases.json"]
    (published / "slopes.jsonl").unlink()  # the documents alone are a snapshot
    assert moved(latest, published) == ([], 2)
    frozen = published / "cases.json.xz"
    frozen.write_bytes(frozen.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"cases\.json\.xz: is not readable as JSON"):
        moved(latest, published)


def test_a_case_that_measured_nothing_is_never_recorded(folder: Path, gate: Command) -> None:
    write(folder, document("a"), document("b", rows=[], exponent=None, verdict="failed"))
    status, out, _ = gate("--update")
    assert status == 1
    assert "not recorded: b measured nothing (verdict failed)" in out
    assert "1 cases in" in out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: None, "there are no results; make some with: sharpbound run --all"),
        (lambda folder: (folder / "cases.json").write_text("{"), "is not readable as JSON"),
        (lambda folder: (folder / "cases.json").write_text("{}"), "is not a list of case documents"),
    ],
)
def test_bad_results_are_one_line(
    folder: Path, gate: Command, spoil: Callable[[Path], object], message: str
) -> None:
    write(folder, document("a"))
    gate("--update")
    latest = folder / "reports" / "latest"
    (latest / "cases.json").unlink()
    spoil(latest)
    status, out, err = gate()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "there is no reference"), ("{\n", ":1: is not a JSON object"), ('{"case": "a"}\n', ":1: lacks")],
)
def test_a_bad_reference_is_one_line_that_names_the_fix(
    folder: Path, gate: Command, text: str | None, message: str
) -> None:
    write(folder, document("a"))
    if text is not None:
        (folder / "reports" / "published").mkdir()
        (folder / "reports" / "published" / "slopes.jsonl").write_text(text)
    status, out, err = gate()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err and "sharpbound gate --update" in err


class TestMeasured:
    """Named cases, which are measured anew."""

    @pytest.fixture(autouse=True)
    def suite(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_suite(folder)
        for id in ("one", "two"):
            write_case(folder, id)
        monkeypatch.setitem(EXPERIMENTS, Toy.kind, Toy())
        for module in (loading, places):
            monkeypatch.setattr(module, "default_directory", lambda name: folder / name)

    def test_named_cases_are_measured_without_a_cache(self, folder: Path, gate: Command) -> None:
        assert gate("one", "two", "--update")[0] == 0
        assert gate("one") == (0, "1 cases compared, 0 failed\n", "")
        assert calls(folder / "calls", "plain") == 6  # its three cells each time: none from a cache

    def test_a_partial_update_keeps_the_other_lines(self, folder: Path, gate: Command) -> None:
        gate("one", "--update")
        assert gate("two")[0] == 1  # asked for by name, and not in the reference
        gate("two", "--update")
        assert gate("one", "two")[0] == 0

    def test_a_missing_reference_is_told_before_measuring(self, folder: Path, gate: Command) -> None:
        status, _, err = gate("one")
        assert status == 2 and "there is no reference; write it with: sharpbound gate --update" in err
        assert calls(folder / "calls", "plain") == 0

    def test_input_and_names_exclude_each_other(self, gate: Command) -> None:
        assert gate("one", "--input", "x")[0] == 2


def test_named_cases_elsewhere_are_held_to_the_reference_of_the_package(
    folder: Path, gate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which here has none: the line says where it was looked for. A finished run has its reference beside it."""
    monkeypatch.setattr(places, "_PACKAGE", folder / "installed")
    place = "_data/reports/published/slopes.jsonl: there is no reference"
    status, _, err = gate("some-case")
    assert (status, err.count("\n"), place in err) == (2, 1, True)
    status, _, err = gate()
    assert (status, err.count("\n"), place in err) == (2, 1, False)
