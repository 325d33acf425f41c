"""From a learned score to samples: score fields that the samplers and their exact laws accept.

On the hard pair ERM returns one of two *exact* scores, so a wrong choice makes the sampler an
exact-score sampler of the wrong law: its output is p2's up to discretisation, and TV(p1, output) is at most
eta + O(1/T) although ||s1 - s2||_{L2(p1)} ~ sqrt(eta) R is as large as one likes.
"""

from __future__ import annotations

import torch

from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.processes.ladder import Ladder
from sharpbound.scores.base import ExactScore
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D


def pair_targets(pair: HardPair) -> tuple[GaussianMixture1D, GaussianMixture1D]:
    """p1 and p2 as targets."""
    weights = torch.tensor([1 - pair.eta, pair.eta], dtype=torch.float64)
    variances = torch.full((2,), pair.sigma**2, dtype=torch.float64)
    left, right = (torch.tensor([0.0, side * pair.R], dtype=torch.float64) for side in (-1, 1))
    return GaussianMixture1D(weights, left, variances), GaussianMixture1D(weights, right, variances)


def wrong_score(pair: HardPair, ladder: Ladder) -> ExactScore:
    """What ERM hands the sampler when it errs: the score of p2 at every level, while the data are from p1."""
    return ExactScore(pair_targets(pair)[1], ladder)
