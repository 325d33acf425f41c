"""A noise-schedule object as dpm-solver, UniPC and SA-Solver ask for one: time t in [1/1000, 1], a^2 + sigma^2 = 1.

lambda = log(a/sigma) is linear in t between the ends of the ladder, 1/1000 being next to the data. Functions of a
number, a numpy array or a torch tensor t return the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Clock:
    """first, last : sigma/a at t = 1 and at t = 1/1000."""

    T = 1.0
    total_N = 1000
    schedule = "linear"

    def __init__(self, first: float, last: float) -> None:
        self.low, self.high = -math.log(first), -math.log(last)

    # -- as the samplers' authors name it

    def marginal_lambda(self, t: Any) -> Any:
        """log(a/sigma)."""
        end = 1 / self.total_N
        return self.high + (t - end) * ((self.low - self.high) / (1 - end))

    def inverse_lambda(self, lam: Any) -> Any:
        """t."""
        end = 1 / self.total_N
        return end + (lam - self.high) * ((1 - end) / (self.low - self.high))

    def marginal_log_mean_coeff(self, t: Any) -> Any:
        """log a = -log(1 + e^{-2 lambda})/2."""
        return -0.5 * _log1p(_exp(-2 * self.marginal_lambda(t)))

    def marginal_alpha(self, t: Any) -> Any:
        """a."""
        return _exp(self.marginal_log_mean_coeff(t))

    def marginal_std(self, t: Any) -> Any:
        """sigma."""
        return _exp(self.marginal_log_mean_coeff(t) - self.marginal_lambda(t))

    # -- as a path of `sharpbound.audit.adapt`

    def scale(self, n: float) -> float:
        """a where sigma/a = n."""
        return 1 / math.sqrt(1 + n**2)

    def tell(self, n: Any) -> Any:
        """The times of levels sigma/a."""
        return self.inverse_lambda(-np.log(n) if isinstance(n, np.ndarray) else -n.log())

    def level(self, told: list[float]) -> float:
        """sigma/a at a time."""
        return math.exp(-self.marginal_lambda(told[0]))


def _exp(value: Any) -> Any:
    return value.exp() if hasattr(value, "exp") else np.exp(value)


def _log1p(value: Any) -> Any:
    return value.log1p() if hasattr(value, "log1p") else np.log1p(value)
