"""What a leading term costs, by the route that it is had by: one cell of a table of constants each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from problems import FORWARD, MIXTURE
from sharpbound import processes, samplers, targets
from sharpbound.laws import leading
from sharpbound.laws.leading.response import PATH_METRIC

LI = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
UNIFORM = {"family": "uniform", "low": -1.0, "high": 1.0}
CELLS = {
    "flow": (MIXTURE, FORWARD, "pf-ode", None),
    "flow, growing horizon": (UNIFORM, LI, "accelerated-ode", None),
    "kernels": (MIXTURE, FORWARD, "ddpm", None),
    "kernels of two stages, growing horizon": (UNIFORM, LI, "accelerated-ddpm", None),
    "ladders of a multistep flow": (MIXTURE, FORWARD, "unipc", None),
    "ladders of kernels": (MIXTURE, FORWARD, "churned", None),
    "chain": (MIXTURE, LI, "ddpm", PATH_METRIC),
}


@pytest.mark.benchmark(group="leading term, by route")
@pytest.mark.parametrize("cell", CELLS)
def test_leading_term(benchmark: Any, cell: str) -> None:
    law, forward, name, metric = CELLS[cell]
    sampler = samplers.build({"name": name})
    wanted = [metric] if metric else leading.METRICS

    def fresh() -> tuple[tuple[Callable[[], Any]], dict[str, Any]]:
        target = targets.build(law)  # which keeps its latest derivatives
        return (
            lambda: leading.limit(target, lambda T: processes.build(forward, T), sampler, metric=metric),
        ), {}

    def constants(limit: Callable[[], Any]) -> list[float]:
        found = limit()
        return [found.constant(one).constant for one in wanted]

    benchmark.pedantic(constants, setup=fresh, rounds=3, warmup_rounds=1)
