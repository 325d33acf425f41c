"""Averages of independent repetitions, and slopes through them, with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and Student interval."""

    value: float
    error: float
    low: float
    high: float

    def columns(self, name: str) -> dict[str, float]:
        """Columns of a row: the value as ``name``, its standard error and the ends of its interval beside it."""
        return {
            name: self.value,
            f"{name}_noise": self.error,
            f"{name}_low": self.low,
            f"{name}_high": self.high,
        }


def mean_estimate(values: Array, confidence: float = 0.95) -> Estimate:
    """Mean of independent ``values`` (n,), n >= 2, with Student's interval."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(student.ppf((1 + confidence) / 2, len(values) - 1)) * error
    mean = float(np.mean(values))
    return Estimate(mean, error, mean - reach, mean + reach)


def slope_over_range(
    x: ArrayLike, values: ArrayLike, errors: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Slope of log(value) against log(x), least squares, with the interval that the ``errors`` make.

    errors : standard errors of the values, which are independent of each other. The interval answers for
    chance alone; the slope describes this range of x and is not a claim on the limit.
    """
    centred = np.log(x) - np.mean(np.log(x))
    weight = centred / (centred @ centred)
    slope = float(weight @ np.log(values))
    error = float(np.linalg.norm(weight * np.asarray(errors) / np.asarray(values)))
    reach = float(norm.ppf((1 + confidence) / 2)) * error
    return Estimate(slope, error, slope - reach, slope + reach)
