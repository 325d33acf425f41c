"""Cells that compute, fail, die or wait, as told."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sharpbound.chapters.base import Cell
from sharpbound.errors import InputError
from sharpbound.libraries import loading
from sharpbound.records.document import Row


def cell(do: str, folder: Path, **params: Any) -> Cell:
    """A cell that leaves a file in ``folder`` each time it is measured."""
    return Cell("toy", {"do": do, "folder": str(folder), **params})


def calls(folder: Path, do: str) -> int:
    """How often cells told to ``do`` were measured."""
    return len(list(folder.glob(f"{do}-*")))


def measure(cell: Cell) -> list[Row]:
    do, folder = cell.params["do"], Path(cell.params["folder"])
    earlier = calls(folder, do)
    (folder / f"{do}-{uuid.uuid4().hex}").write_text(str(os.getpid()))
    T = cell.params.get("T", 1)
    match do:
        case "sums":  # long reductions: their last bits depend on the number of threads
            x = torch.randn(300_000 + T, dtype=torch.float64, generator=torch.Generator().manual_seed(T))
            a = np.random.default_rng(T).standard_normal((400, 400))
            return [{"T": T, "torch": float(x.exp().sum()), "blas": float((a @ a).sum())}]
        case "special":
            return [{"nan": float("nan"), "inf": float("inf"), "tiny": 5e-324, "third": np.float64(1) / 3}]
        case "bug":
            raise ZeroDivisionError("a bug\nin two lines")
        case "mistake":
            raise InputError("c1 is too large; use T >= 13", key="sweep.T")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die-once" if earlier == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        case "wait":
            time.sleep(cell.params["seconds"])
        case "spin":
            while True:
                pass
        case "hoard":
            np.empty(cell.params["bytes"] // 8)
        case "load":  # a library that takes a while to import
            sys.path.insert(0, cell.params["folder"])
            try:
                with loading():
                    return [{"loaded": importlib.import_module(cell.params["module"]).VALUE}]
            finally:
                sys.path.remove(cell.params["folder"])
        case "stuck":  # deaf to alarms, as in one call of a compiled library
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(600)
        case "not-json":
            return [{"x": object()}]
    return [{"T": T}]
