"""The exact laws beside their peers, in one run and on the same problems: ratios of processor time at equal accuracy.

* a **dense grid** in numpy (`dense`), refined until it is within `ERROR` of the exact value or as fine as can be had;
* **plain Monte Carlo**: particles through our sampler, W2 by POT between outputs and draws of the target, TV by a
  histogram against the exact masses of its bins; its error is measured and **extrapolated** to `ERROR` by 1/sqrt(n),
  which is kind to it;
* **particles of diffusers**: the same through the loop of its DDIM.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import ot
import pytest
import torch

import dense
from problems import MIXTURE, problem
from sharpbound import chapters, laws, targets
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.drive import Loop
from sharpbound.laws.probe import Quantiles
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import run

T = 64
ERROR = 1e-6
PARTICLES, REPEATS, BINS = 20_000, 6, 40
GAUSSIAN = {"family": "gaussian", "mean": 0.7, "std": 0.4}
DENSE = dense.Mixture(*(np.array(MIXTURE[key]) for key in ("weights", "means", "stds")))
DENSE_GAUSSIAN = dense.Mixture(np.array([1.0]), np.array([0.7]), np.array([0.4]))
PROBLEMS = {
    "pf-ode, mixture, TV": ("pf-ode", "tv", MIXTURE),
    "pf-ode, mixture, W2": ("pf-ode", "w2", MIXTURE),
    "pf-ode, Gaussian, TV": ("pf-ode", "tv", GAUSSIAN),
    "ddpm, mixture, TV": ("ddpm", "tv", MIXTURE),
    "ddpm, mixture, W2": ("ddpm", "w2", MIXTURE),
}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, the least of three, and what ``call`` returns."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        found = call()
        seconds.append(time.process_time() - start)
    return min(seconds), found


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    lines: list[str] = []
    yield lines
    head = (
        "problem | exact s | floor | dense s | its n | its error | ratio | particles s | their error | ratio"
    )
    print("\n" + "\n".join(["", head, *lines]))


def row(name: str, exact: tuple[float, Any], grid: tuple[float, Any], particles: tuple[float, float]) -> str:
    """One line: the exact law, the dense grid, and particles extrapolated to `ERROR`."""
    seconds, found = exact
    n, _, off = grid[1]
    needed = particles[0] * max(particles[1] / ERROR, 1.0) ** 2
    return (
        f"{name} | {seconds:.3g} | {found.floor:.0e} | {grid[0]:.3g} | {n} | {off:.0e} | {grid[0] / seconds:.2g}"
        f" | {particles[0]:.2g} | {particles[1]:.0e} | {needed / seconds:.0e}"
    )


def finest(value: Callable[[int], float], truth: float, most: int) -> tuple[float, Any]:
    """Seconds of the first grid that is good enough, with n, value and error."""
    found = dense.refined(value, truth, ERROR, most)
    return timed(lambda: value(found[0]))[0], found


def repeated(sample: Callable[[], float], truth: float) -> tuple[float, float]:
    """Processor seconds of one estimate, and its root mean square error."""
    start = time.process_time()
    errors = [sample() - truth for _ in range(REPEATS)]
    return (time.process_time() - start) / REPEATS, math.sqrt(float(np.mean(np.square(errors))))


def estimate(metric: str, target: Any, output: np.ndarray, level: tuple[float, float], rng: Any) -> float:
    """TV or W2 of the law of ``output``, from samples."""
    if metric == "w2":
        truth = level[0] * target.sample(len(output), rng)[:, 0]
        truth += level[1] * torch.randn(len(output), generator=rng, dtype=torch.float64)
        return math.sqrt(float(ot.wasserstein_1d(output, truth.numpy(), p=2)))
    edges = np.linspace(-2.5, 3.0, BINS - 1)
    below = target.cdf(torch.from_numpy(edges), *level).numpy()
    counts = np.bincount(np.searchsorted(edges, output), minlength=BINS) / len(output)
    return 0.5 * float(np.abs(counts - np.diff(np.concatenate([[0.0], below, [1.0]]))).sum())


@pytest.mark.benchmark(group="peers")
@pytest.mark.parametrize("name", PROBLEMS)
def test_peers(benchmark: Any, name: str, table: list[str]) -> None:
    sampler, metric, spec = PROBLEMS[name]
    target, ladder, chosen = problem(sampler, T, spec)

    def exact() -> Any:
        return laws.distance(laws.output_law(target, ladder, chosen, init="exact"), metric)

    measured = benchmark.pedantic(lambda: timed(exact), rounds=1, iterations=1)
    truth = measured[1].value
    a, sigma = ladder.a[::-1].copy(), ladder.sigma[::-1].copy()
    mixture = DENSE_GAUSSIAN if spec is GAUSSIAN else DENSE
    values: dict[tuple[str, str], Callable[[int], float]] = {
        ("pf-ode", "tv"): lambda n: dense.ode_tv(mixture, a, sigma, dense.pf_ode, n),
        ("pf-ode", "w2"): lambda n: dense.ode_w2(mixture, a, sigma, dense.pf_ode, n),
        ("ddpm", "tv"): lambda n: dense.ddpm_tv(mixture, a, sigma, n),
        ("ddpm", "w2"): lambda n: dense.ddpm_w2(mixture, a, sigma, n),
    }
    grid = finest(values[sampler, metric], truth, 2**17 if sampler == "pf-ode" else 2**11)
    score, rng = ExactScore(target, ladder), torch.Generator().manual_seed(0)

    def sample() -> float:
        start = float(ladder.a[-1]) * target.sample(PARTICLES, rng)
        start += float(ladder.sigma[-1]) * torch.randn(start.shape, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            output = run(chosen, ladder, score, start, rng).numpy().ravel()
        return estimate(metric, target, output, ladder.level(0), rng)

    table.append(row(name, measured, grid, repeated(sample, truth)))


@pytest.mark.benchmark(group="peers")
def test_particles_of_diffusers(benchmark: Any, table: list[str]) -> None:
    if chapters.unavailable("audit"):
        pytest.skip("needs the extra: audit")
    target, rng = targets.build(MIXTURE), torch.Generator().manual_seed(0)
    loop = Loop(schedulers.build_scheduler("DDIMScheduler", "uniform-log-snr", {"clip_sample": False}))
    scheduler = loop.fresh(T)

    def exact() -> Any:
        return schedulers.measure(Quantiles(target), loop, T, final="sigma-min")

    measured = benchmark.pedantic(lambda: timed(exact), rounds=1, iterations=1)
    truth = measured[1].value
    kept = scheduler.alphas_cumprod[scheduler.timesteps].double().numpy()
    a, sigma = np.sqrt(kept), np.sqrt(1 - kept)
    grid = finest(lambda n: dense.ode_w2(DENSE, a, sigma, dense.ddim, n), truth, 2**17)

    def sample() -> float:
        x = a[0] * target.sample(PARTICLES, rng)[:, 0]
        x += sigma[0] * torch.randn(PARTICLES, generator=rng, dtype=torch.float64)
        output = loop.run(scheduler, target, x, None, slice(T - 1)).numpy()
        return estimate("w2", target, output, (float(a[-1]), float(sigma[-1])), rng)

    table.append(row("DDIM of diffusers, mixture, W2", measured, grid, repeated(sample, truth)))
