"""Tweedie tau-leaping: every coordinate by its own true conditional law."""

from __future__ import annotations

from dataclasses import dataclass

from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.base import Factorised
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class TweedieTauLeaping(Factorised):
    """X_s^i ~ P(X_s^i | X_t = x), coordinates independent of each other.

    As (ratio exp(-cQ))_v exp(cQ)(v, x_i), c the clock between s and t, this is the analytic sampler of SEDD; as a mean
    over P(X_0^i | X_t = x) of the forward chain's bridges it is the ancestral step of D3PM (2107.03006) and MDLM.
    """

    name = "tweedie-tau-leaping"
    title = "Tweedie tau-leaping"
    source = "Lou, Meng, Ermon (2310.16834); Austin et al. (2107.03006)"

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        return reverse.back(t, s)
