"""A trained network as the score that a sampler uses, differentiable in forward mode."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sharpbound.chapters.training.network import Network
from sharpbound.processes.ladder import Ladder
from sharpbound.scores.learned import LearnedScore


def network_score(network: Network, ladder: Ladder) -> LearnedScore:
    """S(theta; sigma_t, y) at every level of a variance-exploding ``ladder``; the torch twin of `Network`."""
    first, hidden, last = (torch.from_numpy(w) for w in (network.first, network.hidden, network.last))
    scale = math.sqrt(2 / network.width)

    def score(t: int, y: Tensor) -> Tensor:
        sigma = float(ladder.sigma[t])
        level = torch.ones_like(y[..., :1])
        z = torch.cat([y / math.sqrt(1 + sigma**2), 0.25 * math.log(sigma) * level, level], -1)
        state = scale * torch.relu(z @ first.T)
        for weight in hidden:
            state = scale * torch.relu(state @ weight.T)
        return state @ last.T

    return LearnedScore(score)
