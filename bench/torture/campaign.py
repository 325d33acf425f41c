"""Thousands of damaged files: ``python bench/torture/campaign.py --cases 10000 --theory 3000``.

Each is measured or refused, within 20 s and 4 GiB; faults are printed with the file that shows them, which is kept.
"""

from __future__ import annotations

import argparse
import collections
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import torch

from mutations import OWN, Mutator, case_trees, theory_trees, write
from sharpbound.suite import load_theory
from trial import case_file, theory_file

SECONDS, GIBIBYTES = 20, 4


class Hang(BaseException):
    """A file took longer than `SECONDS`."""


def main() -> int:
    """0 where no file was at fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--theory", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.mkdtemp(prefix="torture-")))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    asked.keep.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_DATA, (GIBIBYTES * 2**30,) * 2)
    theory = load_theory()
    shutil.copy(OWN, asked.keep)
    os.chdir(asked.keep)
    ways = [
        ("theory", asked.theory, Mutator(theory_trees(), asked.seed), theory_file),
        ("case", asked.cases, Mutator(case_trees(), asked.seed), lambda path: case_file(path, theory)),
    ]
    faults = sum(_campaign(name, count, *way, asked.keep) for name, count, *way in ways)
    print(f"{faults} faults, files in {asked.keep}" if faults else "no faults")
    return min(faults, 1)


def _campaign(name: str, count: int, mutator: Mutator, trial, keep: Path) -> int:
    def ring(*_: object) -> None:
        raise Hang

    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for i in range(count):
        path = write(keep / f"{name}-{i}.toml", mutator.next())
        start = time.monotonic()
        try:
            signal.signal(signal.SIGPROF, ring)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            outcome = trial(path)
        except (Exception, SystemExit, Hang):
            outcome = "fault"
            print(f"--- {path}\n{traceback.format_exc()}", flush=True)
        else:
            path.unlink()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        slowest = max(slowest, time.monotonic() - start)
        outcomes[outcome] += 1
    print(f"{name} files: {dict(outcomes)}, slowest {slowest:.1f} s", file=sys.stderr)
    return outcomes["fault"]


if __name__ == "__main__":
    sys.exit(main())
