"""Small ReLU networks trained by denoising score matching, many seeds at once.

At noise level (a, sigma) a network S: R^d -> R^d is fitted to m pairs (x_i, z_i) by full-batch Adam on

    (1/m) sum_i |sigma S(a x_i + sigma z_i) + z_i|^2,    z_i ~ N(0, I) drawn once per sample,

the empirical risk that the theorems speak of. Seeds (data, noise and initial weights) are independent
and are trained together as one batched network. What is measured is the error of the trained network:
approximation, optimisation and estimation together. An exponent in m fitted to it describes that range
of m and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from sharpbound.errors import InputError
from sharpbound.marginals.panels import marginal_panels
from sharpbound.targets.base import Target, Target1D

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """Architecture and optimiser. ``depth`` counts hidden layers."""

    width: int = 16
    depth: int = 2
    steps: int = 400
    rate: float = 1e-2

    def __post_init__(self) -> None:
        for key in ("width", "depth", "steps"):
            if getattr(self, key) < 1:
                raise InputError(f"must be a positive integer, got {getattr(self, key)}", key=key)
        if not self.rate > 0:
            raise InputError(f"must be positive, got {self.rate:g}", key="rate")


@dataclass(frozen=True)
class ScoreErrors:
    """Errors of trained networks: shape (seeds,), and (seeds, len(deltas)) for ``robust``."""

    l2: Array
    robust: Array
    loss: Array
    """The final empirical risk."""


class ScoreNetwork(torch.nn.Module):
    """y -> sigma score(y): ``depth`` hidden ReLU layers of ``width`` units."""

    def __init__(self, dim: int, training: Training, generator: torch.Generator) -> None:
        super().__init__()
        sizes = [dim, *[training.width] * training.depth, dim]
        self.layers = torch.nn.ModuleList()
        for fan_in, fan_out in pairwise(sizes):
            layer = torch.nn.Linear(fan_in, fan_out, dtype=torch.float64)
            with torch.no_grad():  # He's initialisation, from our own generator
                layer.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
                layer.bias.uniform_(-1, 1, generator=generator)
            self.layers.append(layer)

    def forward(self, y: Tensor) -> Tensor:
        for layer in list(self.layers)[:-1]:
            y = torch.relu(layer(y))
        return self.layers[-1](y)


@dataclass(frozen=True)
class TrainedNetworks:
    """Networks of several seeds with the noise they were trained at."""

    skeleton: ScoreNetwork
    parameters: dict[str, Tensor]
    sigma: Tensor
    """(seeds,)"""
    loss: Array

    def scores(self, y: Tensor) -> Tensor:
        """(seeds, ..., d) scores at the points y (..., d)."""
        return vmap(lambda p, sigma: functional_call(self.skeleton, p, (y,)) / sigma)(
            self.parameters, self.sigma
        )

    def score(self, seed: int, y: Tensor) -> Tensor:
        """(..., d) scores of one seed's network; differentiable in forward mode."""
        return functional_call(self.skeleton, self.of(seed), (y,)) / self.sigma[seed]

    def of(self, seed: int) -> dict[str, Tensor]:
        """The weights and biases of one seed's network."""
        return {k: v[seed] for k, v in self.parameters.items()}


def train(
    target: Target, a: ArrayLike, sigma: ArrayLike, m: int, training: Training, seeds: int, seed: int
) -> TrainedNetworks:
    """``seeds`` networks, each on its own m samples; seed k is the same whatever their number.

    a, sigma : the noise level of all networks, or one for each.
    """
    a, sigma = (torch.from_numpy(np.broadcast_to(x, seeds).astype(np.float64)) for x in (a, sigma))
    generators = [
        torch.Generator().manual_seed(int(state))
        for state in np.random.SeedSequence([seed, m]).generate_state(seeds, np.uint64) >> np.uint64(1)
    ]
    x = torch.stack([target.sample(m, g) for g in generators])
    z = torch.stack([torch.randn(m, target.dim, generator=g, dtype=torch.float64) for g in generators])
    networks = [ScoreNetwork(target.dim, training, g) for g in generators]
    parameters = {k: v.detach().requires_grad_() for k, v in stack_module_state(networks)[0].items()}
    y = a[:, None, None] * x + sigma[:, None, None] * z

    def risk() -> Tensor:
        return ((together(parameters, y) + z) ** 2).sum(-1).mean(-1)

    optimiser = torch.optim.Adam(parameters.values(), lr=training.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    for _ in range(training.steps):
        optimiser.zero_grad()
        risk().sum().backward()  # the sum leaves every seed its own gradient
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        loss = risk().numpy()
    return TrainedNetworks(networks[0], {k: v.detach() for k, v in parameters.items()}, sigma, loss)


def together(parameters: Mapping[str, Tensor], y: Tensor) -> Tensor:
    """`ScoreNetwork` of each seed at points of its own, (seeds, n, d) -> (seeds, n, d), a product for each layer."""
    last = len(parameters) // 2 - 1
    for layer in range(last + 1):
        weight, bias = (parameters[f"layers.{layer}.{part}"] for part in ("weight", "bias"))
        y = y @ weight.mT + bias.unsqueeze(-2)
        y = torch.relu(y) if layer < last else y
    return y


def score_errors(
    networks: TrainedNetworks, target: Target, a: float, sigma: float, deltas: list[float]
) -> ScoreErrors:
    """||S - s||_{L2(p)} and D^delta_p(S, s) of each network: by quadrature on the line, else on draws."""
    y, weight = test_points(target, a, sigma)
    with torch.no_grad():
        gap = torch.linalg.vector_norm(networks.scores(y) - target.score(y, a, sigma), dim=-1).numpy()
    return ScoreErrors(
        l2=np.sqrt(gap**2 @ weight),
        robust=np.array([[robust_distance(g, weight, delta) for delta in deltas] for g in gap]),
        loss=networks.loss,
    )


def robust_distance(gap: Array, weight: Array, delta: float) -> float:
    """D^delta = min{e : P(gap >= e) <= delta} for a gap known at points of probability ``weight``.

    On finitely many points that infimum is the smallest occurring e with P(gap > e) <= delta, the
    (1 - delta)-quantile. By Markov's inequality D^delta <= (E gap^2)^{1/2}/sqrt(delta).
    """
    order = np.argsort(gap)
    above = np.cumsum(weight[order][::-1])[::-1] - weight[order]
    return float(gap[order][np.argmax(above <= delta)])


def test_points(target: Target, a: float, sigma: float) -> tuple[Tensor, Array]:
    """Points (n, d) and their weights (n,) under the law of a X0 + sigma W: a quadrature on the line, else draws
    with a seed of their own.
    """
    if isinstance(target, Target1D):
        panels = marginal_panels(target, a, sigma)
        y = torch.as_tensor(panels.nodes.reshape(-1, 1))
        weight = panels.weights.ravel() * target.log_density(y, a, sigma).exp().numpy()
        return y, weight / weight.sum()
    generator = torch.Generator().manual_seed(0)
    x = target.sample(20_000, generator)
    y = a * x + sigma * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    return y, np.full(len(y), 1 / len(y))
