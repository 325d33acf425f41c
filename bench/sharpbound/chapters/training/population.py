"""What a trained network is worth, exactly, on the line: population loss and path KL by quadrature.

The training loss of fixed noise can reach zero; the population loss cannot go below the Bayes loss:

    E |sigma S + xi|^2 = [1 - v I(v)] + v E |S - score|^2,      v = sigma^2,

so the score error of a network, and through it the path KL of the sampler that uses it, is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.chapters.training.network import Network, features
from sharpbound.marginals.expectation import law_panels
from sharpbound.numerics.quadrature import Panels
from sharpbound.targets.base import Target1D

Array = NDArray[np.float64]

NODES = 10
"""Per panel: exact to degree 19, where `law_panels` resolve the law by degree 15 and a network adds 2."""


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
    """The noised laws of the levels ``sigma`` (N,), for any number of networks."""

    def __init__(self, target: Target1D, sigma: Array) -> None:
        self._target, self._sigma = target, sigma.tolist()
        panels = [law_panels(target, 1.0, level) for level in self._sigma]
        self._edges = [np.append(each.lo, each.hi[-1]) for each in panels]
        self._bayes = np.array(
            [
                1 - level**2 * self._mean_square(level, each, lambda x, score: score)
                for level, each in zip(self._sigma, panels, strict=True)
            ]
        )

    def loss(self, network: Network) -> PopulationLoss:
        """Exact loss of ``network`` at each level on fresh data and noise.

        A ReLU network on the line is linear between its kinks, so that these are edges of the panels.
        """
        error = []
        for level, edges in zip(self._sigma, self._edges, strict=True):
            kinks = network.kinks(level, edges[0], edges[-1])
            output = network(features(kinks[:, None], np.full(len(kinks), level)))[:, 0]
            panels = Panels.between(np.unique(np.concatenate([edges, kinks])), NODES)

            def miss(x: Array, score: Array, kinks: Array = kinks, output: Array = output) -> Array:
                return np.interp(x, kinks, output) - score

            error.append(level**2 * self._mean_square(level, panels, miss))
        return PopulationLoss(self._bayes, np.array(error))

    def _mean_square(self, level: float, panels: Panels, f: Callable[[Array, Array], Array]) -> float:
        """E f(x, score)^2."""
        x = torch.from_numpy(panels.nodes)
        log_p, score = self._target.derivatives(x, 1.0, level, (0, 1))
        return panels.integrate(log_p.exp().numpy() * f(panels.nodes, score.numpy()) ** 2)


def population_loss(network: Network, target: Target1D, sigma: Array) -> PopulationLoss:
    """Exact loss of ``network`` at each level of ``sigma`` (N,) on fresh data and noise."""
    return Population(target, sigma).loss(network)
