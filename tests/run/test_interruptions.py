"""A run may be stopped or killed at any moment: no process is left, and the next run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toy_cells import calls
from toy_experiment import write_case, write_suite

CLI = Path(__file__).parents[1] / "toys" / "toy_cli.py"
PATIENCE = 120.0
"""Seconds after which a process is taken to hang (they need a few, more on a busy machine)."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    write_suite(tmp_path)
    return tmp_path


def start(suite: Path, *arguments: str, ignored: int | None = None) -> subprocess.Popen[str]:
    """``sharpbound arguments``, as the leader of a process group of its own, as under a shell."""

    def prepare() -> None:
        # a background job of a shell ignores Ctrl-C, and one of nohup a hang-up, and their children inherit that
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if ignored is not None:
            signal.signal(ignored, signal.SIG_IGN)

    return subprocess.Popen(
        [sys.executable, str(CLI), *arguments, "--cache", str(suite / "cache")],
        env={**os.environ, "SUITE": str(suite)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored(suite: Path) -> int:
    return len(list((suite / "cache").rglob("*.json")))


def group_is_gone(pid: int) -> bool:
    """Whether no process of the group lives (zombies that nobody has waited for count as gone)."""
    states = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    lines = (line.split() for line in states.splitlines())
    return not any(int(group) == pid and not state.startswith("Z") for group, state in lines)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it wrote to either stream in the end; a busy machine gives it time to tell its progress too."""
    out, err = process.communicate(timeout=PATIENCE)
    return out, re.sub(r"\d+ of \d+ cells done, about .* left\n", "", err)


def goes_on(suite: Path) -> None:
    """The next run measures only what is missing, and gets it all."""
    done, before = stored(suite), calls(suite / "calls", "wait")
    process = start(suite, "run", "waits", "--json")
    out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert [row["T"] for row in json.loads(out)["rows"]] == [2, 3, 4, 5, 6, 7]
    assert calls(suite / "calls", "wait") - before == 6 - done


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_stops_with_one_line(suite: Path, workers: str) -> None:
    write_case(suite, "waits", "wait", T=range(2, 8), seconds=0.8)
    process = start(suite, "run", "waits", "--workers", workers)
    until(lambda: stored(suite) >= 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    out, err = ended(process)
    assert process.returncode == 130
    assert out == ""
    assert re.fullmatch(r"stopped; [2-5] of 6 cells done, run again to go on\n", err)
    until(lambda: group_is_gone(process.pid))
    goes_on(suite)


@pytest.mark.parametrize(("name", "workers"), [("SIGTERM", "1"), ("SIGHUP", "2")])
def test_other_signals_stop_as_cleanly(suite: Path, name: str, workers: str) -> None:
    write_case(suite, "waits", "wait", T=range(2, 8), seconds=1.0)
    process = start(suite, "run", "waits", "--workers", workers)
    until(lambda: stored(suite) >= 2)
    number = getattr(signal, name)
    process.send_signal(number) if name == "SIGTERM" else os.killpg(process.pid, number)
    out, err = ended(process)
    assert process.returncode == 128 + number
    assert out == ""
    assert re.fullmatch(r"stopped; [2-5] of 6 cells done, run again to go on\n", err)
    until(lambda: group_is_gone(process.pid))


def test_a_hang_up_that_is_ignored_stops_nothing(suite: Path) -> None:
    write_case(suite, "waits", "wait", T=range(2, 5), seconds=0.3)
    process = start(suite, "run", "waits", "--json", "--workers", "1", ignored=signal.SIGHUP)
    until(lambda: stored(suite) >= 1)
    os.killpg(process.pid, signal.SIGHUP)
    out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert len(json.loads(out)["rows"]) == 3


def test_ctrl_c_while_workers_start_leaves_no_traceback(suite: Path) -> None:
    write_case(suite, "waits", "wait", T=range(2, 8), seconds=30)
    process = start(suite, "run", "waits", "--workers", "2")
    until(lambda: (suite / "cache").exists())  # made right before the workers are
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, err = ended(process)
    assert process.returncode == 130
    # a busy machine may not have come to the workers yet
    assert re.fullmatch(r"stopped(; 0 of 6 cells done, run again to go on)?\n", err)
    until(lambda: group_is_gone(process.pid))


def test_kill_9_of_the_parent_takes_the_workers_along(suite: Path) -> None:
    write_case(suite, "waits", "wait", T=range(2, 8), seconds=0.4)
    process = start(suite, "run", "waits", "--workers", "2")
    until(lambda: stored(suite) >= 2)
    process.kill()
    process.communicate(timeout=PATIENCE)
    until(lambda: group_is_gone(process.pid))
    goes_on(suite)


def test_kill_9_of_a_worker_costs_one_more_try(suite: Path) -> None:
    write_case(suite, "waits", "wait", T=range(2, 8), seconds=0.4)
    process = start(suite, "run", "waits", "--json", "--workers", "2")
    until(lambda: calls(suite / "calls", "wait") >= 1)
    (first, *_) = (suite / "calls").iterdir()
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(first.read_text()), signal.SIGKILL)
    out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert [row["T"] for row in json.loads(out)["rows"]] == [2, 3, 4, 5, 6, 7]
    until(lambda: group_is_gone(process.pid))


def test_ctrl_c_while_the_program_loads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sharpbound.__main__ import main

    class Impatient:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sharpbound.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "sharpbound.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    assert main() == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_where_nothing_is_measured_yet(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sharpbound.cli import main
    from sharpbound.suite import loading

    number = getattr(signal, name)
    monkeypatch.setattr(sys, "argv", ["sharpbound", "list", "claims"])
    monkeypatch.setattr(loading, "default_directory", lambda _: signal.raise_signal(number))
    # who runs the tests may have it ignored, as a shell in the background and nohup do
    before = signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
    try:
        assert main() == 128 + number
    finally:
        signal.signal(number, before)
    assert capsys.readouterr() == ("", "stopped\n")
