"""Full-batch gradient descent, and what the tangent kernel at initialisation predicts of it.

In the lazy regime (wide networks) the residuals follow r_{k+1} = (1 - step H) r_k with the *fixed* H =
D K D / n of initialisation, so the whole loss curve is known from the spectrum of H:

    L_k = 1/(2n) sum_i c_i^2 (1 - step lambda_i)^{2k},     c = coordinates of r_0 in the eigenbasis,

and the rate at late times is that of the smallest eigenvalue, -2 log|1 - step lambda_min| per iteration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.training.network import Network
from sharpbound.chapters.training.objective import Objective, curvature_at
from sharpbound.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Spectrum of H, and the loss curve of the linearised dynamics."""

    eigenvalues: Array
    """Increasing, shape (n N d,)."""
    energies: Array
    """c_i^2 / 2n: the part of the first loss in each eigendirection."""

    @property
    def stable_step(self) -> float:
        """Steps below 2 / lambda_max do not diverge; 1 / lambda_max is the largest without overshooting."""
        largest = float(self.eigenvalues[-1])
        if not largest > 0:
            raise InputError(
                "this network does not learn at all: its tangent kernel is 0; widen it", key="training"
            )
        return 1 / largest

    def losses(self, step: float, iterations: Array) -> Array:
        """L_k at each k of ``iterations``."""
        factors = 1 - step * self.eigenvalues
        return factors ** (2 * np.asarray(iterations)[:, None]) @ self.energies

    def late_rate(self, step: float) -> float:
        """-d log L / dk as k -> infinity: -2 log max |1 - step lambda_i|."""
        return -2 * float(np.log(np.abs(1 - step * self.eigenvalues).max()))


def predict(network: Network, objective: Objective) -> Prediction:
    """The linearised dynamics at ``network``."""
    eigenvalues, vectors = np.linalg.eigh(curvature_at(network, objective))
    residuals = objective.residuals(network(objective.inputs)).ravel()
    energies = (vectors.T @ residuals) ** 2 / (2 * len(objective.data))
    return Prediction(np.maximum(eigenvalues, 0.0), energies)


@dataclass(frozen=True)
class Run:
    """A finished descent: losses before each iteration and after the last (iterations + 1,)."""

    network: Network
    losses: Array
    level_losses: Array
    """Each level's share, (iterations + 1, N)."""

    def rate(self, last: float = 0.5) -> float:
        """Measured -d log L / dk over the last part of the run, by least squares."""
        start = int(len(self.losses) * (1 - last))
        k = np.arange(start, len(self.losses))
        return -float(np.polynomial.polynomial.polyfit(k, np.log(self.losses[start:]), 1)[1])


def descend(network: Network, objective: Objective, step: float, iterations: int) -> Run:
    """``iterations`` of full-batch gradient descent on the hidden layers."""
    z, scale, n = objective.inputs, objective.row_scale, len(objective.data)
    shares = []
    network = replace(network, hidden=network.hidden.copy())  # in place from here on: wide layers are large
    for _ in range(iterations):
        states = network.forward(z)
        residuals = objective.residuals(network.output(states))
        shares.append(objective.level_losses(residuals))
        gradients = network.gradient(states, scale * residuals / n)
        for weight, gradient in zip(network.hidden, gradients, strict=True):
            gradient *= step
            weight -= gradient
    shares.append(objective.level_losses(objective.residuals(network(z))))
    level_losses = np.array(shares)
    return Run(network, level_losses.sum(1), level_losses)


def kernel_drift(before: Network, after: Network, objective: Objective) -> float:
    """|K_after - K_before| / |K_before| (Frobenius): 0 in the lazy limit."""
    first, last = (net.tangent_kernel(objective.inputs) for net in (before, after))
    return float(np.linalg.norm(last - first) / np.linalg.norm(first))
