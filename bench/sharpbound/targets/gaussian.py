"""Normal laws, on the line and in R^d: the targets for which every linear sampler is exact algebra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.special import log_ndtr

from sharpbound.bounds import MAX_DENSE
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target, Target1D
from sharpbound.targets.facts import Facts, of_normal
from sharpbound.targets.parameters import Numbers

_OFFSETS = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0], dtype=torch.float64)


def gaussian(mean: Any, std: Any = None, cov: Any = None, dim: Any = None) -> Gaussian1D | GaussianND:
    """N(mean, std^2) or N(mean, cov); the dimension is the length of the parameters, or ``dim``.

    ``std``: a number or a list (a diagonal); ``cov``: a matrix (a number on the line). With
    ``dim``, numbers are repeated along every axis. Raises InputError for lengths that disagree,
    negative deviations, a matrix that is not a covariance.
    """
    mean, std, cov = (parameters.plain(value) for value in (mean, std, cov))
    if (std is None) == (cov is None):
        raise parameters.mistake("std", "give exactly one of std and cov")
    d = _dimension({"mean": mean, "std": std, "cov": cov}, dim)
    centre = _repeated(mean, "mean", d, least=-math.inf)
    if d == 1:
        if cov is None:
            return Gaussian1D(float(centre[0]), float(_repeated(std, "std", 1, least=0.0)[0]) ** 2)
        if isinstance(cov, (list, tuple)):
            return Gaussian1D(float(centre[0]), float(parameters.covariance(cov, "cov", dim=1)[0, 0]))
        return Gaussian1D(float(centre[0]), parameters.number(cov, "cov", least=0.0))
    if cov is None:
        return GaussianND(centre, _repeated(std, "std", d, least=0.0) ** 2)
    if isinstance(cov, (list, tuple)):
        return GaussianND(centre, parameters.covariance(cov, "cov", dim=d))
    return GaussianND(centre, _repeated(cov, "cov", d, least=0.0))


def _dimension(values: dict[str, Any], dim: Any) -> int:
    """``dim``, or the length of the lists among the parameters, which must agree."""
    lengths = {key: len(value) for key, value in values.items() if isinstance(value, (list, tuple))}
    if dim is not None:
        lengths["dim"] = parameters.integer(dim, "dim", least=1, most=MAX_DENSE)
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{key}: {length}" for key, length in lengths.items())
        raise parameters.mistake(next(iter(lengths)), f"dimensions disagree ({said}); make them equal")
    return next(iter(lengths.values()), 1)


def _repeated(value: Any, key: str, dim: int, *, least: float) -> Tensor:
    if isinstance(value, (list, tuple)):
        return parameters.vector(value, key, length=dim, least=least)
    return torch.full((dim,), parameters.number(value, key, least=least), dtype=torch.float64)


class Gaussian1D(Target1D):
    """N(mean, variance) on the line; ``variance = 0`` is a point mass."""

    family = "gaussian"

    def __init__(self, mean: float, variance: float) -> None:
        mean = parameters.number(mean, "mean")
        variance = parameters.number(variance, "variance", least=0.0)
        self.mean = torch.tensor([mean], dtype=torch.float64)
        self.cov = torch.tensor([[variance]], dtype=torch.float64)
        self._mean, self._variance = mean, variance
        self.has_density = variance > 0

    def _law(self, a: float, sigma: float) -> tuple[float, float]:
        """Mean and variance of a X0 + sigma W."""
        return a * self._mean, a * a * self._variance + sigma * sigma

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        mean, variance = self._law(a, sigma)

        def one(order: int) -> Tensor:
            if order == 0:
                return -0.5 * (x - mean) ** 2 / variance - 0.5 * math.log(2 * math.pi * variance)
            if order == 1:
                return -(x - mean) / variance
            return torch.full_like(x, -1 / variance if order == 2 else 0.0)

        return [one(order) for order in orders]

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        mean, variance = self._law(a, sigma)
        return log_ndtr((x - mean) / math.sqrt(variance))

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        mean, variance = self._law(a, sigma)
        return log_ndtr((mean - x) / math.sqrt(variance))

    def landmarks(self, a: float, sigma: float) -> Tensor:
        mean, variance = self._law(a, sigma)
        return mean + math.sqrt(variance) * torch.unique(torch.cat([-_OFFSETS, _OFFSETS]))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        return self.mean + math.sqrt(self._variance) * noise

    def facts(self) -> Facts:
        return of_normal(self.mean, self.cov.reshape(1), self.has_density)

    def moments(self) -> Moments:
        return Moments(self.mean, self.cov)


class GaussianND(Target):
    """N(mean, cov) in R^d; ``cov``: (d, d), or (d,) for a diagonal. Eigenpairs: ``spectrum``, ``axes``."""

    family = "gaussian"

    def __init__(self, mean: Numbers, cov: Numbers) -> None:
        self.mean = parameters.array(mean, "mean", None)
        self.dim = len(self.mean)
        sides = (self.dim, self.dim) if parameters.depth(cov, "cov") == 2 else (self.dim,)
        cov = parameters.array(cov, "cov", *sides)
        if cov.ndim == 1:
            self.spectrum, self.axes = cov, torch.eye(self.dim, dtype=torch.float64)
            self.cov = torch.diag(cov)
        else:
            self.spectrum, self.axes = torch.linalg.eigh(cov)
            self.spectrum = self.spectrum.clamp_min(0.0)
            self.cov = cov
        self.has_density = bool(self.spectrum.min() > 1e-14 * self.spectrum.max())

    def _precision(self, a: float, sigma: float) -> Tensor:
        return (self.axes / (a * a * self.spectrum + sigma * sigma)) @ self.axes.T

    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        v = a * a * self.spectrum + sigma * sigma
        z = (x - a * self.mean) @ self.axes
        return -0.5 * (z * z / v).sum(-1) - 0.5 * torch.log(2 * math.pi * v).sum()

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return (a * self.mean - x) @ self._precision(a, sigma)

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return (-self._precision(a, sigma)).expand(*x.shape, self.dim)

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return torch.zeros_like(x)

    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        return self._score(x, a, sigma), -dx @ self._precision(a, sigma)

    def _score_jacobian_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        jacobian = self._score_jacobian(x, a, sigma)
        return jacobian, torch.zeros_like(jacobian)

    def _grad_divergence_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(x), torch.zeros_like(x)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return self.mean + (torch.sqrt(self.spectrum) * noise) @ self.axes.T

    def facts(self) -> Facts:
        return of_normal(self.mean, self.spectrum, self.has_density)

    def moments(self) -> Moments:
        return Moments(self.mean, self.cov)
