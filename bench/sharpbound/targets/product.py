"""Product laws: independent coordinates, each a law on the line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sharpbound.errors import Collected, InputError
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target, Target1D
from sharpbound.targets.facts import Facts, of_product


class Product(Target):
    """Independent coordinates X0_i ~ ``factors[i]``; everything about it is about its factors.

    ``counts`` lists each different factor once, with how often it occurs: a d-fold product costs
    one evaluation on all its coordinates together.
    """

    family = "product"

    def __init__(self, groups: list[tuple[Target1D, list[int]]]) -> None:
        self._groups = [(factor, torch.tensor(places)) for factor, places in groups]
        self.counts = [(factor, len(places)) for factor, places in groups]
        at = {place: factor for factor, places in groups for place in places}
        self.factors = [at[i] for i in range(len(at))]
        self.dim = len(self.factors)
        self.has_density = all(factor.has_density for factor, _ in groups)

    def _coordinatewise(self, x: Tensor, a: float, sigma: float, *orders: int) -> list[Tensor]:
        """(d/dx_i)^order log p_i(x_i) for each of ``orders``, all of the shape of x."""
        if len(self._groups) == 1:
            return self.factors[0].derivatives(x, a, sigma, orders)
        out = [torch.empty_like(x) for _ in orders]
        for factor, places in self._groups:
            for whole, part in zip(out, factor.derivatives(x[..., places], a, sigma, orders), strict=True):
                whole[..., places] = part
        return out

    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._coordinatewise(x, a, sigma, 0)[0].sum(-1)

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._coordinatewise(x, a, sigma, 1)[0]

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return torch.diag_embed(self._coordinatewise(x, a, sigma, 2)[0])

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._coordinatewise(x, a, sigma, 3)[0]

    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        first, second = self._coordinatewise(x, a, sigma, 1, 2)
        return first, second * dx

    def _score_jacobian_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        second, third = self._coordinatewise(x, a, sigma, 2, 3)
        return torch.diag_embed(second), torch.diag_embed(third * dx)

    def _grad_divergence_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        third, fourth = self._coordinatewise(x, a, sigma, 3, 4)
        return third, fourth * dx

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        out = torch.empty(n, self.dim, dtype=torch.float64)
        for factor, places in self._groups:
            out[:, places] = factor.sample(n * len(places), generator).reshape(n, len(places))
        return out

    def facts(self) -> Facts:
        return of_product((factor.facts(), count) for factor, count in self.counts)

    def moments(self) -> Moments:
        mean = torch.empty(self.dim, dtype=torch.float64)
        variance = torch.empty(self.dim, dtype=torch.float64)
        for factor, places in self._groups:
            of_factor = factor.moments()
            mean[places], variance[places] = of_factor.mean, of_factor.cov[0]
        return Moments(mean, torch.diag(variance))


def product(
    build: Callable[[Mapping[str, Any]], Target], factor: Any = None, dim: Any = None, factors: Any = None
) -> Product:
    """``dim`` copies of the target table ``factor``, or one table per coordinate in ``factors``, over and over up to
    ``dim`` coordinates if that is given.

    Raises InputError where a table is wrong (naming ``target.factor.<key>``) or not on the line.
    """
    if (factor is None) == (factors is None):
        raise parameters.mistake("factor", "give exactly one of factor (with dim) and factors")
    if factor is not None:
        if dim is None:
            raise parameters.mistake("dim", "is missing; say how many coordinates share factor")
        places = list(range(parameters.integer(dim, "dim", least=1)))
        return Product([(_factor(build, factor, "target.factor"), places)])
    tables = parameters.sequence(factors, "factors")
    count = len(tables) if dim is None else parameters.integer(dim, "dim", least=1)
    if count % len(tables):
        raise parameters.mistake("dim", f"must be a multiple of the {len(tables)} factors, got {count}")
    groups: list[tuple[Any, Target1D, list[int]]] = []
    for i, table in enumerate(tables):
        places = list(range(i, count, len(tables)))
        same = next((places for known, _, places in groups if known == table), None)
        if same is not None:
            same += places
        else:
            groups.append((table, _factor(build, table, f"target.factors[{i}]"), places))
    return Product([(target, places) for _, target, places in groups])


def _factor(build: Callable[[Mapping[str, Any]], Target], table: Any, key: str) -> Target1D:
    if not isinstance(table, Mapping):
        raise InputError(
            f"must be a table such as {{family = 'laplace', scale = 1.0}}, got {table!r}", key=key
        )
    try:
        target = build(table)
    except InputError as error:
        with Collected() as mistakes:
            for each in error.mistakes:
                with mistakes.caught():
                    inner = (each.key or "target").removeprefix("target")
                    raise InputError(each.message, key=key + inner) from None
    if not isinstance(target, Target1D):
        raise InputError(f"must be a target on the line; this {target.family} has d = {target.dim}", key=key)
    return target
