"""The loop of a pipeline around a scheduler of any project, unmodified: one call of the network for each timestep.

Asked of a scheduler: ``set_timesteps(T)``, then ``timesteps``, and ``step(model_output, timestep, sample)``, which
returns the next state, alone, first in a tuple, or as ``prev_sample``; ``scale_model_input`` if it has one. States are
images of one pixel, (n, 1, 1, 1).
"""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sharpbound import foreign
from sharpbound.chapters.audit.networks import Convention, Field, convention_of
from sharpbound.chapters.audit.quick import Quick
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Impulses, Tape
from sharpbound.samplers.own import draws_of_torch

ALL = slice(None)
"""Every call."""
FAULTS = (
    AssertionError, TypeError, LookupError, ValueError, RuntimeError, ArithmeticError, AttributeError, NameError,
    ImportError,
)  # fmt: skip
"""What a scheduler raises where it does not work."""


Network = Callable[[Convention, Field, Tensor, Any, int], Tensor]


def exact(convention: Convention, target: Field, x: Tensor, timestep: Any, call: int) -> Tensor:
    """The network's answer from the exact score."""
    return convention.predict(target, x, timestep)


@dataclass(frozen=True)
class Loop:
    """A scheduler as it is constructed, and the keywords that its ``step`` is given."""

    pristine: Any
    keywords: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    """How it writes its state, where that is told: a name in `STATES`."""
    network: Network = exact
    """Of a convention, a target, its input, a timestep and the number of the call: what the network answers."""

    def convention(self, scheduler: Any) -> Convention:
        """Of ``scheduler``, after ``set_timesteps``."""
        return convention_of(scheduler, self.state)

    def fresh(self, T: int) -> Any:
        """The scheduler after ``set_timesteps(T)``; NotMeasured where that fails."""
        scheduler = copied(self.pristine)
        with working(T):
            scheduler.set_timesteps(T)
        return scheduler

    def run(
        self, scheduler: Any, target: Field, x: Tensor, noise: Tape | Impulses | None, part: slice = ALL
    ) -> Tensor:
        """(n,) -> (n,) with a copy of ``scheduler`` as ``set_timesteps`` left it."""
        return self.walk(copied(scheduler), target, x, noise, part=part)

    def walk(
        self,
        scheduler: Any,
        target: Field,
        x: Tensor,
        noise: Tape | Impulses | None,
        moved: Callable[[Tensor, int], Tensor] = lambda prediction, call: prediction,
        part: slice = ALL,
    ) -> Tensor:
        """The calls of ``part`` with the exact network; ``moved`` changes its answer to a call.

        A part that begins later is told to the scheduler as from image to image, by ``set_begin_index``.
        """
        convention, state, law = self.convention(scheduler), _image(x), Quick.of(target)
        if part.start and hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(part.start)
        for call, timestep in enumerate(scheduler.timesteps[part]):
            scaled = state
            if hasattr(scheduler, "scale_model_input"):
                scaled = scheduler.scale_model_input(state, timestep)
            prediction = moved(self.network(convention, law, scaled.double(), timestep, call), call)
            state = self._step(scheduler, prediction, timestep, state, noise)
        return state.reshape(-1)

    def step(self, scheduler: Any, output: Tensor, call: int, x: Tensor, noise: Tape) -> Tensor:
        """One call, (n,) -> (n,), with the network's answer ``output``."""
        timestep, state = scheduler.timesteps[call], _image(x)
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(state, timestep)
        return self._step(scheduler, _image(output), timestep, state, noise).reshape(-1)

    def _step(
        self, scheduler: Any, output: Tensor, timestep: Any, state: Tensor, noise: Tape | Impulses | None
    ) -> Tensor:
        with _noise(scheduler, noise, len(state)):
            found = scheduler.step(output, timestep, state, **self.keywords)
        found = getattr(found, "prev_sample", found)
        found = found[0] if isinstance(found, tuple) else found
        if not isinstance(found, Tensor):
            raise TypeError(f"step returns a {type(found).__name__}, not a state")
        if found.shape != state.shape:
            raise TypeError(
                f"step returns a state of shape {tuple(found.shape)} for one of {tuple(state.shape)}"
            )
        return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without warnings, such as those of diffusers on its own defaults."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def working(T: int) -> Iterator[None]:
    """Quiet, and what a scheduler raises is a number of steps that could not be measured."""
    with quiet():
        try:
            yield
        except (InputError, NotMeasured):
            raise
        except FAULTS as error:
            blamed = foreign.blamed(error)
            told = blamed.message if blamed else f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise NotMeasured(f"{told} (T = {T})") from None


def copied(scheduler: Any) -> Any:
    """A copy with a state of its own; the configuration, thousands of betas that nothing writes, is shared."""
    config = getattr(scheduler, "config", None)
    return copy.deepcopy(scheduler, {id(config): config})


def doubled(scheduler: Any) -> Any:
    """A copy with the same values in its tables, kept in float64, as is then all that follows from them."""
    twin = copied(scheduler)
    for name, value in vars(twin).items():
        if isinstance(value, Tensor) and value.dtype == torch.float32:
            setattr(twin, name, value.double())
    return twin


def _image(x: Tensor) -> Tensor:
    return x.reshape(-1, 1, 1, 1)


@contextlib.contextmanager
def _noise(scheduler: Any, noise: Tape | Impulses | None, n: int) -> Iterator[None]:
    """Let the scheduler draw from ``noise``; a deterministic one hears zeros.

    Those of diffusers draw through the name ``randn_tensor`` of their module; others with torch.
    """

    def source(like: Tensor, interval: tuple[float, float] | None = None) -> Tensor:
        return torch.zeros_like(like) if noise is None else noise(like, interval)

    def draw(shape: Any, *_: Any, **__: Any) -> Tensor:
        return source(torch.zeros(tuple(shape), dtype=torch.float64))

    module = sys.modules.get(type(scheduler).__module__)
    original = getattr(module, "randn_tensor", None)
    with draws_of_torch(source, n):
        if original is None:
            yield
            return
        module.randn_tensor = draw  # type: ignore[union-attr]
        try:
            yield
        finally:
            module.randn_tensor = original  # type: ignore[union-attr]
