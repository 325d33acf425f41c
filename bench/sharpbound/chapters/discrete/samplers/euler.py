"""Factorised Euler steps."""

from __future__ import annotations

from dataclasses import dataclass

from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.base import Factorised, held
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class Euler(Factorised):
    """Rates frozen at the noisy end: coordinate i jumps to v with probability h rate_i(x, v), by itself."""

    name = "euler-ctmc"
    title = "factorised Euler"
    source = "Lou, Meng, Ermon (2310.16834)"

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        return [held(jumps, reverse, i) for i, jumps in enumerate(jump_chances(reverse.rates(t), t - s))]


def jump_chances(rates: list[Array], h: float) -> list[Array]:
    """h rate; InputError where a coordinate would jump with a probability above 1."""
    most = h * max(float(rate.sum(1).max()) for rate in rates)
    if most > 1:
        raise InputError(
            f"a coordinate would jump with probability {most:.3g} in one step of {h:.3g}: use more",
            key="sweep.T",
        )
    return [h * rate for rate in rates]
