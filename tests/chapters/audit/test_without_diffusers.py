"""A suite with audit cases where diffusers is not installed: they are left out in one line, the rest goes on."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sharpbound import cli
from sharpbound.gate import write_reference
from sharpbound.suite import loading

ROOT = Path(__file__).parents[3]
LEFT_OUT = "left out: 1 audit cases, diffusers is not installed: pip install 'sharpbound[audit]'\n"
OURS, AUDIT = "pf-ode-gaussian-w2-fixed-horizon", "audit-orders-ddim"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sharpbound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command in a folder of its own, on a suite of two cases: exit status, output, errors."""
    for case in (ROOT / "cases").rglob("*.toml"):
        if f'id = "{OURS}"' in (text := case.read_text()) or f'id = "{AUDIT}"' in text:
            (tmp_path / "cases").mkdir(exist_ok=True)
            shutil.copy(case, tmp_path / "cases")
    directories = {"cases": tmp_path / "cases", "theory": ROOT / "theory"}
    monkeypatch.setattr(loading, "default_directory", directories.__getitem__)
    monkeypatch.setitem(sys.modules, "diffusers", None)  # so that it is neither found nor imported
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpbound", *arguments])
        status = cli.main()
        return status, *capsys.readouterr()

    return run


def test_a_run_leaves_them_out_and_succeeds(sharpbound: Command, tmp_path: Path) -> None:
    status, _, err = sharpbound("run", "--all", "--no-cache", "--workers", "1")
    assert status == 0
    assert err.startswith(LEFT_OUT)
    documents = json.loads((tmp_path / "reports/latest/cases.json").read_text())
    assert [document["case"] for document in documents] == [OURS]
    assert sharpbound("report")[0] == 0


def test_a_gate_does_not_take_them_for_vanished(sharpbound: Command, tmp_path: Path) -> None:
    sharpbound("run", "--all", "--no-cache", "--workers", "1")
    assert sharpbound("gate", "--update")[0] == 0
    reference = tmp_path / "reports/published/slopes.jsonl"
    (record,) = map(json.loads, reference.read_text().splitlines())
    write_reference(reference.parent, {OURS: record, AUDIT: record | {"case": AUDIT}})
    assert sharpbound("gate") == (0, f"{LEFT_OUT}1 cases compared, 0 failed\n", "")


def test_a_case_by_name_is_refused_in_one_line(sharpbound: Command) -> None:
    status, out, err = sharpbound("run", AUDIT)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "pip install 'sharpbound[audit]'" in err


OWN = """[audit]
scheduler = "schedules:Flow"
final = "sigma-min"

[measure]
metric = "w2"

[sweep]
T = [8, 16, 32]
"""


def test_a_scheduler_of_ones_own_needs_none(sharpbound: Command, tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    shutil.copy(Path(__file__).parent / "of_others" / "schedules.py", cases)
    theirs = (cases / "ddim.toml").read_text().partition("[audit]")[0]
    (cases / "mine.toml").write_text(theirs.replace(AUDIT, "mine") + OWN)
    (cases / "gaussian-w2.toml").unlink()
    status, _, err = sharpbound("run", "--all", "--no-cache", "--workers", "1")
    assert (status, err.startswith(LEFT_OUT)) == (0, True)
    (document,) = json.loads((tmp_path / "reports/latest/cases.json").read_text())
    assert (document["case"], document["verdict"]) == ("mine", "sharp")


def test_a_scheduler_by_name_is_none_of_the_users_modules(sharpbound: Command) -> None:
    status, out, err = sharpbound("audit", "diffusers:DDIMScheduler", "--order", "1")
    assert (status, out) == (2, "")
    assert err.endswith("diffusers is not installed: pip install 'sharpbound[audit]'\n")
