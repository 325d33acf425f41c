"""The fallback for black boxes: run the sampler on particles. No density, so no TV or KL.

What is measured is the distance between n outputs and n independent draws of the true marginal; the
floor is the same distance between two independent sets of n true draws, below which nothing is
seen (about 2e-3 in W2 for n = 10^6 on the line). Laws of two samplers on one seed share their start
and noise (common random numbers), so their difference is much finer than either.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharpbound.distances.empirical import Particles
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler, run
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target


def particle_law(
    target: Target,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField,
    init: str = "normal",
    *,
    n: int = 100_000,
    seed: int = 0,
) -> Particles:
    """n outputs of the sampler; start and noise depend on ``seed`` alone, the true draws on ``seed + 1``."""
    generator = torch.Generator().manual_seed(seed)
    if init == "exact":
        start = marginal_sample(target, ladder, ladder.T, n, generator)
    else:
        start = ladder.prior_std * torch.randn(n, target.dim, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        output = run(sampler, ladder, score, start, generator)
    truth = torch.Generator().manual_seed(seed + 1)
    draws, twin = (marginal_sample(target, ladder, ladder.stop, n, truth).numpy() for _ in range(2))
    return Particles(output.numpy(), draws, twin)


def marginal_sample(target: Target, ladder: Ladder, t: int, n: int, generator: torch.Generator) -> Tensor:
    """n draws of X_t = a_t X0 + sigma_t W, (n, d)."""
    noise = torch.randn(n, target.dim, generator=generator, dtype=torch.float64)
    return float(ladder.a[t]) * target.sample(n, generator) + float(ladder.sigma[t]) * noise
