"""A user's own sampler as a plain callable: the contract, its checks, and the measured order.

    def sampler(score, x, a, sigma):            # deterministic
    def sampler(score, x, a, sigma, noise):     # stochastic

    x      (n, 1) starts, draws of the law at the first level; numpy or torch, float64 (float32 has its floor)
    a, sigma   (N + 1,) the levels of X = a X0 + sigma W to visit, the noisiest first: N steps
    score(x, a, sigma)   the exact score at any level, (n, 1) -> (n, 1)
    noise()    (n, 1) standard normal draws, anew at each call
    returns    (n, 1) the state at the last level, in the same kind of array

`check_contract` tries this on a small problem and names what is broken; `measure_rows` measures.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound import processes
from sharpbound.chapters.audit.probe import Impulses, Quantiles, measure_deterministic, measure_stochastic
from sharpbound.distances.base import Measured
from sharpbound.errors import InputError, NotMeasured
from sharpbound.processes.ladder import Ladder
from sharpbound.targets import build
from sharpbound.targets.base import Target1D

ARRAYS = ("numpy", "torch")
MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.5, "std": 0.5}
"""Targets of deterministic and of stochastic samplers."""
SCHEDULE = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
STEPS = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class UserSampler:
    """``call`` wrapped so that the engine talks torch to it, whatever it talks."""

    call: Callable[..., Any]
    name: str
    arrays: str
    stochastic: bool

    def run(self, target: Target1D, ladder: Ladder, x: Tensor, noise: Impulses | None = None) -> Tensor:
        """(n,) -> (n,), with the levels of ``ladder``; InputError where the contract is broken."""

        def score(x: Any, a: Any, sigma: Any) -> Any:
            at = torch.as_tensor(x, dtype=torch.float64)
            return self._give(target.score(at, float(a), float(sigma)))

        levels = slice(ladder.stop, None)
        a, sigma = (self._give(torch.from_numpy(v[levels][::-1].copy())) for v in (ladder.a, ladder.sigma))
        start = x.reshape(-1, 1)
        arguments = [score, self._give(start.clone()), a, sigma]
        if self.stochastic:
            arguments.append(lambda: self._give(torch.zeros_like(start) if noise is None else noise(start)))
        with torch.no_grad():
            output = self._called(arguments)
        return self._checked(output, len(x)).reshape(-1)

    def _called(self, arguments: list[Any]) -> Any:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
                return self.call(*arguments)
        except (InputError, NotMeasured):
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"it raised {type(error).__name__}: {error}", where=self.name) from error

    def _give(self, value: Tensor) -> Any:
        return value.numpy() if self.arrays == "numpy" else value

    def _checked(self, output: Any, n: int) -> Tensor:
        wanted: Any = np.ndarray if self.arrays == "numpy" else torch.Tensor
        if not isinstance(output, wanted):
            other = f"; for torch tensors use --arrays {'torch' if self.arrays == 'numpy' else 'numpy'}"
            raise InputError(
                f"it must return a {wanted.__name__}, not {type(output).__name__}"
                + (other if isinstance(output, (np.ndarray, Tensor)) else ""),
                where=self.name,
            )
        if tuple(output.shape) != (n, 1):
            raise InputError(f"it must return shape {(n, 1)}, not {tuple(output.shape)}", where=self.name)
        if not isinstance(output, torch.Tensor):
            output = torch.from_numpy(np.array(output))  # a copy: tensors have no negative strides
        if not output.is_floating_point():
            raise InputError(f"it must return floating-point numbers, not {output.dtype}", where=self.name)
        return output


def user_sampler(found: Any, name: str, arrays: str) -> UserSampler:
    """The callable that ``found`` is, or that the class ``found`` makes.

    Raises InputError where it cannot be called as the contract says.
    """
    if arrays not in ARRAYS:
        raise InputError(f"choose {' or '.join(ARRAYS)}, not {arrays!r}", key="--arrays")
    if isinstance(found, type):
        try:
            found = found()
        except TypeError as error:
            raise InputError(
                f"the class needs arguments ({error}); name an object made from it", where=name
            ) from None
        except (Exception, SystemExit) as error:
            raise InputError(f"the class raised {type(error).__name__}: {error}", where=name) from error
    if not callable(found):
        raise InputError(f"is a {type(found).__name__}, which cannot be called", where=name)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        raise InputError("its arguments cannot be read; wrap it in a function", where=name) from None
    if inspect.iscoroutinefunction(found):
        raise InputError("is asynchronous; it must return the states", where=name)
    stochastic = "noise" in signature.parameters
    try:
        signature.bind(*range(5 if stochastic else 4))
    except TypeError:
        raise InputError(
            f"must take (score, x, a, sigma), and noise if it is stochastic, not {signature}", where=name
        ) from None
    return UserSampler(found, name, arrays, stochastic)


def check_contract(sampler: UserSampler, target: Target1D, ladder: Ladder) -> float:
    """Try the sampler on a small problem; InputError says which part of the contract it breaks.

    Returns the unit roundoff of its output's numbers: of float64 if it follows the contract to the letter.
    """
    level = ladder.level(ladder.T)
    x = torch.from_numpy(Quantiles(target).at(level)[480:1440:8].copy())
    first, again = (sampler.run(target, ladder, x) for _ in range(2))
    if not torch.isfinite(first).all():
        steps = ladder.T - ladder.stop
        raise InputError(f"its output is not finite with {steps} steps", where=sampler.name)
    if not torch.equal(first, again):
        raise InputError(
            "two calls gave two results: draw randomness from a fifth argument, noise", where=sampler.name
        )
    half = sampler.run(target, ladder, x[::2].clone())
    if not torch.allclose(half, first[::2], rtol=1e-6, atol=1e-6):
        raise InputError(
            "a particle's path depends on the others: treat the rows of x one by one", where=sampler.name
        )
    return torch.finfo(first.dtype).eps / 2


def measure_user(sampler: UserSampler, target: Target1D, ladder: Ladder, unit: float) -> Measured:
    """W2 of the sampler's output from the exact law of the first level, against the last.

    unit : roundoff of its arithmetic. Raises NotMeasured where the output or its W2 is not finite.
    """
    top = ladder.level(ladder.T)
    bottom = ladder.level(ladder.stop)

    def run(x: Tensor, noise: Impulses | None = None) -> Tensor:
        return sampler.run(target, ladder, x, noise)

    measure = measure_stochastic if sampler.stochastic else measure_deterministic
    found = measure(Quantiles(target), run, top, bottom, unit, ladder.T - ladder.stop)
    if not math.isfinite(found.value + found.floor):
        raise NotMeasured("W2 is not finite: the output is too large")
    return found


def measure_rows(
    sampler: UserSampler, target: Target1D, schedule: dict[str, Any], steps: Sequence[int] = STEPS
) -> list[dict[str, Any]]:
    """Rows T, w2, w2_floor and floor, one per number of steps; what cannot be measured is None with a note.

    Raises InputError where the sampler breaks the contract.
    """
    unit = check_contract(sampler, target, processes.build(schedule, min(steps)))
    rows: list[dict[str, Any]] = []
    for T in steps:
        try:
            found = measure_user(sampler, target, processes.build(schedule, T), unit)
            rows.append({"T": T, "w2": found.value, "w2_floor": found.floor, "floor": found.floor})
        except NotMeasured as reason:
            rows.append({"T": T, "w2": None, "w2_floor": None, "floor": None, "note": str(reason)})
    return rows


def own_target(sampler: UserSampler) -> Target1D:
    """The target that the command audits the sampler on."""
    target = build(GAUSSIAN if sampler.stochastic else MIXTURE)
    assert isinstance(target, Target1D)
    return target
