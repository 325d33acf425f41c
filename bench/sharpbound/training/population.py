"""What a trained network is worth, exactly, on the line: population loss and path KL by quadrature.

The training loss of fixed noise can reach zero; the population loss cannot go below the Bayes loss:

    E |sigma S + xi|^2 = [1 - v I(v)] + v E |S - score|^2,      v = sigma^2,

so the score error of a network, and through it the path KL of the sampler that uses it, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.laws.expectation import law_nodes
from sharpbound.targets.base import Target1D
from sharpbound.training.network import Network, features

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PopulationLoss:
    """Per level (N,): Bayes loss 1 - v I(v), and normalised score error v E|S - score|^2."""

    bayes: Array
    score_error: Array

    @property
    def total(self) -> Array:
        """E |sigma S + xi|^2 of each level."""
        return self.bayes + self.score_error


class Population:
    """Nodes of the noised law at each of the levels ``sigma`` (N,), for any number of networks."""

    def __init__(self, target: Target1D, sigma: Array) -> None:
        self._levels = []
        for level in sigma.tolist():
            x, weight = law_nodes(target, 1.0, level)
            score = target.derivative(x, 1.0, level, 1).numpy()
            z = features(x.numpy()[:, None], np.full(len(x), level))
            self._levels.append((level**2, z, score, weight.numpy()))
        self._bayes = np.array([1 - v * float(weight @ score**2) for v, _, score, weight in self._levels])

    def loss(self, network: Network) -> PopulationLoss:
        """Exact loss of ``network`` at each level on fresh data and noise."""
        error = [v * float(weight @ (network(z)[:, 0] - score) ** 2) for v, z, score, weight in self._levels]
        return PopulationLoss(self._bayes, np.array(error))


def population_loss(network: Network, target: Target1D, sigma: Array) -> PopulationLoss:
    """Exact loss of ``network`` at each level of ``sigma`` (N,) on fresh data and noise."""
    return Population(target, sigma).loss(network)
