"""Whether a sampler keeps the contract of `Sampler`: one line names what is missing or wrong, and how to mend it.

`declared` looks at the attributes; `checked` also runs the stages on a few levels of each process that the sampler
is written for, and compares what they do with what is declared.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.dual import derivative
from sharpbound.processes import PROCESSES, Ladder
from sharpbound.samplers.base import PROBES, Mixture, Past, Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Gaussian1D, GaussianND

STEPS = 4
POINTS = ((-1.5, 0.3), (-0.2, 1.1), (0.4, -0.6), (1.3, 0.9))
DIFFERENCE = 1e-4
"""Step of the central difference that a map's derivative is held against; its error is some 1e-8."""


def checked(found: Any) -> Sampler:
    """The sampler that ``found``, a class or an object, is; InputError says what of the contract it breaks."""
    sampler = declared(found)
    for kind in sorted(sampler.kinds):
        ladder = PROBES[kind](STEPS)
        try:
            _check_runs(sampler, ladder)
        except InputError as error:
            raise error.at(where=sampler.name) from error
        except Exception as error:  # whatever the user's maps raise
            raise InputError(
                f"on a {kind} process its stages raise {type(error).__name__}: {error}", where=sampler.name
            ) from error
    return sampler


def declared(found: Any) -> Sampler:
    """The same with its attributes looked at, and nothing run."""
    cls = found if isinstance(found, type) else type(found)
    where = f"sampler {cls.__name__}"
    if not issubclass(cls, Sampler):
        raise InputError(
            "must be a subclass of sharpbound.samplers.Sampler, or an object of one", where=where
        )
    if not (isinstance(getattr(cls, "name", None), str) and cls.name):
        raise InputError('needs a name, as name = "my-sampler" in the class', where=where)
    if "stages" in cls.__abstractmethods__:
        raise InputError("needs stages(self, step), which returns the stages of one step", where=where)
    try:
        sampler = found if isinstance(found, Sampler) else cls()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"cannot be made without arguments ({error}): give every parameter a default", where=where
        ) from error
    for name, fits, wanted in _ATTRIBUTES:
        try:
            value = getattr(sampler, name)
        except InputError as error:
            raise error.at(where=where) from error
        except Exception as error:
            raise InputError(f"{name} raises {type(error).__name__}: {error}", where=where) from error
        if not fits(value):
            raise InputError(f"{name} must be {wanted}, not {value!r}", where=where)
    return sampler


def _number(value: Any, least: float) -> bool:
    if value is None:
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value < math.inf


def _kinds(value: Any) -> bool:
    return isinstance(value, (set, frozenset, tuple, list)) and bool(value) and set(value) <= set(PROCESSES)


_ATTRIBUTES = (
    ("title", lambda value: isinstance(value, str), "a string"),
    ("source", lambda value: isinstance(value, str), "a string"),
    ("kinds", _kinds, f"a set of {', '.join(map(repr, PROCESSES))}, as frozenset({{'vp'}})"),
    ("history", lambda value: isinstance(value, bool), "True or False"),
    ("deterministic", lambda value: isinstance(value, bool), "True or False"),
    ("nfe", lambda value: _number(value, 0), "a number of score evaluations per step, or None"),
    ("order", lambda value: _number(value, 0), "a number, or None"),
)
"""Attribute, what fits, and how that is said. ``kinds`` comes before ``deterministic``, which may need it."""


def _check_runs(sampler: Sampler, ladder: Ladder) -> None:
    plane = GaussianND(torch.zeros(2, dtype=torch.float64), torch.tensor([0.5, 1.5], dtype=torch.float64))
    score = ExactScore(plane, ladder)
    noisy = not all(stage.deterministic for _, stages in sampler.path(ladder, score) for stage in stages)
    if noisy == sampler.deterministic:
        raise InputError(
            f"deterministic = {sampler.deterministic}, but its stages {'draw' if noisy else 'have no'} noise"
        )
    y = ladder.prior_std * torch.tensor(POINTS, dtype=torch.float64)
    whole, again, part = (_means(sampler, ladder, score, start) for start in (y, y, y[1:3]))
    if not torch.equal(whole.nan_to_num(), again.nan_to_num()):
        raise InputError(
            "two runs gave two results: noise is the std of a stage, and what a step keeps is its past"
        )
    if not torch.allclose(part, whole[1:3], rtol=1e-9, atol=1e-9, equal_nan=True):
        raise InputError("a point's path depends on the others of its batch: treat them one by one")
    _check_derivative(sampler, ladder)


def _means(sampler: Sampler, ladder: Ladder, score: Any, y: Tensor) -> Tensor:
    """Where the stages send ``y`` without their noise."""
    past: Past = ()
    with torch.no_grad():
        for t, stages in sampler.path(ladder, score):
            for stage in stages:
                branches = stage.stages if isinstance(stage, Mixture) else (stage,)
                before, (y, past) = y, branches[0].advance(y, past)
                _check_tensor("a mean", y, before.shape, t)
                if callable(branches[0].std):
                    _check_tensor("a std", branches[0].std(before), (*before.shape, before.shape[-1]), t)
    return y


def _check_tensor(what: str, value: Any, shape: tuple[int, ...], t: int) -> None:
    if not isinstance(value, Tensor) or value.dtype != torch.float64 or tuple(value.shape) != tuple(shape):
        found = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise InputError(f"{what} must be a float64 tensor of shape {tuple(shape)}, not {found}, at t = {t}")


def _check_derivative(sampler: Sampler, ladder: Ladder) -> None:
    """Engines differentiate the maps of deterministic samplers."""
    if not sampler.deterministic:
        return
    score = ExactScore(Gaussian1D(0.2, 0.8), ladder)
    y = ladder.prior_std * torch.tensor(POINTS, dtype=torch.float64)[:, :1]

    def through(y: Any) -> Any:
        past: Past = ()
        for _, stages in sampler.path(ladder, score):
            for stage in stages:
                y, past = stage.advance(y, past)
        return y

    with torch.no_grad():
        try:
            _, slope = derivative(through, y, torch.ones_like(y))
        except Exception as error:
            raise InputError(
                f"its maps cannot be differentiated ({type(error).__name__}: {error}): build them of torch operations"
            ) from error
        expected = (through(y + DIFFERENCE) - through(y - DIFFERENCE)) / (2 * DIFFERENCE)
    if not torch.allclose(slope, expected, rtol=1e-5, atol=1e-5, equal_nan=True):
        raise InputError("the derivative of its maps is lost: build them of torch operations alone")
