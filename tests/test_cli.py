"""The command line on a toy suite: what it prints where, and its exit statuses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sharpbound import cli
from sharpbound.chapters import EXPERIMENTS
from sharpbound.suite import loading
from toy_cells import calls
from toy_experiment import Toy, write_case, write_suite

CLI = Path(__file__).parent / "toys" / "toy_cli.py"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_suite(tmp_path)
    write_case(tmp_path, "plain")
    monkeypatch.setitem(EXPERIMENTS, Toy.kind, Toy())
    monkeypatch.setattr(loading, "default_directory", lambda name: tmp_path / name)
    monkeypatch.setenv("SHARPBOUND_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(suite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line in this process: exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpbound", *map(str, arguments)])
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return run


def strict(text: str) -> dict[str, object]:
    """The JSON document, read by a parser that knows no NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


# -- run ---------------------------------------------------------------------------------------


def test_json_is_one_document_and_nothing_else(suite: Path, command: Command) -> None:
    status, out, err = command("run", suite / "cases" / "plain.toml", "--json")
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    document = strict(out)
    assert document["case"] == "plain"
    assert document["claim"] == "toy.ode"
    assert document["verdict"] == "sharp"
    assert document["exponent"] == 1.0
    assert document["interval"] == [0.99, 1.01]
    assert document["rows"] == [{"T": T, "tv": 1 / T, "floor": 1e-15, "other": None} for T in (64, 128, 256)]
    assert document["command"] == "sharpbound run cases/plain.toml"


def test_several_files_give_one_line_each_in_their_order(suite: Path, command: Command) -> None:
    files = [write_case(suite, id) for id in ("c", "a", "b")]
    status, out, _ = command("run", *files, "plain", files[0], "--json")
    assert status == 0
    assert [strict(line)["case"] for line in out.splitlines()] == ["c", "a", "b", "plain"]


def test_a_run_from_the_cache_says_the_same(suite: Path, command: Command) -> None:
    assert command("run", "plain", "--json") == command("run", "plain", "--json")
    assert calls(suite / "calls", "plain") == 3
    command("run", "plain", "--no-cache")
    assert calls(suite / "calls", "plain") == 6
    command("run", "plain", "--cache", suite / "another")
    assert calls(suite / "calls", "plain") == 9


def test_the_table_shows_rows_slopes_and_the_verdict(command: Command) -> None:
    status, out, _ = command("run", "plain")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["T", "tv", "floor", "slope", "in", "T"] in lines
    assert ["128", "0.0078125", "1e-15", "1"] in lines
    assert "sharp  exponent 1 in [0.99, 1.01], predicted 1 (in T)" in out
    assert "error/bound is flat" in out
    assert "not fitted: T = 64, not asymptotic" in out


def test_all_writes_results(suite: Path, command: Command) -> None:
    write_case(suite, "another")
    status, _, err = command("run", "--all")
    assert (status, err) == (0, "written to reports/latest\n")
    folder = suite / "reports" / "latest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cases.json",
        "environment.json",
        "rows.csv",
        "rows.parquet",
    ]
    assert [document["case"] for document in json.loads((folder / "cases.json").read_text())] == [
        "another",
        "plain",
    ]


@pytest.mark.parametrize("do", ["bug", "no-conclusion"])
def test_a_failing_case_is_told_and_the_others_go_on(suite: Path, command: Command, do: str) -> None:
    write_case(suite, "failing", do)
    status, out, err = command("run", "failing", "plain", "--json")
    assert status == 1
    failing, plain = map(strict, out.splitlines())
    assert failing["verdict"] == "failed"
    assert len(failing["rows"]) == (0 if do == "bug" else 3), "a conclusion that fails takes no row with it"
    assert plain["verdict"] == "sharp"
    assert err.startswith("error: failing: ")
    assert err.count("\n") == 1
    assert "Traceback" in (suite / "cache" / "failures.log").read_text()


def test_a_figure_that_fails_takes_neither_rows_nor_verdict(suite: Path, command: Command) -> None:
    write_case(suite, "plain-drawn", "no-figure")
    status, out, err = command("run", "plain-drawn", "--json")
    assert (status, err) == (0, "")
    document = strict(out)
    assert (document["verdict"], document["exponent"], len(document["rows"])) == ("sharp", 1.0, 3)
    assert document["details"]["figures_note"] == "not drawn, ZeroDivisionError: division by zero"
    assert document["details"]["reason"] == "error/bound is flat"


def test_verify_prints_and_writes_as_run_does(suite: Path, command: Command) -> None:
    write_case(suite, "another")
    status, out, err = command("verify", "toy.ode", "--json", "--output", suite / "here")
    assert (status, err) == (0, "")
    documents = [strict(line) for line in out.splitlines()]
    assert [document["case"] for document in documents] == ["another", "plain"]
    assert json.loads((suite / "here" / "cases.json").read_text()) == documents


def test_a_document_says_what_made_it_and_whether_the_theorem_speaks_of_it(command: Command) -> None:
    document = strict(command("run", "plain", "--json")[1])
    assert set(document["provenance"]["versions"]) == {"sharpbound", "python", "numpy", "scipy", "torch"}
    assert document["hypotheses"] == "unchecked"  # a toy has no law to check
    assert document["details"]["assumptions"] == [
        {"text": "finite first moment", "check": "first-moment", "outcome": None}
    ]


def test_a_mistake_found_while_measuring_names_the_file(suite: Path, command: Command) -> None:
    path = write_case(suite, "late", "mistake")
    assert command("run", path, "--json") == (
        2,
        "",
        f"error: {path}: sweep.T: c1 is too large; use T >= 13\n",
    )


# -- bad input ---------------------------------------------------------------------------------


def test_each_bad_file_is_one_line_and_nothing_is_computed(suite: Path, command: Command) -> None:
    bad = [write_case(suite, id) for id in ("one", "two")]
    bad[0].write_text(bad[0].read_text().replace('"toy.ode"', '"toy.odd"'))
    bad[1].write_text(bad[1].read_text().replace('family = "toy"', 'family = "toi"'))
    status, out, err = command("run", *bad, "plain", "--json")
    assert (status, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {bad[0]}: case.claim: ")
    assert second == f"error: {bad[1]}: target.family: unknown family; use 'toy'"
    assert calls(suite / "calls", "plain") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["run"],
        ["run", "--all", "plain"],
        ["run", "--colour", "plain"],
        ["run", "plain", "--workers", "0"],
        ["run", "plain", "--workers", "many"],
        ["run", "plain", "--no-cache", "--cache", "here"],
        ["run", "no-such-case"],
        ["run", "plain", "--executor", "mpi"],
        ["run", "plain", "--scheduler", "tcp://127.0.0.1:8786"],
        ["cache", "info", "--cache", "nowhere"],
        ["cache", "prune", "--size", "much"],
        ["run", "no/such/file.toml"],
        ["run", "calls"],
        ["list", "everything"],
        ["show"],
        ["show", "toy.odd"],
        ["verify", "toy.odd"],
        ["report"],
        ["report", "--input", "cases"],
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line_and_status_2(command: Command, arguments: list[str]) -> None:
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_every_mistake_of_a_file_is_a_line(suite: Path, command: Command) -> None:
    status, out, err = command("run", "theory/toy2024.toml")
    assert (status, out) == (2, "")
    keys = [line.split(": ")[2] for line in err.splitlines()]
    assert all(line.startswith("error: theory/toy2024.toml: ") for line in err.splitlines())
    assert keys == ["paper", "claim", "case", "measure", "sweep"]


def test_two_cases_of_one_id_are_refused(suite: Path, command: Command) -> None:
    copy = suite / "copy.toml"
    copy.write_text((suite / "cases" / "plain.toml").read_text())
    status, _, err = command("run", "plain", copy)
    assert status == 2
    assert "case.id" in err


def test_a_dry_run_says_what_there_is_to_do_and_does_nothing(suite: Path, command: Command) -> None:
    write_case(suite, "more", T=(64, 512))
    assert command("run", "plain", "--dry-run")[1] == (
        "1 cases, 3 cells: 0 kept, 3 to measure\n3 cells like none that was measured here: their cost is not known\n"
    )
    assert calls(suite / "calls", "plain") == 0
    command("run", "plain")
    found = strict(command("run", "plain", "more", "--dry-run", "--json", "--workers", "2")[1])
    assert {k: found[k] for k in ("cases", "cells", "kept", "unlike", "workers")} == {
        "cases": 2,
        "cells": 4,
        "kept": 3,
        "unlike": 0,
        "workers": 2,
    }
    assert calls(suite / "calls", "plain") == 3


def test_the_cache_is_looked_after(suite: Path, command: Command) -> None:
    command("run", "plain")
    assert command("cache", "verify") == (0, f"{suite / 'cache'}: 3 whole entries, 0 files to prune\n", "")
    assert "  sampling-rate: 3" in command("cache", "info")[1]
    entry = next((suite / "cache").rglob("*.json"))
    entry.write_bytes(b"{")
    assert command("cache", "verify")[0] == 1
    assert command("cache", "prune") == (0, f"{suite / 'cache'}: 1 files removed, 1 B\n", "")
    command("cache", "prune", "--size", "0")
    assert list((suite / "cache").rglob("*.json")) == []


def test_a_dry_run_tells_mistakes(suite: Path, command: Command) -> None:
    path = write_case(suite, "one")
    path.write_text(path.read_text().replace('"toy.ode"', '"toy.odd"'))
    status, out, err = command("run", path, "--dry-run")
    assert (status, out, err.count("\n")) == (2, "", 1)


# -- the other commands ------------------------------------------------------------------------


def test_verify_runs_the_cases_of_the_claim(suite: Path, command: Command) -> None:
    write_case(suite, "second")
    status, out, _ = command("verify", "toy.ode")
    assert status == 0
    assert calls(suite / "calls", "plain") == 3, "cells that the two cases share are measured once"
    assert out.count("error/bound is flat") == 2


def test_lists_and_descriptions(command: Command) -> None:
    assert "Toy plain" in command("list")[1]
    assert "d/T" in command("list", "claims")[1]
    assert "pf-ode" in command("list", "samplers")[1]
    assert "c0 = 2.0" in command("list", "schedules")[1]
    assert "radial-density" in command("list", "engines")[1]
    assert "gaussian-mixture" in command("list", "targets")[1]
    assert "kl-reverse" in command("list", "metrics")[1]
    claim = command("show", "toy.ode")[1]
    assert "@article{toy2024" in claim
    assert "finite first moment" in claim
    assert 'do = "plain"' in command("show", "plain")[1]
    assert command("--version")[1] == "sharpbound 0.2.0\n"
    assert "verify" in command()[1]


NUMBER = """
[[number]]
id = "toy2024.{id}"
what = "the bound at d = 3, T = 4"
printed = "{printed}"
where = "Table 1"
trust = "V"
claim = "toy.ode"
values = {{ d = 3.0, T = 4.0 }}
"""


def test_numbers_stand_beside_what_is_printed(suite: Path, command: Command) -> None:
    (suite / "theory" / "numbers").mkdir()
    file = suite / "theory" / "numbers" / "toy2024.toml"
    file.write_text(NUMBER.format(id="good", printed="0.75") + NUMBER.format(id="bad", printed=".74"))
    status, out, _ = command("numbers")
    assert status == 0
    assert [line.split()[-4:] for line in out.splitlines()[1:]] == [
        ["2", "of", "2", "reproduced"],
        ["1", "of", "2", "differs"],
    ]
    told = [strict(line) for line in command("numbers", "toy2024", "--json")[1].splitlines()]
    assert [(t["ours"], t["agreeing"], t["outcome"]) for t in told] == [
        (0.75, 2, "reproduced"),
        (0.75, 1, "differs"),
    ]
    assert (
        command("numbers", "toy2025")[2]
        == "error: no published number of 'toy2025'; did you mean 'toy2024'?\n"
    )
    command("run", "--all")
    assert len(json.loads((suite / "reports/latest/numbers.json").read_text())) == 2
    file.write_text(NUMBER.format(id="good", printed="three"))
    status, _, err = command("numbers")
    assert (status, err.count("\n")) == (2, 1)
    assert "number[0].printed: must be a number as it is printed" in err


# -- as a process ------------------------------------------------------------------------------


def test_a_reader_that_goes_away_leaves_no_traceback(suite: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(CLI), "run", "plain", "--json"],
        env={**os.environ, "SUITE": str(suite)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_full_disk_is_one_line(suite: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sharpbound", "list", "schedules"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_closed_outputs_leave_no_traceback(suite: Path) -> None:
    command = f"{sys.executable} -m sharpbound list schedules >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_that_cannot_be_written_is_told_before_the_work(suite: Path, command: Command) -> None:
    (suite / "taken").write_text("")
    assert command("run", "plain", "--output", "taken") == (
        2,
        "",
        "error: taken: cannot be written (File exists); name another folder with --output DIR\n",
    )
    assert calls(suite / "calls", "plain") == 0


def test_a_cache_that_cannot_be_made_is_told_and_nothing_is_kept(
    suite: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    write_case(suite, "failing", "bug")
    status, out, err = command("run", "failing", "plain", "--json", "--cache", "elsewhere")
    assert status == 1
    assert [strict(line)["verdict"] for line in out.splitlines()] == ["failed", "sharp"]
    assert err.splitlines() == [
        "elsewhere: results are not kept (Read-only file system)",
        "error: failing: ZeroDivisionError: a bug in two lines (traceback not kept: Read-only file system)",
    ]


def test_answers_that_need_no_numbers_load_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['sharpbound', 'list', 'schedules']\n"
        "from sharpbound.cli import main; main(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
