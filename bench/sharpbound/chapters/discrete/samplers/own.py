"""A kernel of the user's: a function of the states and what is known of the data given them.

    def kernel(x, conditionals, t, s):      # further arguments by name are keys of [sampler]
        ...

x             (N, d) integers: every state, 0 ... S' - 1 (the mask, where there is one, is S)
conditionals  (N, d, S): P(X_0^i = v | X_t = x), exact, float64
t, s          the times before and after the step, s < t
returns       (N, d, S'): the law of each coordinate at s given the state x at t; coordinates move independently

All states come at once: what a row of the answer says may depend on that row of x and conditionals alone.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sharpbound import foreign
from sharpbound.chapters.discrete.reverse import Places, Reverse
from sharpbound.chapters.discrete.samplers.base import Factorised, own_states
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.options import check, options_of

GIVEN = ("x", "conditionals", "t", "s")
SUMS_TO_ONE = 1e-9


@dataclass(frozen=True)
class OwnKernel(Factorised):
    """``call`` with what it returns looked at."""

    call: Callable[..., Any]
    named: str
    keys: Mapping[str, Any]

    title = "a kernel of one's own"
    source = "the user's"
    most_states: ClassVar[int] = 1 << 16
    most_states_of_paths: ClassVar[int] = 1 << 16
    by_coordinate: ClassVar[bool] = False  # what it does with one coordinate may depend on the others

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.named

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        found = self.answer(reverse, *self.asked(reverse, t), t, s).astype(float)
        return list(np.moveaxis(found / found.sum(-1, keepdims=True), 1, 0))

    def asked(self, reverse: Reverse, t: float) -> tuple[Places, Array]:
        """All states x, and what is known of the data given each of them at t."""
        x = np.stack(own_states(reverse.process.size, reverse.data.ndim), axis=1)
        return x, np.stack(reverse.clean(t), axis=1)

    def answer(self, reverse: Reverse, x: Places, conditionals: Array, t: float, s: float) -> Array:
        """What it returns for some states; InputError for what is no array of that shape, `NoLaw` for what are no
        probabilities.
        """
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
                found = self.call(x.copy(), conditionals.copy(), t, s, **self.keys)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise self.mistake(f"it raised {foreign.told(error)}") from error
        return self._checked(found, (*x.shape, reverse.process.size), t)

    def _checked(self, found: Any, shape: tuple[int, ...], t: float) -> Array:
        if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating):
            raise self.mistake(
                f"it must return an array of floating-point numbers, not {type(found).__name__}"
            )
        if found.shape != shape:
            raise self.mistake(f"it must return shape (N, d, states) = {shape}, not {found.shape}")
        if not np.isfinite(found).all() or (found < 0).any():
            raise self._no_law(f"at t = {t:g} it returns probabilities that are negative or not finite")
        off = np.abs(found.sum(-1, dtype=float) - 1).max()
        if off > max(SUMS_TO_ONE, shape[-1] * np.finfo(found.dtype).eps):
            raise self._no_law(f"at t = {t:g} it returns probabilities that sum to 1 only up to {off:.3g}")
        return found

    def mistake(self, message: str) -> InputError:
        """What it does wrong, told with its name."""
        return InputError(f"{self.named}: {message}", key="sampler.name")

    def _no_law(self, message: str) -> NoLaw:
        return NoLaw(f"{self.named}: {message}", key="sampler.name")


class NoLaw(InputError):
    """Numbers that are no probabilities, or lack mass: at this step, perhaps not at a shorter one."""


def own_kernel(named: str, stamp: str | None, given: Mapping[str, Any]) -> OwnKernel:
    """The kernel that "module:object" is, with the keys ``given``; InputError where it cannot be called so."""
    try:
        found = foreign.load(named, stamp)
    except InputError as mistake:
        raise mistake.at(key="sampler.name") from None
    return of_function(found, named, given)


def is_kernel(found: Any) -> bool:
    """Whether it takes (x, conditionals, t, s) first."""
    if isinstance(found, type) or not callable(found):
        return False
    try:
        return tuple(inspect.signature(found).parameters)[: len(GIVEN)] == GIVEN
    except (TypeError, ValueError):  # built-in functions tell nothing
        return False


def of_function(found: Any, named: str, given: Mapping[str, Any]) -> OwnKernel:
    """The kernel ``found``, called ``named``, with the keys ``given``; InputError where it cannot be called so."""
    foreign.own(found)
    if not callable(found):
        raise InputError(f"{named}: is a {type(found).__name__}, which cannot be called", key="sampler.name")
    if not is_kernel(found):
        raise InputError(
            f"{named}: must take (x, conditionals, t, s) first, not {inspect.signature(found)}",
            key="sampler.name",
        )
    keys = check(given, options_of(found, GIVEN), name="sampler", who=named, also=("name", "init"))
    return OwnKernel(found, named, keys)
