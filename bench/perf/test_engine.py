"""Score evaluation, the law engines against steps, nodes and mixture size, and whole cases."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from problems import MIXTURE, mixture, problem
from sharpbound import laws, targets
from sharpbound.run.cache import Cache
from sharpbound.run.cases import measure_cases
from sharpbound.suite import load_cases, load_theory

CASES = (
    "pf-ode-gaussian-tv-fixed-horizon",
    "pf-ode-mixture-tv-fixed-horizon",
)
ROUNDS: dict[str, Any] = {"rounds": 3, "iterations": 1, "warmup_rounds": 1}


@pytest.mark.benchmark(group="score of a mixture, by points")
@pytest.mark.parametrize("points", [100, 10_000, 100_000])
def test_score_by_points(benchmark: Any, points: int) -> None:
    target = targets.build(MIXTURE)
    x = torch.linspace(-4, 4, points, dtype=torch.float64)
    # not by ``score``, which keeps the latest
    benchmark.pedantic(target._derivatives, (x, 0.8, 0.6, (1,)), rounds=20, iterations=5, warmup_rounds=1)


@pytest.mark.benchmark(group="score at 10000 points, by components")
@pytest.mark.parametrize("components", [2, 8, 32])
def test_score_by_components(benchmark: Any, components: int) -> None:
    target = targets.build(mixture(components))
    x = torch.linspace(-4, 4, 10_000, dtype=torch.float64)
    benchmark.pedantic(target._derivatives, (x, 0.8, 0.6, (1,)), rounds=10, iterations=3, warmup_rounds=1)


@pytest.mark.benchmark(group="law, by steps")
@pytest.mark.parametrize("T", [32, 64, 128])
@pytest.mark.parametrize("engine", ["transport", "density", "gaussian"])
def test_law_by_steps(benchmark: Any, engine: str, T: int) -> None:
    target = {"family": "gaussian", "mean": 0.5, "std": 0.5} if engine == "gaussian" else MIXTURE
    sampler = "ddpm" if engine == "density" else "pf-ode"
    benchmark.pedantic(laws.output_law, problem(sampler, T, target), {"init": "exact"}, **ROUNDS)


@pytest.mark.benchmark(group="transport law at 64 steps, by components")
@pytest.mark.parametrize("components", [2, 8, 32])
def test_law_by_components(benchmark: Any, components: int) -> None:
    arguments = problem("pf-ode", 64, mixture(components))
    law = benchmark.pedantic(laws.output_law, arguments, {"init": "exact"}, **ROUNDS)
    benchmark.extra_info["nodes"] = law.panels.nodes.size


@pytest.mark.benchmark(group="one pass of 64 steps with a derivative, by nodes")
@pytest.mark.parametrize("nodes", [300, 3000, 30_000])
def test_flow_by_nodes(benchmark: Any, nodes: int) -> None:
    from sharpbound.laws.transport import flow
    from sharpbound.samplers import ExactScore

    target, ladder, sampler = problem("pf-ode", 64)
    x = torch.linspace(-4, 4, nodes, dtype=torch.float64).numpy()
    benchmark.pedantic(flow, (sampler, ladder, ExactScore(target, ladder), x), **ROUNDS)


@pytest.mark.benchmark(group="whole case, nothing cached")
@pytest.mark.parametrize("id", CASES)
def test_whole_case(benchmark: Any, id: str) -> None:
    case = next(case for case in load_cases() if case.id == id)
    theory = load_theory()
    benchmark.pedantic(lambda: measure_cases([case], theory, Cache(None), workers=1), rounds=1, iterations=1)
