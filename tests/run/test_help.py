"""Examples that work, and names that a shell completes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from sharpbound.cli import app
from sharpbound.run.help import EXAMPLES, complete_any, complete_case, complete_claim

COMMAND = typer.main.get_command(app)
ALL = [(name, line) for name, lines in EXAMPLES.items() for line in lines]


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == {"sharpbound", *COMMAND.commands}


@pytest.mark.parametrize(("name", "line"), ALL, ids=[line for _, line in ALL])
def test_an_example_has_options_that_there_are(name: str, line: str) -> None:
    program, *words = line.split()
    assert program == "sharpbound"
    command = COMMAND.commands.get(words[0], COMMAND)
    assert name in ("sharpbound", words[0])
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "own.toml").write_text('[case]\nid = "zz-own"\n')
    (tmp_path / "zz-file.toml").write_text("")
    (tmp_path / "zz-notes.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_cases_are_completed_with_files_and_folders() -> None:
    assert complete_case("zz-") == ["zz-own", "zz-file.toml"]
    assert complete_case("cases/") == ["cases/own.toml"]
    assert "cases/" in complete_case("cas")
    assert "pf-ode-gaussian-tv-fixed-horizon" in complete_case("pf-ode-gauss")


@pytest.mark.usefixtures("here")
def test_claims_are_completed() -> None:
    assert "li2024.ode" in complete_claim("li2024.o")
    assert complete_claim("zz-") == []
    assert complete_any("zz-") == ["zz-own"]
