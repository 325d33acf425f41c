"""Laws on [S]^d by their structure, and as tables: arrays of shape (S,) * d, the last axis fastest, that sum to 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.numerics.quadrature import Array
from sharpbound.options import made

MOST_STATES = 1 << 20
"""The largest table."""
SUMS_TO_ONE = 1e-9


class Target(ABC):
    """A law on [S]^d."""

    states: int
    """S."""
    dim: int
    """d, or the length of a sequence."""

    def table(self) -> Array:
        """All probabilities, of shape (S,) * d; InputError where they are too many."""
        _check_size(self.states, self.dim)
        return self._table()

    @abstractmethod
    def _table(self) -> Array: ...


@dataclass(frozen=True)
class Table(Target):
    """Probabilities one by one."""

    probabilities: Array

    @property
    def states(self) -> int:  # type: ignore[override]
        return self.probabilities.shape[0]

    @property
    def dim(self) -> int:  # type: ignore[override]
        return self.probabilities.ndim

    def _table(self) -> Array:
        return self.probabilities


@dataclass(frozen=True)
class Product(Target):
    """Independent coordinates, ``counts[k]`` of them with the probabilities ``factors[k]``, by turns."""

    factors: tuple[Array, ...]
    order: tuple[int, ...]
    """Which factor each of the first coordinates has; further coordinates repeat it."""
    dim: int

    @property
    def states(self) -> int:  # type: ignore[override]
        return len(self.factors[0])

    @property
    def counts(self) -> list[int]:
        """How many coordinates each factor has."""
        whole, rest = divmod(self.dim, len(self.order))
        return [whole * self.order.count(k) + self.order[:rest].count(k) for k in range(len(self.factors))]

    def _table(self) -> Array:
        table = np.array(1.0)
        for i in range(self.dim):
            table = table[..., None] * self.factors[self.order[i % len(self.order)]]
        return table


@dataclass(frozen=True)
class Tree(Target):
    """A Markov random field on a tree: the root (the first coordinate) is uniform, every other coordinate is as its
    parent with probability ``stay`` and each other state with equal chances. A chain is the tree with parents i - 1.
    """

    parents: tuple[int, ...]
    """Of coordinates 1, 2, ...: an earlier one each."""
    states: int
    stay: float

    @property
    def dim(self) -> int:  # type: ignore[override]
        return len(self.parents) + 1

    @property
    def is_chain(self) -> bool:
        return self.parents == tuple(range(len(self.parents)))

    @property
    def move(self) -> Array:
        """P(child = column | parent = row)."""
        move = np.full((self.states, self.states), (1 - self.stay) / (self.states - 1))
        np.fill_diagonal(move, self.stay)
        return move

    def _table(self) -> Array:
        table = np.full(self.states, 1.0 / self.states)
        for i, parent in enumerate(self.parents, 1):
            shape = [1] * (i + 1)
            shape[parent] = shape[i] = self.states
            table = table[..., None] * self.move.reshape(shape)
        return table


@dataclass(frozen=True)
class Exchangeable(Target):
    """sum_k weights_k prod_i components_k(x_i): given which k, the coordinates are independent and alike."""

    weights: Array
    components: Array
    """(K, S)."""
    dim: int

    @property
    def states(self) -> int:  # type: ignore[override]
        return self.components.shape[1]

    def _table(self) -> Array:
        total = np.zeros((self.states,) * self.dim)
        for weight, row in zip(self.weights, self.components, strict=True):
            part = np.array(weight)
            for _ in range(self.dim):
                part = part[..., None] * row
            total += part
        return total


# -- families ---------------------------------------------------------------------------------------


def categorical(probabilities: Any, states: int | None = None, dim: int | None = None) -> Target:
    """The table itself: a nested list, or a flat one with ``states`` and ``dim`` (row-major, last axis fastest)."""
    try:
        table = np.array(probabilities, dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            "must be a nested list of numbers, even at each level", key="target.probabilities"
        ) from None
    if states is not None or dim is not None:
        if states is None or dim is None or table.ndim != 1:
            raise InputError("a flat list goes with both states and dim", key="target.probabilities")
        _at_least(1, "dim", dim)
        if dim > MOST_STATES.bit_length() or table.size != states**dim:
            raise InputError(f"has {table.size} entries, and not {states}^{dim}", key="target.probabilities")
        table = table.reshape((states,) * dim)
    if table.ndim == 0 or len(set(table.shape)) != 1:
        raise InputError(
            f"must have equally many states along each axis, not {table.shape}", key="target.probabilities"
        )
    _two_states(table.shape[0], "target.probabilities")
    return Table(_probabilities(table, "target.probabilities"))


def markov_chain(length: int, states: int, stay: float) -> Tree:
    """x_1 ... x_length, x_1 uniform, staying with probability ``stay`` and moving to each other state alike."""
    _at_least(1, "length", length)
    return _tree(tuple(range(length - 1)), states, stay)


def tree(parents: list[int], states: int, stay: float) -> Tree:
    """``parents[i]`` is that of coordinate i + 1, one of 0 ... i; coordinate 0 is the root, uniform."""
    for i, parent in enumerate(parents):
        if not 0 <= parent <= i:
            raise InputError(f"must be one of 0 ... {i}, got {parent}", key=f"target.parents[{i}]")
    return _tree(tuple(parents), states, stay)


def product_of_categoricals(factors: Any, dim: int | None = None) -> Product:
    """Independent coordinates: ``factors`` has the probabilities of each; with ``dim`` they are repeated by turns."""
    rows = _rows(factors, "target.factors")
    if len({len(row) for row in rows}) != 1:
        raise InputError("must have equally many states in each coordinate", key="target.factors")
    _two_states(len(rows[0]), "target.factors")
    if dim is not None:
        _at_least(1, "dim", dim)
    distinct: dict[bytes, int] = {}
    order = tuple(distinct.setdefault(row.tobytes(), len(distinct)) for row in rows)
    kept = tuple(rows[order.index(k)] for k in range(len(distinct)))
    return Product(kept, order, len(rows) if dim is None else dim)


def mixture_of_products(weights: Any, components: Any) -> Target:
    """sum_k w_k prod_i: ``components[k]`` are the factors of one product."""
    share = _row(weights, "target.weights")
    if not isinstance(components, list) or len(share) != len(components):
        raise InputError(f"has {len(share)} entries, one for each of the components", key="target.weights")
    tables = [product_of_categoricals(factors).table() for factors in components]
    if len({table.shape for table in tables}) != 1:
        raise InputError("must all have the same states and dimension", key="target.components")
    return Table(np.asarray(sum(w * table for w, table in zip(share, tables, strict=True))))


def exchangeable(weights: Any, components: Any, length: int) -> Exchangeable:
    """A mixture of independent and identical coordinates: ``components[k]`` are the probabilities of one of them."""
    _at_least(1, "length", length)
    share, rows = _row(weights, "target.weights"), _rows(components, "target.components")
    if len(share) != len(rows) or len({len(row) for row in rows}) != 1:
        raise InputError("must be one list of the same length for each weight", key="target.components")
    _two_states(len(rows[0]), "target.components")
    return Exchangeable(share, np.array(rows), length)


def uniform_set(points: Any, states: int) -> Target:
    """The uniform law on a set of points, each a list of states 0 ... states - 1."""
    _at_least(2, "states", states)
    try:
        found = np.array(points)
    except ValueError:  # of several lengths
        found = np.array(None)
    if found.ndim != 2 or found.dtype.kind != "i" or found.min() < 0 or found.max() >= states:
        raise InputError(
            f"must be lists of one length with states from 0 to {states - 1}", key="target.points"
        )
    _check_size(states, found.shape[1])
    table = np.zeros((states,) * found.shape[1])
    for point in {tuple(row) for row in found.tolist()}:
        table[point] = 1.0
    return Table(table / table.sum())


FAMILIES: dict[str, Callable[..., Target]] = {
    "categorical": categorical,
    "markov-chain": markov_chain,
    "tree": tree,
    "product-categorical": product_of_categoricals,
    "mixture-of-products": mixture_of_products,
    "exchangeable": exchangeable,
    "uniform-set": uniform_set,
}


def build(spec: Mapping[str, Any]) -> Target:
    """The law of a ``[target]``; InputError, naming ``target.<key>``, for every mistake."""
    family = spec.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(
            f"unknown discrete family {brief(family)}{did_you_mean(str(family), FAMILIES)}",
            key="target.family",
        )
    given = {key: value for key, value in spec.items() if key != "family"}
    target: Target = made(FAMILIES[family], given, name="target", who=family)
    return target


def marginal(table: Array, axes: Sequence[int]) -> Array:
    """The law of some coordinates, in the order in which they are named."""
    others = tuple(i for i in range(table.ndim) if i not in axes)
    kept = sorted(axes)
    return np.asarray(table.sum(others).transpose([kept.index(i) for i in axes]))


def _tree(parents: tuple[int, ...], states: int, stay: float) -> Tree:
    _at_least(2, "states", states)
    if not 0 <= stay <= 1:
        raise InputError(f"must lie between 0 and 1, got {stay:g}", key="target.stay")
    return Tree(parents, states, stay)


def _rows(values: Any, key: str) -> list[Array]:
    if not isinstance(values, list) or not values:
        raise InputError(f"must be a list of lists of numbers, got {brief(values)}", key=key)
    return [_row(row, f"{key}[{i}]") for i, row in enumerate(values)]


def _row(values: Any, key: str) -> Array:
    try:
        row = np.array(values, dtype=float)
    except (TypeError, ValueError):
        row = np.array(None)
    if row.ndim != 1 or not row.size or row.dtype == object:
        raise InputError(f"must be a list of numbers, got {brief(values)}", key=key)
    return _probabilities(row, key)


def _probabilities(table: Array, key: str) -> Array:
    if table.size > MOST_STATES:
        raise InputError(f"has {table.size} states; at most {MOST_STATES} fit", key=key)
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise InputError("must be finite numbers >= 0", key=key)
    total = float(table.sum())
    if abs(total - 1) > SUMS_TO_ONE:
        raise InputError(f"must sum to 1, they sum to {total:.10g}", key=key)
    return table / total


def _at_least(least: int, key: str, value: int) -> None:
    if value < least:
        raise InputError(f"must be at least {least}, got {value}", key=f"target.{key}")


def _two_states(states: int, key: str) -> None:
    if states < 2:
        raise InputError(f"must have two states or more, not {states}", key=key)


def _check_size(states: int, dim: int) -> None:
    if dim * np.log2(max(states, 1)) > np.log2(MOST_STATES):
        raise InputError(f"{states}^{dim} states; at most {MOST_STATES} fit", key="target")
