"""How samplers write states and levels: scale and name of the level sigma/a = n. So does `sharpbound.audit.clock`."""

from __future__ import annotations

import math
from typing import Any

from sharpbound.errors import InputError


class Exploding:
    """States X0 + n W at the level n."""

    def scale(self, n: float) -> float:
        return 1.0

    def tell(self, n: Any) -> Any:
        return n

    def level(self, told: list[float]) -> float:
        return told[0]


class Straight(Exploding):
    """States (1 - t) X0 + t W at the level t."""

    def scale(self, n: float) -> float:
        return 1 / (1 + n)

    def tell(self, n: Any) -> Any:
        return n / (1 + n)

    def level(self, told: list[float]) -> float:
        return told[0] / (1 - told[0])


class Rising(Straight):
    """States t X0 + (1 - t) W at the level t, which rises."""

    def tell(self, n: Any) -> Any:
        return 1 / (1 + n)

    def level(self, told: list[float]) -> float:
        return (1 - told[0]) / told[0]


class Preserving(Exploding):
    """States a X0 + sigma W with a^2 + sigma^2 = 1 at the level (a, sigma)."""

    def scale(self, n: float) -> float:
        return 1 / math.sqrt(1 + n**2)

    def level(self, told: list[float]) -> float:
        if len(told) < 2:
            raise InputError("a model on levels a, sigma is called as model(x, a, sigma)")
        return told[1] / told[0]
