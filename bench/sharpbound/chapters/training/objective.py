"""The denoising score matching objective on fixed data and fixed noise.

    L(theta) = 1/(2n) sum_i sum_j beta_j |sigma_j S(theta; sigma_j, X_ij) + xi_ij|^2,
    X_ij = x_i + sigma_j xi_ij,

with beta_j the *total* weight of level j (Wang, He & Tao 2406.12839).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.training.network import Network, features

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """``data`` (n, d), levels ``sigma`` (N,), total weights ``beta`` (N,), fixed ``noise`` (n, N, d)."""

    data: Array
    sigma: Array
    beta: Array
    noise: Array

    @classmethod
    def draw(cls, data: Array, sigma: Array, beta: Array, seed: int) -> Objective:
        """Fixed standard normal noise from ``seed``."""
        noise = np.random.default_rng(seed).standard_normal((len(data), len(sigma), data.shape[1]))
        return cls(data, np.asarray(sigma), np.asarray(beta), noise)

    @property
    def inputs(self) -> Array:
        """Network inputs z of all (i, j), shape (n N, d+2)."""
        x = self.data[:, None, :] + self.sigma[None, :, None] * self.noise
        return features(x.reshape(-1, x.shape[-1]), np.tile(self.sigma, len(self.data)))

    @property
    def row_scale(self) -> Array:
        """sqrt(beta_j) sigma_j of each row of ``inputs``, shape (n N, 1)."""
        return np.tile(np.sqrt(self.beta) * self.sigma, len(self.data))[:, None]

    def residuals(self, output: Array) -> Array:
        """sqrt(beta_j) (sigma_j S + xi_ij) for the network's output S (n N, d); L = |residuals|^2 / 2n."""
        root = np.tile(np.sqrt(self.beta), len(self.data))[:, None]
        return self.row_scale * output + root * self.noise.reshape(output.shape)

    def loss(self, residuals: Array) -> float:
        """L from the residuals."""
        return float((residuals**2).sum()) / (2 * len(self.data))

    def level_losses(self, residuals: Array) -> Array:
        """Each level's share of L, shape (N,)."""
        return (residuals.reshape(self.noise.shape) ** 2).sum((0, 2)) / (2 * len(self.data))

    def curvature(self, kernel: Array) -> Array:
        """H = D K D / n with D = diag(sqrt(beta) sigma): the linearised dynamics is r' = (1 - step H) r."""
        scale = np.repeat(self.row_scale[:, 0], self.data.shape[1])
        return scale[:, None] * kernel * scale / len(self.data)


def curvature_at(network: Network, objective: Objective) -> Array:
    """H of ``objective`` at ``network``."""
    return objective.curvature(network.tangent_kernel(objective.inputs))
