"""Deterministic samplers in the plane, by a tensor rule over the start: no sampling.

As in `sharpbound.laws.qmc`, log q(Phi(x)) = log r(x) - log|det Phi'(x)| with the Jacobian carried along, but x runs
over Gauss-Legendre nodes in the whitened coordinates of the start, z in [-REACH, REACH]^2, of weight r(x) dx.
Expectations under q are then sums over nodes, right to the rule; a coarser rule says how far. Rules are refined until
KL has settled and no mass of p is missed. |1 - p/q| has a kink where the laws cross: there the log-ratio, a polynomial
between the nodes, is read off at many more of them, at no cost of the sampler.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.polynomial import legendre

from sharpbound.distances.sampled import RatioQuadrature, kl
from sharpbound.errors import NotMeasured
from sharpbound.laws.qmc import log_ratio_at, placed
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target

NODES = (72, 96, 128, 168, 224, 296)
"""Nodes per axis of the rules that are tried in turn."""
SETTLED = 1e-7
"""Relative floor of KL at which no finer rule is tried ..."""
USELESS = 1e-3
"""... and above which samples say more than the finest."""
KINK_NODES = 1000
"""Nodes per axis at which the log-ratio is read off for a kink."""
REACH = 8.5
"""Standard deviations of the start that the rules cover: 2e-17 of the mass is beyond."""
LOST = 1e-6
"""Mass of the start that a rule may miss: more is a tail that Gaussian coordinates do not reach."""


def tensor_law(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str = "normal"
) -> RatioQuadrature:
    """l = log q - log p at the images of the nodes of a rule, and of the one before it.

    Raises NotMeasured where the start has tails that the rule does not reach, a step may fold, or the finest rule
    still leaves KL in doubt, as where it does not see a mode of p.
    """
    rule = _by_rule(target, ladder, sampler, score, init, NODES[0])
    for n in NODES[1:]:
        rule = replace(_by_rule(target, ladder, sampler, score, init, n), coarse=rule)
        value, floor, _ = kl(rule)
        # what p has where no node goes weighs more than its share of KL
        if max(floor, rule.lost) <= SETTLED * value:
            break
    if max(floor, rule.lost) > USELESS * value:
        raise NotMeasured("the finest tensor rule does not resolve the map, or misses a mode of the target")
    assert rule.coarse is not None
    return replace(_with_more_nodes(rule), coarse=_with_more_nodes(rule.coarse))


def _by_rule(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str, n: int
) -> RatioQuadrature:
    node, weight = gauss_legendre(n, -REACH, REACH)
    z = np.stack(np.meshgrid(node, node, indexing="ij"), axis=-1).reshape(-1, 2)
    x, log_r, log_volume = placed(target, ladder, init, torch.from_numpy(z))
    weights = np.multiply.outer(weight, weight).ravel() * np.exp(log_r.numpy() + log_volume)
    if abs(weights.sum() - 1) > LOST:
        raise NotMeasured(f"a tensor rule holds {weights.sum():.6f} of the start: its tails reach farther")
    log_ratio = log_ratio_at(target, ladder, sampler, score, x, log_r)
    spent = (np.abs(z) >= node[-1]).any(1)
    return RatioQuadrature(log_ratio[None], weights[None], spent=spent[None], edge=float(weight[0]))


def _with_more_nodes(rule: RatioQuadrature) -> RatioQuadrature:
    """With the log-ratio and the weights at the nodes of a rule that has many more, from their polynomials."""
    n = round(rule.log_ratio.size**0.5)
    node, weight = gauss_legendre(n, -REACH, REACH)
    fine, fine_weight = gauss_legendre(KINK_NODES, -REACH, REACH)
    basis = legendre.legvander(fine / REACH, n - 1) @ np.linalg.inv(legendre.legvander(node / REACH, n - 1))

    def between(values: Array) -> Array:
        return (basis @ values.reshape(n, n) @ basis.T).ravel()

    log_density = np.log(np.asarray(rule.weights) / np.multiply.outer(weight, weight).ravel())
    weights = np.multiply.outer(fine_weight, fine_weight).ravel() * np.exp(between(log_density))
    return replace(rule, between=(between(rule.log_ratio), weights))
