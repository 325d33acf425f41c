"""The perfect network for each convention of diffusers: what it is fed, and what it is expected to predict.

A scheduler sees only ``model_output``. Here that is computed from the exact score of a one-dimensional
target at the noise level that ``timestep`` stands for, so nothing but the scheduler's own error is left.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Level
from sharpbound.targets.base import Target1D


def _score(target: Target1D, x: Tensor, level: Level) -> Tensor:
    return target.score(x.reshape(-1, 1), *level).reshape(x.shape)


def _posterior_mean(target: Target1D, x: Tensor, level: Level) -> Tensor:
    """E[X0 | a X0 + sigma W = x] = (x + sigma^2 s(x)) / a (Tweedie)."""
    a, sigma = level
    return (x + sigma**2 * _score(target, x, level)) / a


class Convention(ABC):
    """How a family of schedulers writes the state and asks for the prediction."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    @abstractmethod
    def start(self) -> Level:
        """Level of the state before the first step, after ``set_timesteps``."""

    @abstractmethod
    def end(self, taken: int) -> Level:
        """Level of the state after the first ``taken`` calls of ``step``."""

    @abstractmethod
    def predict(self, target: Target1D, x: Tensor, timestep: Any) -> Tensor:
        """The prediction for the scaled input ``x`` at ``timestep``."""


class Discrete(Convention):
    """A table of alpha_bar over integer timesteps; between them, log sigma is linear in the timestep."""

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        table = scheduler.alphas_cumprod.double().numpy()
        self._log_sigma = 0.5 * np.log((1 - table) / table)  # of X/a
        self._timesteps = np.arange(len(table))

    def _level(self, timestep: float) -> Level:
        return vp(math.exp(float(np.interp(timestep, self._timesteps, self._log_sigma))))

    def start(self) -> Level:
        return self._level(float(self.scheduler.timesteps[0]))

    def end(self, taken: int) -> Level:
        scheduler = self.scheduler
        if taken < len(scheduler.timesteps):
            return self._level(float(scheduler.timesteps[taken]))
        if hasattr(scheduler, "final_alpha_cumprod"):
            last = float(scheduler.final_alpha_cumprod)
            return math.sqrt(last), math.sqrt(1 - last)
        sigmas = getattr(scheduler, "sigmas", None)
        return (1.0, 0.0) if sigmas is None else vp(float(sigmas[-1]))

    def predict(self, target: Target1D, x: Tensor, timestep: Any) -> Tensor:
        a, sigma = level = self._level(float(timestep))
        eps = -sigma * _score(target, x, level)
        clean = (x - sigma * eps) / a
        kinds = {"epsilon": eps, "v_prediction": a * eps - sigma * clean, "sample": clean}
        return kinds[prediction_type(self.scheduler, kinds)]


class Exploding(Discrete):
    """The same, with the state in units where a = 1: sigmas are those of X/a."""

    def start(self) -> Level:
        return 1.0, float(self.scheduler.sigmas[0])

    def end(self, taken: int) -> Level:
        """Two-stage schedulers list the timestep of their second stage too: sigmas go along with them."""
        return 1.0, float(self.scheduler.sigmas[taken])


class Karras(Convention):
    """The preconditioned network of EDM: D(x) = c_skip x + c_out F(c_in x; log(sigma)/4)."""

    def start(self) -> Level:
        return 1.0, float(self.scheduler.sigmas[0])

    def end(self, taken: int) -> Level:
        return 1.0, float(self.scheduler.sigmas[taken])

    def predict(self, target: Target1D, x: Tensor, timestep: Any) -> Tensor:
        sigma, data = math.exp(4 * float(timestep)), self.scheduler.config.sigma_data
        total = math.hypot(sigma, data)
        state = x * total
        clean = _posterior_mean(target, state, (1.0, sigma))
        out = {"epsilon": sigma * data / total, "v_prediction": -sigma * data / total}
        return (clean - (data / total) ** 2 * state) / out[prediction_type(self.scheduler, out)]


class Flow(Convention):
    """Flow matching: x = (1 - sigma) X0 + sigma W, and the prediction is E[W - X0 | x]."""

    def start(self) -> Level:
        return self._at(0)

    def end(self, taken: int) -> Level:
        return self._at(taken)

    def _at(self, index: int) -> Level:
        sigma = float(self.scheduler.sigmas[index])
        return 1 - sigma, sigma

    def predict(self, target: Target1D, x: Tensor, timestep: Any) -> Tensor:
        sigma = float(timestep) / self.scheduler.config.num_train_timesteps
        if sigma >= 1:
            return x - float(target.moments().mean[0])  # X0 and x are independent
        clean = _posterior_mean(target, x, (1 - sigma, sigma))
        return (x - clean) / sigma


class Angle(Convention):
    """iPNDM: a = cos(phi), sigma = sin(phi), timestep = 2 phi/pi, and a v-prediction a eps - sigma X0."""

    def start(self) -> Level:
        return self._at(0)

    def end(self, taken: int) -> Level:
        return self._at(taken)

    def _at(self, index: int) -> Level:
        return float(self.scheduler.alphas[index]), float(self.scheduler.betas[index])

    def predict(self, target: Target1D, x: Tensor, timestep: Any) -> Tensor:
        phi = 0.5 * math.pi * float(timestep)
        a, sigma = math.cos(phi), math.sin(phi)
        eps = -sigma * _score(target, x, (a, sigma))
        if a < 1e-6:
            return a * eps - sigma * torch.full_like(x, float(target.moments().mean[0]))
        return a * eps - sigma * _posterior_mean(target, x, (a, sigma))


def vp(sigma: float) -> Level:
    """The variance-preserving level of sigma = sigma/a."""
    total = math.hypot(1.0, sigma)
    return 1 / total, sigma / total


def prediction_type(scheduler: Any, kinds: dict[str, Any]) -> str:
    """The scheduler's prediction type; InputError where there is no analytic model for it."""
    name = str(scheduler.config.get("prediction_type", "epsilon"))
    if name not in kinds:
        raise InputError(
            f"there is no analytic model for the prediction type {name!r}; use {', '.join(kinds)}",
            key="audit.options",
        )
    return name
