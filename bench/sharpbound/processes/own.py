"""A schedule of the user's: a function of T that returns a Ladder, found by name and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sharpbound import foreign
from sharpbound.errors import InputError
from sharpbound.options import made
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import Process


def own_ladder(named: str, stamp: str | None, given: Mapping[str, Any], T: int) -> Ladder:
    """The ladder that "module:function" makes of ``T`` and the keys ``given``.

    Raises InputError at ``forward.schedule`` for what cannot be imported, is no function of T, or returns no
    ladder, or one whose levels contradict each other.
    """
    try:
        call = foreign.load(named, stamp)
        if not callable(call):
            raise InputError(
                f"{named} is a {type(call).__name__}; name a function of T that returns a Ladder"
            )
        ladder = made(call, given, name="forward", who=named, first=(T,))
        if not isinstance(ladder, Ladder):
            raise InputError(f"{named} returns a {type(ladder).__name__}, not a sharpbound.processes.Ladder")
        _check(ladder, named)
    except InputError as mistake:
        raise mistake.at(key="forward.schedule") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"{named} raised {foreign.told(error)}", key="forward.schedule") from error
    return ladder


def _check(ladder: Ladder, named: str) -> None:
    """InputError unless the levels are T + 1 finite numbers each, noisier with t, and agree with beta and process."""
    if not isinstance(ladder.process, Process):
        raise InputError(f"{named}: process must be VP, SUB_VP or VE, not {ladder.process!r}")
    arrays = {"a": ladder.a, "sigma": ladder.sigma, "beta": ladder.beta}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.ndim != 1:
            raise InputError(f"{named}: {name} must be a float64 numpy array of shape (T + 1,)")
        if len(array) != len(ladder.a):
            raise InputError(f"{named}: {name} has {len(array)} levels where a has {len(ladder.a)}")
        if not np.isfinite(array).all():
            raise InputError(f"{named}: {name} is not finite")
    a, sigma = ladder.a, ladder.sigma
    if len(a) < 2 or not 0 <= ladder.stop < len(a) - 1:
        raise InputError(f"{named}: stop = {ladder.stop} must be a level below the last, {len(a) - 1}")
    if not (a > 0).all() or not (sigma >= 0).all():
        raise InputError(f"{named}: a must be positive and sigma nonnegative")
    if not (np.diff(sigma / a) > 0).all():
        raise InputError(f"{named}: sigma/a must grow with the level: level 0 is next to the data")
    if abs(ladder.beta[0]) > 0 or np.abs(1 - ladder.beta[1:] - (a[1:] / a[:-1]) ** 2).max() > 1e-12:
        raise InputError(f"{named}: beta_t must be 1 - (a_t/a_{{t-1}})^2, and beta_0 = 0")
    wrong = {"vp": np.abs(a**2 + sigma**2 - 1).max(), "ve": np.abs(a - 1).max()}.get(ladder.kind, 0.0)
    if wrong > 1e-12:
        rule = {"vp": "a^2 + sigma^2 = 1", "ve": "a = 1"}[ladder.kind]
        raise InputError(f"{named}: process {ladder.kind} means {rule}; it is off by {wrong:.2g}")
    if not 0 < ladder.step_size < np.inf:
        raise InputError(f"{named}: step_size must be positive, got {ladder.step_size!r}")
