"""The deep ReLU network of the theory: first and last layers frozen, hidden layers trained.

    h_0 = c relu(A z),   h_l = c relu(W_l h_{l-1}),   S = B h_L,      c = sqrt(2/m),

with A, B, W_l ~ N(0, 1) at initialisation (Wang, He & Tao 2406.12839; tangent-kernel scaling, so that
outputs, gradients and the kernel have limits as the width m grows). Forward, backward and the tangent
kernel are written out in numpy: for a layered network the kernel is a sum of Hadamard products,

    K[(o,a),(o',b)] = sum_l <g_l^o(a), g_l^o'(b)> <h_{l-1}(a), h_{l-1}(b)>,   g_l^o = dS_o / d(W_l h_{l-1}),

and needs no Jacobian of m^2 columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import InputError
from sharpbound.numerics.bends import bends

Array = NDArray[np.float64]


def features(x: Array, sigma: Array) -> Array:
    """Network input z = (x / sqrt(1 + sigma^2), log(sigma)/4, 1): x of shape (n, d), sigma (n,) -> (n, d+2).

    The scalings are those of EDM (2206.00364, table 1) for data of unit size. The constant coordinate
    keeps distinct inputs from being parallel, without which the kernel would be singular.
    """
    return np.column_stack([x / np.sqrt(1 + sigma**2)[:, None], 0.25 * np.log(sigma), np.ones(len(x))])


@dataclass(frozen=True)
class Network:
    """Weights of one network: ``first`` (m, d+2) and ``last`` (d, m) frozen, ``hidden`` (L, m, m) trained."""

    first: Array
    hidden: Array
    last: Array

    @property
    def width(self) -> int:
        return self.first.shape[0]

    @classmethod
    def initial(cls, dim: int, width: int, depth: int, seed: int) -> Network:
        """Independent N(0, 1) weights from ``seed``; ``depth`` trained layers of ``width`` units."""
        if width < 1 or depth < 1:
            raise InputError(
                f"a network needs width >= 1 and depth >= 1, got {width}, {depth}", key="training"
            )
        draw = np.random.default_rng(seed).standard_normal
        return cls(draw((width, dim + 2)), draw((depth, width, width)), draw((dim, width)))

    def forward(self, z: Array) -> list[Array]:
        """h_0..h_L, each (n, m)."""
        scale = math.sqrt(2 / self.width)
        states = [scale * np.maximum(z @ self.first.T, 0)]
        for weight in self.hidden:
            states.append(scale * np.maximum(states[-1] @ weight.T, 0))
        return states

    def kinks(self, sigma: float, lo: float, hi: float) -> Array:
        """Where S(x; sigma) bends on [lo, hi], ends included (`bends`). For dimension 1."""

        def into(layer: int, x: Array) -> Array:
            z = features(x[:, None], np.full(len(x), sigma))
            return self.forward(z)[layer - 1] @ self.hidden[layer - 1].T if layer else z @ self.first.T

        return bends([partial(into, layer) for layer in range(len(self.hidden) + 1)], lo, hi)

    def _pull_back(self, states: list[Array], gradient: Array) -> list[Array]:
        """g_1..g_L (n, m) for the gradient (n, d) of a loss in S: derivatives in the preactivations."""
        scale = math.sqrt(2 / self.width)
        pulled = [scale * (states[-1] > 0) * (gradient @ self.last)]
        for weight, state in zip(self.hidden[:0:-1], states[-2:0:-1], strict=True):
            pulled.append(scale * (state > 0) * (pulled[-1] @ weight))
        return pulled[::-1]

    def __call__(self, z: Array) -> Array:
        """S at inputs z (n, d+2), shape (n, d)."""
        return self.output(self.forward(z))

    def output(self, states: list[Array]) -> Array:
        """S (n, d) from the states of `forward`."""
        return states[-1] @ self.last.T

    def gradient(self, states: list[Array], gradient: Array) -> list[Array]:
        """Gradient in each layer of ``hidden`` (m, m) of a loss whose gradient in S is ``gradient`` (n, d)."""
        pulled = self._pull_back(states, gradient)
        return [g.T @ h for g, h in zip(pulled, states[:-1], strict=True)]

    def tangent_kernel(self, z: Array) -> Array:
        """K (n d, n d), rows ordered (sample, output): inner products of dS_o(z_a)/d hidden."""
        states = self.forward(z)
        n, dim = len(z), len(self.last)
        pulled = [self._pull_back(states, np.tile(unit, (n, 1))) for unit in np.eye(dim)]
        kernel = np.zeros((n, dim, n, dim))
        for layer, state in enumerate(states[:-1]):
            g = np.stack([output[layer] for output in pulled], axis=1).reshape(n * dim, -1)
            kernel += (g @ g.T).reshape(kernel.shape) * (state @ state.T)[:, None, :, None]
        return kernel.reshape(n * dim, n * dim)
