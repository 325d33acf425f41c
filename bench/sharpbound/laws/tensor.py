"""Deterministic samplers in the plane, by a tensor rule over the start: no sampling.

As in `sharpbound.laws.qmc`, log q(Phi(x)) = log r(x) - log|det Phi'(x)| with the Jacobian carried along, but x runs
over Gauss-Legendre nodes in the whitened coordinates of the start, z in [-REACH, REACH]^d, of weight r(x) dx.
Expectations under q are then sums over nodes, right to the rule; a coarser rule says how far. Rules are refined until
KL has settled. |1 - p/q| has a kink where the laws cross: there the log-ratio, a polynomial between the nodes, is
read off at many more of them, at no cost of the sampler.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import torch
from numpy.polynomial import legendre

from sharpbound.distances.sampled import RatioQuadrature
from sharpbound.errors import NotMeasured
from sharpbound.laws.qmc import log_ratio_at
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import expm1_minus
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target

NODES = {2: (72, 96, 128, 168, 224, 296)}
"""Nodes per axis of the rules that are tried in turn, by dimension."""
SETTLED = 1e-7
"""Relative difference of KL by two rules at which no finer one is tried."""
USELESS = 2e-4
"""... and at which samples say more than the finest."""
KINK_NODES = {2: 1000}
"""Nodes per axis at which the log-ratio is read off for a kink."""
REACH = {2: 8.5}
"""Standard deviations of the start that the rules cover: 2e-17 of the mass is beyond."""
LOST = 1e-6
"""Mass of the start that a rule may miss: more is a tail that Gaussian coordinates do not reach."""


def tensor_law(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str = "normal"
) -> RatioQuadrature:
    """l = log q - log p at the images of the nodes of a rule, and of the one before it.

    Raises NotMeasured where the start has tails that the rule does not reach, or a step may fold.
    """
    first, *others = NODES[target.dim]
    fine = _by_rule(target, ladder, sampler, score, init, first)
    for n in others:
        coarse, fine = fine, _by_rule(target, ladder, sampler, score, init, n)
        before, now = (_kl(rule) for rule in (coarse, fine))
        if abs(now - before) <= SETTLED * now:
            break
    if abs(now - before) > USELESS * now:
        raise NotMeasured("the finest tensor rule does not resolve the map: it has steep stretches")
    return replace(_with_more_nodes(fine, target.dim), coarse=_with_more_nodes(coarse, target.dim))


def _kl(rule: RatioQuadrature) -> float:
    return float((rule.weights * np.exp(-rule.log_ratio) * expm1_minus(rule.log_ratio)).sum())


def _by_rule(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str, n: int
) -> RatioQuadrature:
    z, w, edge = _rule(n, target.dim)
    a, sigma = ladder.level(ladder.T)
    eye = torch.eye(target.dim, dtype=torch.float64)
    if init == "exact":
        moments = target.moments()
        root = torch.linalg.cholesky(a**2 * moments.cov + sigma**2 * eye)
        x = a * moments.mean + torch.from_numpy(z) @ root.T
        log_r = target.log_density(x, a, sigma)
    else:
        root = ladder.prior_std * eye
        x = torch.from_numpy(z) @ root
        log_r = torch.from_numpy(-0.5 * (z**2).sum(1)) - target.dim * (
            0.5 * math.log(2 * math.pi) + math.log(ladder.prior_std)
        )
    weights = w * np.exp((log_r + torch.linalg.slogdet(root).logabsdet).numpy())
    if abs(weights.sum() - 1) > LOST:
        raise NotMeasured(f"a tensor rule holds {weights.sum():.6f} of the start: its tails reach farther")
    log_ratio = log_ratio_at(target, ladder, sampler, score, x, log_r)
    width = float(gauss_legendre(n, -REACH[target.dim], REACH[target.dim])[1][0])
    return RatioQuadrature(log_ratio[None], weights[None], spent=edge[None], edge=width)


def _with_more_nodes(rule: RatioQuadrature, d: int) -> RatioQuadrature:
    """With the log-ratio and the weights at the nodes of a rule that has many more, from their polynomials."""
    n = round(rule.log_ratio.size ** (1 / d))
    x, w_rule = gauss_legendre(n, -REACH[d], REACH[d])
    fine, w = gauss_legendre(KINK_NODES[d], -REACH[d], REACH[d])
    basis = legendre.legvander(fine / REACH[d], n - 1) @ np.linalg.inv(
        legendre.legvander(x / REACH[d], n - 1)
    )

    def along(values: Array) -> Array:
        at = values.reshape((n,) * d)
        for _ in range(d):  # each axis in turn comes first, and goes last
            at = np.tensordot(at, basis, axes=(0, 1))
        return at.ravel()

    each, every = np.ones(()), np.ones(())
    for _ in range(d):
        each, every = np.multiply.outer(each, w_rule), np.multiply.outer(every, w)
    density = np.log(np.asarray(rule.weights) / each.ravel())
    return replace(rule, between=(along(rule.log_ratio), every.ravel() * np.exp(along(density))))


def _rule(n: int, d: int) -> tuple[Array, Array, np.ndarray]:
    """Nodes (n^d, d) and weights (n^d,) of the tensor rule, and which nodes lie at its edge."""
    x, w = gauss_legendre(n, -REACH[d], REACH[d])
    index = np.array(list(itertools.product(range(n), repeat=d)))
    return x[index], w[index].prod(1), ((index == 0) | (index == n - 1)).any(1)
