"""A run and its report: with nothing kept, with everything kept, and with one case changed. Whole commands, so imports
are part of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sharpbound.suite import load_cases

FEW = 12
"""Cases: the first of the suite that sweep T on a Gaussian target, which take little beside the rerun itself."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of the cases, each under an id of its own, and what is kept of them."""
    made = tmp_path_factory.mktemp("rerun")
    (made / "mine").mkdir()
    gaussian = [
        case for case in load_cases() if case.target.get("family") == "gaussian" and case.swept == "T"
    ]
    for case in gaussian[:FEW]:
        text = case.file.read_text(encoding="utf-8")
        (made / "mine" / case.file.name).with_stem(case.id).write_text(
            text.replace(case.id, f"copy-{case.id}")
        )
    return made


def _sharpbound(folder: Path, *arguments: str) -> None:
    place = {"cwd": folder, "env": os.environ | {"SHARPBOUND_CACHE": str(folder / "cache")}}
    subprocess.run([sys.executable, "-m", "sharpbound", *arguments], check=True, capture_output=True, **place)


def _change(folder: Path) -> None:
    case = next((folder / "mine").iterdir())
    case.write_text(case.read_text(encoding="utf-8").replace('title = "', 'title = "Another: ', 1))


@pytest.mark.benchmark(group=f"run and report of {FEW} cases", disable_gc=False)
@pytest.mark.parametrize("command", ["run", "report"])
@pytest.mark.parametrize("state", ["cold", "warm", "one changed"])
def test_rerun(benchmark: Any, folder: Path, state: str, command: str) -> None:
    arguments = {"run": ["run", "mine", "--output", "out"], "report": ["report", "--input", "out"]}[command]
    if state == "one changed":
        _change(folder)
        if command == "report":
            _sharpbound(folder, "run", "mine", "--output", "out")
    benchmark.pedantic(_sharpbound, (folder, *arguments), rounds=1, iterations=1)
