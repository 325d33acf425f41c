"""Deterministic samplers in R^d on targets that do not split: transport of quasi-Monte Carlo points.

The sampler is a map Phi of its start x ~ r, so log q(Phi(x)) = log r(x) - log|det DPhi(x)|, with DPhi from
forward-mode derivatives through all steps, one tangent per dimension. Every distance is an expectation
under q of a function of l = log q/p that vanishes with l:

TV = 1/2 E_q|1 - p/q|,  KL(p||q) = E_q[e^{-l}(-l) - e^{-l} + 1],  KL(q||p) = E_q[e^{-l} - 1 + l], ...

so the error of the average is *relative* to the distance, and small ones are resolved. The points
are randomly scrambled Sobol points; independent scramblings give the standard error, of which the t-quantile at
99 % is the floor: the tails are undersampled, so that one is a little optimistic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from sharpbound.distances.sampled import RatioSample
from sharpbound.errors import InputError, NotMeasured
from sharpbound.numerics.dual import Dual
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Past, Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target
from sharpbound.targets.product import Product

REPLICATES = 8
POINTS = 4096
_WIDER = 1.1
"""Variance of the points of an exact start over that of p_T: their weights are bounded in most tails."""
_TANGENTS = 1 << 15
"""Point-tangent pairs pushed through the sampler at once: memory is this times d."""


def qmc_law(
    target: Target,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField,
    init: str = "normal",
    *,
    points: int = POINTS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> RatioSample:
    """l at the outputs of a deterministic sampler: ``replicates`` independent sets of ``points`` (2^k) each.

    With ``init = "exact"`` the starts are Sobol points of a Gaussian somewhat wider than p_T, with weights
    (independent draws of p_T for products, whose tails may be heavy).
    Raises NotMeasured where a step is not monotone at one of the points: it may fold, and q would be a sum
    over branches.
    """
    if not sampler.deterministic:
        raise InputError(
            f"{sampler.name} is stochastic; in R^{target.dim} its law is available for Gaussian, product and "
            "rank-one targets only: use a deterministic sampler or one of those targets",
            key="sampler.name",
        )
    rows, weights = [], []
    for replicate in range(replicates):
        x, log_r, log_weight = _starts(target, ladder, init, points, seed + replicate)
        rows.append(log_ratio_at(target, ladder, sampler, score, x, log_r))
        weights.append(np.exp(log_weight.numpy()))
    return RatioSample(np.stack(rows), np.stack(weights))


def _starts(
    target: Target, ladder: Ladder, init: str, points: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Starting points (points, d), the log density of the start's law there, and the log of their weights."""
    a, sigma = ladder.level(ladder.T)
    if init == "exact" and isinstance(target, Product):  # its tails may be too heavy for Gaussian points
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(points, target.dim, generator=generator, dtype=torch.float64)
        x = a * target.sample(points, generator) + sigma * noise
        log_r = target.log_density(x, a, sigma)
        return x, log_r, torch.zeros_like(log_r)
    from scipy.stats import qmc  # slow to import

    sobol = qmc.Sobol(target.dim, scramble=True, rng=np.random.default_rng(seed))
    # scipy's scrambled points have 30 bits: moved to the middle of their cell they stay off 0 and 1
    z = torch.from_numpy(ndtri(sobol.random(points) + 0.5**31))
    x, log_r, log_volume = placed(target, ladder, init, z, _WIDER)
    if init != "exact":
        return x, log_r, torch.zeros_like(log_r)
    return x, log_r, log_r - _log_normal(z) + log_volume


def placed(
    target: Target, ladder: Ladder, init: str, z: Tensor, wider: float = 1.0
) -> tuple[Tensor, Tensor, float]:
    """Points x (n, d) of the start whose whitened coordinates are z, its log density there, and log|det dx/dz|.

    The coordinates of an exact start are those of a Gaussian with the moments of p_T, its variance times ``wider``.
    """
    if init != "exact":
        log_volume = target.dim * math.log(ladder.prior_std)
        return ladder.prior_std * z, _log_normal(z) - log_volume, log_volume
    a, sigma = ladder.level(ladder.T)
    moments = target.moments()
    cov = a**2 * moments.cov + sigma**2 * torch.eye(target.dim, dtype=torch.float64)
    root = torch.linalg.cholesky(wider * cov)
    x = a * moments.mean + z @ root.T
    return x, target.log_density(x, a, sigma), float(torch.linalg.slogdet(root).logabsdet)


def _log_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I), z of shape (n, d)."""
    return -0.5 * (z**2).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


def log_ratio_at(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, x: Tensor, log_r: Tensor
) -> Array:
    """log q - log p at the images of the points x (n, d), where the start has the log density ``log_r`` (n,)."""
    block = max(1, _TANGENTS // target.dim)
    parts = zip(x.split(block), log_r.split(block), strict=True)
    return np.concatenate([_log_ratio(target, ladder, sampler, score, *part) for part in parts])


def _log_ratio(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, x: Tensor, log_r: Tensor
) -> Array:
    """log q - log p at Phi(x): the d tangents of each point travel as a batch of d copies of it."""
    n, d = x.shape
    copies = x.repeat(d, 1, 1)
    tangents = torch.eye(d, dtype=torch.float64)[:, None, :].repeat(1, n, 1)
    before = tangents.permute(1, 2, 0)
    y: Any = Dual(copies, tangents)
    past: Past = ()
    with torch.no_grad():
        for t, stages in sampler.path(ladder, score):
            for stage in stages:
                y, past = stage.advance(y, past)
            if not isinstance(y, Dual):
                raise NotMeasured(f"the step of {sampler.name} at t = {t} forgets its state")
            after = y.tangent.permute(1, 2, 0)
            # J_step before = after
            _check_monotone(torch.linalg.solve(before, after, left=False), sampler, t)
            before = after
    log_det = torch.linalg.slogdet(before).logabsdet
    level = ladder.level(ladder.stop)
    return (log_r - log_det - target.log_density(y.value[0], *level)).numpy()


def _check_monotone(jacobian: Tensor, sampler: Sampler, t: int) -> None:
    """A map whose Jacobian has a positive symmetric part is injective; a positive determinant would not do:
    in even dimensions a fold along all axes at once keeps its sign.
    """
    symmetric = 0.5 * (jacobian + jacobian.mT)
    if not bool((torch.linalg.eigvalsh(symmetric) > 0).all()):
        raise NotMeasured(
            f"the step of {sampler.name} at t = {t} is not monotone and may fold space: use a larger T"
        )
