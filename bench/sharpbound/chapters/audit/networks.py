"""The perfect network for each convention of diffusers: what it is fed, and what it is expected to predict.

A scheduler sees only ``model_output``. Here that is computed from the exact score of a one-dimensional
target at the noise level that ``timestep`` stands for, so nothing but the scheduler's own error is left.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Level

NO_DATA = 1e-6
"""Where a is below this the network is given noise alone."""
LOUD = 1.5
"""The deviation of the first state above which it is not one of a process that preserves the variance."""


Output = Callable[[Any, Any, Level], Any]
"""(E[X0 | x], E[W | x], level) -> what a network is to return."""


class Field(Protocol):
    """What is asked of a target here: its score, and its mean where the noise is infinite."""

    def score(self, x: Tensor, a: float, sigma: float) -> Tensor: ...

    def moments(self) -> Any: ...


class Convention(ABC):
    """How a family of schedulers writes the state and asks for the prediction.

    clean, eps : E[X0 | x] and E[W | x] at a state x = a X0 + sigma W.
    """

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.config = config_of(scheduler)

    def start(self) -> Level:
        """Level of the state before the first step, after ``set_timesteps``."""
        return self.end(0)

    @abstractmethod
    def end(self, taken: int) -> Level:
        """Level of the state after the first ``taken`` calls of ``step``."""

    @abstractmethod
    def stands_for(self, timestep: float) -> Level:
        """The level at which the network is asked by ``timestep``."""

    @abstractmethod
    def timestep_of(self, level: Level) -> float:
        """The timestep that stands for ``level``."""

    @abstractmethod
    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        """What the network returns at ``level``."""

    def unscaled(self, x: Tensor, level: Level) -> Tensor:
        """The state of which ``x`` is the network's input."""
        return x

    def predict(self, target: Field, x: Tensor, timestep: Any) -> Tensor:
        """The network's output for its input ``x`` at ``timestep``, from the exact score."""
        return self.predict_at(target, x, self.stands_for(float(timestep)), self.output)

    def predict_at(self, target: Field, x: Tensor, level: Level, told: Output) -> Tensor:
        """What a network that tells ``told`` gives for its input ``x`` at ``level``."""
        a, sigma = level
        state = self.unscaled(x, level)
        if a < NO_DATA:  # X0 and x are independent
            clean = torch.full_like(x, float(target.moments().mean[0]))
            told_there: Tensor = told(clean, state / sigma, level)
            return told_there
        eps = -sigma * target.score(state.reshape(-1, 1), *level).reshape(state.shape)
        found: Tensor = told((state - sigma * eps) / a, eps, level)
        return found

    def levels(self) -> list[Level]:
        """Of the state after 0, 1, ... calls, by ``sigmas`` where the scheduler has them."""
        return [self.end(taken) for taken in range(len(self.scheduler.timesteps) + 1)]


class Discrete(Convention):
    """A table of alpha_bar over integer timesteps; between them, log sigma is linear in the timestep."""

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        table = np.asarray(scheduler.alphas_cumprod, dtype=float)
        self.log_sigma = 0.5 * np.log((1 - table) / table)  # of X/a
        self._timesteps = np.arange(float(len(table)))

    def stands_for(self, timestep: float) -> Level:
        return vp(math.exp(float(np.interp(timestep, self._timesteps, self.log_sigma))))

    def timestep_of(self, level: Level) -> float:
        a, sigma = level
        return float(np.interp(math.log(sigma / a), self.log_sigma, self._timesteps)) if sigma else -1.0

    def end(self, taken: int) -> Level:
        scheduler = self.scheduler
        if taken < len(scheduler.timesteps):
            return self.stands_for(float(scheduler.timesteps[taken]))
        if hasattr(scheduler, "final_alpha_cumprod"):
            last = float(scheduler.final_alpha_cumprod)
            return math.sqrt(last), math.sqrt(1 - last)
        sigmas = getattr(scheduler, "sigmas", None)
        return (1.0, 0.0) if sigmas is None else vp(float(sigmas[-1]))

    def levels(self) -> list[Level]:
        calls, sigmas = len(self.scheduler.timesteps), getattr(self.scheduler, "sigmas", ())
        return [vp(float(s)) for s in sigmas] if len(sigmas) == calls + 1 else super().levels()

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        a, sigma = level
        return predicted(self.config, clean, eps, a, sigma)


class Exploding(Discrete):
    """The same, with the state in units where a = 1: sigmas are those of X/a."""

    def end(self, taken: int) -> Level:
        """Two-stage schedulers list the timestep of their second stage too: sigmas go along with them."""
        return 1.0, float(self.scheduler.sigmas[taken])

    def levels(self) -> list[Level]:
        """Methods that stop between two sigmas tell it by the timestep alone."""
        if not hasattr(self.scheduler, "sigmas_interpol"):
            return Convention.levels(self)
        asked = [self.stands_for(float(timestep)) for timestep in self.scheduler.timesteps]
        return [*((1.0, sigma / a) for a, sigma in asked), (1.0, float(self.scheduler.sigmas[-1]))]

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        a, sigma = level
        return super().output(clean, eps, vp(sigma / a))


class Karras(Convention):
    """The preconditioned network of EDM: D(x) = c_skip x + c_out F(c_in x; log(sigma)/4)."""

    def end(self, taken: int) -> Level:
        return 1.0, float(self.scheduler.sigmas[taken])

    def stands_for(self, timestep: float) -> Level:
        return 1.0, math.exp(4 * timestep)

    def timestep_of(self, level: Level) -> float:
        return 0.25 * math.log(level[1]) if level[1] else -math.inf

    def unscaled(self, x: Tensor, level: Level) -> Tensor:
        return x * math.hypot(level[1], self.config["sigma_data"])

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        sigma, data = level[1], self.config["sigma_data"]
        total = math.hypot(sigma, data)
        out = {"epsilon": sigma * data / total, "v_prediction": -sigma * data / total}
        skipped = (data / total) ** 2 * (clean + sigma * eps)
        return (clean - skipped) / out[prediction_type(self.config, out)]


class Flow(Convention):
    """Flow matching: x = (1 - sigma) X0 + sigma W, and the prediction is E[W - X0 | x]; timesteps are N sigma."""

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        told = float(scheduler.timesteps[0]) / float(scheduler.sigmas[0])
        self.N = float(self.config.get("num_train_timesteps", round(told)))

    def end(self, taken: int) -> Level:
        sigma = float(self.scheduler.sigmas[taken])
        return 1 - sigma, sigma

    def stands_for(self, timestep: float) -> Level:
        sigma = timestep / self.N
        return 1 - sigma, sigma

    def timestep_of(self, level: Level) -> float:
        a, sigma = level
        return sigma / (a + sigma) * self.N

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        return eps - clean


class Exposed(Convention):
    """States X0 + sigma W of a scheduler without a table: its timesteps are its sigmas."""

    def end(self, taken: int) -> Level:
        return 1.0, float(self.scheduler.sigmas[taken])

    def stands_for(self, timestep: float) -> Level:
        return 1.0, timestep

    def timestep_of(self, level: Level) -> float:
        return level[1] / level[0]

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        return predicted(self.config, clean, eps, *vp(level[1]))


class Angle(Convention):
    """iPNDM: a = cos(phi), sigma = sin(phi), timestep = 2 phi/pi, and a v-prediction a eps - sigma X0."""

    def end(self, taken: int) -> Level:
        return float(self.scheduler.alphas[taken]), float(self.scheduler.betas[taken])

    def stands_for(self, timestep: float) -> Level:
        phi = 0.5 * math.pi * timestep
        return math.cos(phi), math.sin(phi)

    def timestep_of(self, level: Level) -> float:
        return math.atan2(level[1], level[0]) / (0.5 * math.pi)

    def output(self, clean: Any, eps: Any, level: Level) -> Any:
        a, sigma = level
        return a * eps - sigma * clean


CONVENTIONS: dict[str, type[Convention]] = {
    "DDIMParallelScheduler": Discrete,
    "DDIMScheduler": Discrete,
    "DDPMParallelScheduler": Discrete,
    "DDPMScheduler": Discrete,
    "CogVideoXDDIMScheduler": Discrete,
    "DEISMultistepScheduler": Discrete,
    "DPMSolverMultistepScheduler": Discrete,
    "DPMSolverSinglestepScheduler": Discrete,
    "EDMDPMSolverMultistepScheduler": Karras,
    "EDMEulerScheduler": Karras,
    "EulerAncestralDiscreteScheduler": Exploding,
    "EulerDiscreteScheduler": Exploding,
    "FlowMatchEulerDiscreteScheduler": Flow,
    "FlowMatchHeunDiscreteScheduler": Flow,
    "HeunDiscreteScheduler": Exploding,
    "IPNDMScheduler": Angle,
    "KDPM2AncestralDiscreteScheduler": Exploding,
    "KDPM2DiscreteScheduler": Exploding,
    "LMSDiscreteScheduler": Exploding,
    "PNDMScheduler": Discrete,
    "SASolverScheduler": Discrete,
    "UniPCMultistepScheduler": Discrete,
}
"""How each of the schedulers of diffusers that are driven writes its state."""

STATES: dict[str, type[Convention]] = {
    "discrete": Discrete,
    "exploding": Exploding,
    "edm": Karras,
    "flow": Flow,
    "sigma": Exposed,
}
"""How a scheduler of another project may write its state."""


def convention_of(scheduler: Any, state: str = "") -> Convention:
    """How ``scheduler`` writes its state, after ``set_timesteps``.

    state : a name in `STATES`; by default what its tables and its configuration say. InputError where they do not.
    """
    if state:
        return STATES[state](scheduler)
    config = config_of(scheduler)
    if config.get("prediction_type") == "flow_prediction":
        return Flow(scheduler)
    if type(scheduler).__module__.split(".")[0] == "diffusers":
        return CONVENTIONS[type(scheduler).__name__](scheduler)
    if "sigma_data" in config:
        return Karras(scheduler)
    sigmas = getattr(scheduler, "sigmas", None)
    if hasattr(scheduler, "alphas_cumprod"):
        loud = sigmas is not None and float(getattr(scheduler, "init_noise_sigma", 1.0)) > LOUD
        return (Exploding if loud else Discrete)(scheduler)
    if sigmas is not None and float(max(sigmas)) <= 1:
        return Flow(scheduler)
    if sigmas is not None and np.allclose(sigmas[: len(scheduler.timesteps)], scheduler.timesteps):
        return Exposed(scheduler)
    raise InputError(
        "it has neither alphas_cumprod nor sigma_data nor sigmas up to 1, nor sigmas for its timesteps, so how it "
        f"writes its state is not known; choose {', '.join(STATES)}",
        key="audit.state",
    )


def vp(sigma: float) -> Level:
    """The variance-preserving level of sigma = sigma/a."""
    total = math.hypot(1.0, sigma)
    return 1 / total, sigma / total


def config_of(scheduler: Any) -> dict[str, Any]:
    """The scheduler's configuration: its ``config``, a mapping or an object, or else its own attributes."""
    config = getattr(scheduler, "config", scheduler)
    return dict(config) if isinstance(config, Mapping) else dict(vars(config))


def predicted(config: Mapping[str, Any], clean: Any, eps: Any, a: float, sigma: float) -> Any:
    """The prediction of the type that a configuration says."""
    kinds = {
        "epsilon": lambda: eps,
        "v_prediction": lambda: a * eps - sigma * clean,
        "sample": lambda: clean,
    }
    return kinds[prediction_type(config, kinds)]()


def prediction_type(config: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    """The prediction type of a configuration; InputError where there is no analytic model for it."""
    name = str(config.get("prediction_type", "epsilon"))
    if name not in kinds:
        raise InputError(
            f"there is no analytic model for the prediction type {name!r}; use {', '.join(kinds)}",
            key="audit.options",
        )
    return name
