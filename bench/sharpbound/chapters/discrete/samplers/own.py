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
from sharpbound.chapters.discrete.reverse import Reverse
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
    by_coordinate: ClassVar[bool] = False  # what it does with one coordinate may depend on the others

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.named

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        size, dim = reverse.process.size, reverse.data.ndim
        x = np.stack(own_states(size, dim), axis=1)
        given = np.stack(reverse.clean(t), axis=1)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
                found = self.call(x, given, t, s, **self.keys)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise self._mistake(f"it raised {foreign.told(error)}") from error
        return self._checked(found, (len(x), dim, size), t)

    def _checked(self, found: Any, shape: tuple[int, ...], t: float) -> list[Array]:
        if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating):
            raise self._mistake(
                f"it must return an array of floating-point numbers, not {type(found).__name__}"
            )
        if found.shape != shape:
            raise self._mistake(f"it must return shape (N, d, states) = {shape}, not {found.shape}")
        if not np.isfinite(found).all() or (found < 0).any():
            raise self._mistake(f"at t = {t:g} it returns probabilities that are negative or not finite")
        off = np.abs(found.sum(-1) - 1).max()
        if off > SUMS_TO_ONE:
            raise self._mistake(f"at t = {t:g} it returns probabilities that sum to 1 only up to {off:.3g}")
        found = found.astype(float)
        return list(np.moveaxis(found / found.sum(-1, keepdims=True), 1, 0))

    def _mistake(self, message: str) -> InputError:
        return InputError(f"{self.named}: {message}", key="sampler.name")


def own_kernel(named: str, stamp: str | None, given: Mapping[str, Any]) -> OwnKernel:
    """The kernel that "module:object" is, with the keys ``given``; InputError where it cannot be called so."""
    try:
        found = foreign.load(named, stamp)
    except InputError as mistake:
        raise mistake.at(key="sampler.name") from None
    foreign.own(found)
    if not callable(found):
        raise InputError(f"{named}: is a {type(found).__name__}, which cannot be called", key="sampler.name")
    signature = inspect.signature(found)
    if tuple(signature.parameters)[: len(GIVEN)] != GIVEN:
        raise InputError(
            f"{named}: must take (x, conditionals, t, s) first, not {signature}", key="sampler.name"
        )
    keys = check(given, options_of(found, GIVEN), name="sampler", who=named, also=("name", "init"))
    return OwnKernel(found, named, keys)
