"""Runs killed at random moments, workers killed, several runs on one cache: the tables stay those of a quiet run.

    python bench/torture/kills.py --times 50

Rows are compared bit by bit (by the JSON that ``run --json`` prints, whose floats are shortest representations).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CASES = (
    "pf-ode-gaussian-tv-fixed-horizon",
    "ddpm-gaussian-tv-fixed-horizon",
    "pf-ode-mixture-tv-fixed-horizon",
)
"""Of one engine each, together some tens of seconds."""
PATIENCE = 600.0


class Fault(Exception):
    """A run that was disturbed ended otherwise than it must."""


def begin(cache: Path, workers: int) -> subprocess.Popen[str]:
    """A run of `CASES` in a process group of its own."""
    command = [sys.executable, "-m", "sharpbound", "run", *CASES, "--json", "--workers", str(workers)]
    return subprocess.Popen(
        [*command, "--cache", str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def told(err: str) -> list[str]:
    """What a run says beside its progress."""
    return [line for line in err.splitlines() if not re.match(r"\d+ of \d+ cells done, about ", line)]


def rows(process: subprocess.Popen[str]) -> list[str]:
    """The rows of a run that must succeed, as text."""
    out, err = process.communicate(timeout=PATIENCE)
    if process.returncode or told(err):
        raise Fault(f"status {process.returncode}: {err}")
    return [json.dumps(json.loads(line)["rows"]) for line in out.splitlines()]


def group(leader: int) -> list[int]:
    """The living processes of a group, but for those that nobody has waited for."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split() for line in listed.splitlines()]
    return [int(pid) for pid, of, state in lines if int(of) == leader and not state.startswith("Z")]


def gone(leader: int) -> None:
    """Wait until no process of the group is left."""
    deadline = time.monotonic() + 30
    while group(leader):
        if time.monotonic() > deadline:
            raise Fault(f"orphans: {group(leader)}")
        time.sleep(0.1)


def kill_runs(cache: Path, times: int, seconds: float, chance: random.Random) -> list[str]:
    """Kill a run at one random moment after another, each going on where the last was; then let one end."""
    for _ in range(times):
        process = begin(cache, chance.choice((1, 2)))
        time.sleep(chance.uniform(0, seconds))
        process.send_signal(chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        err = process.communicate(timeout=PATIENCE)[1]
        if "Traceback" in err:
            raise Fault(err)
        gone(process.pid)
        entries = sorted(cache.rglob("*.json"))
        for entry in chance.sample(entries, min(1, len(entries))):
            if chance.random() < 0.2:  # and an entry torn, as a file system may leave it
                entry.write_bytes(entry.read_bytes()[: chance.randrange(200)])
        for entry in chance.sample(entries, len(entries) // 2):  # and the clock jumps, by up to thirty years
            jumped = time.time() + chance.uniform(-1e9, 1e9)
            os.utime(entry, (jumped, jumped))
    return rows(begin(cache, 2))


def kill_workers(cache: Path, times: int, chance: random.Random) -> list[str]:
    """Kill processes of a run's group but its leader, at random moments."""
    process = begin(cache, 2)
    for _ in range(times):
        time.sleep(chance.uniform(0.5, 3))
        workers = [pid for pid in group(process.pid) if pid != process.pid and _measures(pid)]
        if process.poll() is None and workers:
            try:
                os.kill(chance.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                continue
    return rows(process)


def _measures(pid: int) -> bool:
    """Whether the process is a worker, and neither what starts workers nor what tracks them."""
    try:
        return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes() and bool(
            Path(f"/proc/{pid}/task/{pid}/children").read_text() == "" and _parent(pid) != 1
        )
    except OSError:
        return False


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def together(cache: Path, count: int) -> list[list[str]]:
    """``count`` runs at once on one cache."""
    return [rows(process) for process in [begin(cache, 1) for _ in range(count)]]


def full_disk(folder: Path) -> list[str] | None:
    """The rows of a run whose cache is on a disk that is full; None where none can be mounted."""
    folder.mkdir()
    size = "size=16k"  # some entries fit
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], stderr=subprocess.DEVNULL
    ).returncode:
        return None
    try:
        process = begin(folder / "cache", 1)
        out, err = process.communicate(timeout=PATIENCE)
        wanted = [f"{folder / 'cache'}: results are not kept (No space left on device)"]
        if process.returncode or told(err) != wanted:
            raise Fault(f"status {process.returncode}: {err}")
        return [json.dumps(json.loads(line)["rows"]) for line in out.splitlines()]
    finally:
        subprocess.run(["umount", folder], check=True)


def compare(what: str, wanted: Sequence[str], found: Sequence[str]) -> None:
    if list(wanted) != list(found):
        raise Fault(f"{what}: the rows differ")
    print(f"{what}: rows bitwise equal", flush=True)


def main() -> int:
    """0 where every disturbed run gave the rows of the quiet one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        quiet = rows(begin(Path(folder, "quiet"), 1))
        seconds = time.monotonic() - start
        print(f"a quiet run takes {seconds:.0f} s", flush=True)
        killed = kill_runs(Path(folder, "killed"), asked.times, min(seconds, 20), chance)
        compare(f"killed {asked.times} times", quiet, killed)
        compare("workers killed", quiet, kill_workers(Path(folder, "workers"), 3, chance))
        if (found := full_disk(Path(folder, "full"))) is None:
            print("a full disk: not tried, for none can be mounted here", flush=True)
        else:
            compare("a full disk", quiet, found)
        for count in (2, 4):
            for one in together(Path(folder, f"shared-{count}"), count):
                compare(f"{count} runs on one cache", quiet, one)
    return 0


if __name__ == "__main__":
    sys.exit(main())
