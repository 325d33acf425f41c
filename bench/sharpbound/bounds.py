"""How large the numbers of a case may be: within these bounds what is asked for can be computed in float64.

A number beyond them is refused where it is read, in a file or in a call, with the bound.
"""

from __future__ import annotations

from sharpbound.errors import InputError, brief

MOST, LEAST = 1e12, 1e-20
"""Magnitudes of the parameters, other than 0, of targets, schedules, samplers and score errors: fourth powers,
and products of some of them, are finite."""
LEAST_SIGNAL = 1e-70
"""Of the data in a level (a_t): its fourth power is a float64."""
MAX_STEPS = 10_000_000
"""Steps of a sampler."""
MAX_DIM = 1_000_000
"""Dimensions of the data."""
MAX_DENSE = 20_000
"""Dimensions where a covariance is held as a matrix, of 3 GiB then; independent coordinates are a product."""
MAX_COUNT = 10**15
"""Anything that is counted, such as samples or hypotheses, where no loop runs over it."""
MAX_RATIO = 1e10
"""Root mean square of the data over the least noise: beyond it float64 loses the one beside the other."""


def bounded(value: float, key: str | None = None) -> float:
    """``value``, which is finite; InputError at ``key`` where its magnitude is none that is computed with."""
    if value == 0 or LEAST <= abs(value) <= MOST:
        return value
    raise InputError(f"must be 0 or {LEAST:g} to {MOST:g} in magnitude, got {brief(value)}", key=key)
