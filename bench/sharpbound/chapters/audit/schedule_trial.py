"""A scheduler after ``set_timesteps``, as the checks of its schedule look at it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.chapters.audit.drive import Loop, copied, working
from sharpbound.chapters.audit.networks import Convention, Exposed, Flow
from sharpbound.laws.probe import Tape
from sharpbound.processes.ladder import Level
from sharpbound.targets import Gaussian1D

Array = NDArray[np.float64]
Found = tuple[str, str]
"""A verdict, and what was seen."""
KEPT, BROKEN, UNDECIDED = "kept", "broken", "undecided"
TARGET = Gaussian1D(0.5, 0.5)
NEAR = 2e-4
"""Relative difference of sigmas up to which they are the same: float32 tables, of betas multiplied up."""


@dataclass
class Trial:
    """The scheduler after ``set_timesteps(T)``."""

    loop: Loop
    T: int
    scheduler: Any = field(init=False)
    convention: Convention = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = self.loop.fresh(self.T)
        with working(self.T):
            self.convention = self.loop.convention(self.scheduler)

    @cached_property
    def levels(self) -> list[Level]:
        return self.convention.levels()

    @cached_property
    def n(self) -> Array:
        """sigma/a of the states, (calls + 1,); infinite where a = 0."""
        return np.array([sigma / a if a > 0 else math.inf for a, sigma in self.levels])

    @cached_property
    def asked(self) -> Array:
        return np.array([float(t) for t in self.scheduler.timesteps])

    @property
    def loudness(self) -> float:
        """Root mean square of a state at the first level."""
        a, sigma = self.levels[0]
        return math.hypot(a, sigma)

    @property
    def starts(self) -> Tensor:
        return torch.linspace(-1, 1, 5, dtype=torch.float64) * self.loudness

    @cached_property
    def walked(self) -> tuple[Any, Tensor]:
        """The scheduler after its loop, and what that made of ``starts`` without noise."""
        scheduler = copied(self.scheduler)
        return scheduler, self.loop.walk(scheduler, TARGET, self.starts, Tape())

    @property
    def calls(self) -> int:
        return len(self.asked)

    @property
    def table(self) -> Array | None:
        return getattr(self.convention, "log_sigma", None)

    @property
    def size(self) -> float:
        """N of the training levels, in units of timesteps."""
        if self.table is not None:
            return float(len(self.table))
        return float(getattr(self.convention, "N", 1.0))

    @property
    def flow(self) -> bool:
        return isinstance(self.convention, Flow)

    @property
    def bounded(self) -> bool:
        """Whether the configuration says by sigmas how far the levels are to reach."""
        said = {"sigma_max", "sigma_min"} <= set(self.convention.config)
        return "sigma_data" in self.convention.config or (isinstance(self.convention, Exposed) and said)

    @property
    def open(self) -> bool:
        """Whether nothing says so."""
        return isinstance(self.convention, Exposed) and not self.bounded


Check = Callable[[Trial], Found]
