"""What an exact law costs: processor time linear in the steps and in the panels, memory that stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from problems import MIXTURE, mixture, problem
from sharpbound import laws

STEPS = (128, 256, 512, 1024)
COMPONENTS = (4, 8, 16, 32)


def cost(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Processor seconds, MiB that the process held at most beyond what it held before, and what ``call`` returns."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, start = _held("VmRSS"), time.process_time()
    found = call()
    return time.process_time() - start, (_held("VmHWM") - before) / 1024, found


def _held(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def slope(x: Any, y: Any) -> float:
    """Of log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


@pytest.mark.benchmark(group="cost of an exact law")
@pytest.mark.parametrize("sampler", ["pf-ode", "ddpm"])
def test_steps(benchmark: Any, sampler: str) -> None:
    def all_steps() -> list[tuple[float, float, Any]]:
        laws.output_law(*problem(sampler, 32), init="exact")  # what is loaded once
        return [cost(lambda T=T: laws.output_law(*problem(sampler, T), init="exact")) for T in STEPS]

    seconds, memory, _ = zip(*benchmark.pedantic(all_steps, rounds=1, iterations=1), strict=True)
    told("T", STEPS, sampler, seconds, memory)


@pytest.mark.benchmark(group="cost of an exact law")
def test_panels(benchmark: Any) -> None:
    def all_sizes() -> list[tuple[float, float, Any]]:
        laws.output_law(*problem("pf-ode", 32, MIXTURE), init="exact")
        return [
            cost(lambda k=k: laws.output_law(*problem("pf-ode", 64, mixture(k)), init="exact"))
            for k in COMPONENTS
        ]

    seconds, memory, found = zip(*benchmark.pedantic(all_sizes, rounds=1, iterations=1), strict=True)
    nodes = [law.panels.nodes.size for law in found]
    told("nodes", nodes, "pf-ode, 4 to 32 components", seconds, memory)
    work = [n * k for n, k in zip(nodes, COMPONENTS, strict=True)]
    print(f"  time ~ (nodes components)^{slope(work, seconds):.2f}")


def told(what: str, sizes: Any, name: str, seconds: Any, memory: Any) -> None:
    columns = ", ".join(
        f"{n}: {s:.3g} s, {m:.0f} MiB" for n, s, m in zip(sizes, seconds, memory, strict=True)
    )
    print(f"\n{name}, by {what}: {columns}; time ~ {what}^{slope(sizes, seconds):.2f}")
