"""The exact law against plain Monte Carlo, and against the sampling loop of diffusers, side by side.

Monte Carlo estimates TV from n outputs of the sampler by a histogram against the exact bin masses. Its error
is measured at an n that can be afforded, as the root mean square over repetitions against the exact TV, and
**extrapolated** to the floor of the exact engine by the law 1/sqrt(n); its time grows like n. That is kind
to Monte Carlo: with its bins fixed its error stops falling at their bias, and finer bins need still more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from problems import problem
from sharpbound import chapters, laws
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.drive import Loop
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import run

T = 64
PARTICLES = 50_000
REPEATS = 6
BINS = 40


@pytest.mark.benchmark(group="exact law against Monte Carlo: TV of one row")
@pytest.mark.parametrize("sampler", ["pf-ode", "ddpm"])
@pytest.mark.parametrize("method", ["exact", "monte-carlo"])
def test_tv(benchmark: Any, method: str, sampler: str, shared: dict[str, float]) -> None:
    target, ladder, chosen = problem(sampler, T)

    def exact() -> Any:
        return laws.distance(laws.output_law(target, ladder, chosen, init="exact"), "tv")

    if method == "exact":
        found = benchmark.pedantic(exact, rounds=3, iterations=1, warmup_rounds=1)
        shared[f"{sampler} seconds"] = benchmark.stats.stats.median
        shared[f"{sampler} floor"] = max(found.floor, 1e-15)
        benchmark.extra_info["floor"] = found.floor
        return
    truth, edges = exact().value, np.linspace(-2.5, 3.0, BINS - 1)
    below = target.cdf(torch.from_numpy(edges), *ladder.level(0)).numpy()
    p = np.diff(np.concatenate([[0.0], below, [1.0]]))
    score, generator, errors = ExactScore(target, ladder), torch.Generator().manual_seed(0), []

    def monte_carlo() -> None:
        start = float(ladder.a[-1]) * target.sample(PARTICLES, generator)
        start += float(ladder.sigma[-1]) * torch.randn(start.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            output = run(chosen, ladder, score, start, generator).numpy().ravel()
        counts = np.bincount(np.searchsorted(edges, output), minlength=BINS)
        errors.append(0.5 * np.abs(counts / PARTICLES - p).sum() - truth)

    benchmark.pedantic(monte_carlo, rounds=REPEATS, iterations=1)
    seconds, error = benchmark.stats.stats.median, math.sqrt(float(np.mean(np.square(errors))))
    benchmark.extra_info["error"] = error
    if f"{sampler} seconds" in shared:
        needed = seconds * (error / shared[f"{sampler} floor"]) ** 2
        ratio = needed / shared[f"{sampler} seconds"]
        benchmark.extra_info |= {"extrapolated_seconds": needed, "ratio": ratio}
        print(
            f"\n{sampler}, TV at T = {T}: exact law {shared[f'{sampler} seconds']:.3g} s, "
            f"floor {shared[f'{sampler} floor']:.1e}; Monte Carlo {seconds:.3g} s, error {error:.1e} with "
            f"{PARTICLES} particles; extrapolated by 1/sqrt(n) to equal accuracy {needed:.1e} s, "
            f"a ratio of {ratio:.1e}"
        )


@pytest.fixture(scope="module")
def shared() -> dict[str, float]:
    """What the exact run tells the Monte Carlo run."""
    return {}


@pytest.mark.benchmark(group="DDIM, 64 steps, 50000 particles")
@pytest.mark.parametrize("loop", ["ours", "diffusers"])
def test_sampling_loop(benchmark: Any, loop: str) -> None:
    target, ladder, sampler = problem("ddim", T)
    x = torch.randn(PARTICLES, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    score = ExactScore(target, ladder)
    if loop == "diffusers":
        if chapters.unavailable("audit"):
            pytest.skip("needs the extra: audit")
        theirs = Loop(schedulers.build_scheduler("DDIMScheduler", "uniform-log-snr", {"clip_sample": False}))

        def sample() -> None:
            theirs.run(theirs.fresh(T), target, x[:, 0], None)

    else:

        def sample() -> None:
            run(sampler, ladder, score, x, torch.Generator())

    benchmark.pedantic(sample, rounds=3, iterations=1, warmup_rounds=1)
