"""Laws on [S]^d as tables: arrays of shape (S,) * d, the last axis fastest, that sum to 1."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.numerics.quadrature import Array
from sharpbound.options import made

MOST_STATES = 1 << 20
"""The largest table."""
SUMS_TO_ONE = 1e-9


def categorical(probabilities: Any, states: int | None = None, dim: int | None = None) -> Array:
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
        if table.size != states**dim:
            raise InputError(
                f"has {table.size} entries, and {states}^{dim} are {states**dim}", key="target.probabilities"
            )
        table = table.reshape((states,) * dim)
    if table.ndim == 0 or len(set(table.shape)) != 1:
        raise InputError(
            f"must have equally many states along each axis, not {table.shape}", key="target.probabilities"
        )
    return _probabilities(table, "target.probabilities")


def markov_chain(length: int, states: int, stay: float) -> Array:
    """x_1 ... x_length, x_1 uniform, staying with probability ``stay`` and moving to each other state alike."""
    _at_least(1, "length", length)
    _at_least(2, "states", states)
    _check_size(states, length)
    if not 0 <= stay <= 1:
        raise InputError(f"must lie between 0 and 1, got {stay:g}", key="target.stay")
    move = np.full((states, states), (1 - stay) / (states - 1))
    np.fill_diagonal(move, stay)
    table = np.full(states, 1.0 / states)
    for _ in range(length - 1):
        table = table[..., None] * move
    return table


def product_of_categoricals(factors: Any) -> Array:
    """Independent coordinates: ``factors`` is a list of lists of probabilities, one per coordinate."""
    rows = [_row(row, f"target.factors[{i}]") for i, row in enumerate(factors)]
    if len({len(row) for row in rows}) != 1:
        raise InputError("must have equally many states in each coordinate", key="target.factors")
    _check_size(len(rows[0]), len(rows))
    table = rows[0]
    for row in rows[1:]:
        table = table[..., None] * row
    return table


def mixture_of_products(weights: Any, components: Any) -> Array:
    """sum_k w_k prod_i: ``components[k]`` are the factors of one product."""
    share = _row(weights, "target.weights")
    if len(share) != len(components):
        raise InputError(f"has {len(share)} entries for {len(components)} components", key="target.weights")
    tables = [product_of_categoricals(factors) for factors in components]
    if len({table.shape for table in tables}) != 1:
        raise InputError("must all have the same states and dimension", key="target.components")
    return np.asarray(sum(w * table for w, table in zip(share, tables, strict=True)))


def uniform_set(points: Any, states: int) -> Array:
    """The uniform law on a set of points, each a list of states 0 ... states - 1."""
    found = np.array(points, dtype=int)
    _at_least(2, "states", states)
    if found.ndim != 2 or found.min() < 0 or found.max() >= states:
        raise InputError(
            f"must be lists of one length with states from 0 to {states - 1}", key="target.points"
        )
    _check_size(states, found.shape[1])
    table = np.zeros((states,) * found.shape[1])
    for point in {tuple(row) for row in found.tolist()}:
        table[point] = 1.0
    return table / table.sum()


FAMILIES: dict[str, Callable[..., Array]] = {
    "categorical": categorical,
    "markov-chain": markov_chain,
    "product-categorical": product_of_categoricals,
    "mixture-of-products": mixture_of_products,
    "uniform-set": uniform_set,
}


def build(spec: Mapping[str, Any]) -> Array:
    """The table of a ``[target]``; InputError, naming ``target.<key>``, for every mistake."""
    family = spec.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(
            f"unknown discrete family {brief(family)}{did_you_mean(str(family), FAMILIES)}",
            key="target.family",
        )
    given = {key: value for key, value in spec.items() if key != "family"}
    table: Array = made(FAMILIES[family], given, name="target", who=family)
    return table


def conditionals(table: Array, seen: tuple[int, ...]) -> Array:
    """log p(x_i | x_seen) of each other coordinate i, as arrays over (x_seen, x_i); axis 0 is i, in order."""
    d, states = table.ndim, table.shape[0]
    rest = [i for i in range(d) if i not in seen]
    shape = (len(rest), *(states,) * len(seen), states)
    out = np.empty(shape)
    for k, i in enumerate(rest):
        joint = marginal(table, (*seen, i))
        with np.errstate(divide="ignore", invalid="ignore"):
            out[k] = joint / joint.sum(-1, keepdims=True)
    return np.nan_to_num(out)  # where x_seen never occurs


def marginal(table: Array, axes: tuple[int, ...]) -> Array:
    """The law of some coordinates, in the order in which they are named."""
    others = tuple(i for i in range(table.ndim) if i not in axes)
    kept = sorted(axes)
    return np.asarray(table.sum(others).transpose([kept.index(i) for i in axes]))


def subsets(d: int, size: int) -> list[tuple[int, ...]]:
    """All subsets of 0 ... d - 1 of a size, each increasing."""
    return list(itertools.combinations(range(d), size))


def _row(values: Any, key: str) -> Array:
    try:
        row = np.atleast_1d(np.array(values, dtype=float))
    except (TypeError, ValueError):
        raise InputError(f"must be a list of numbers, got {brief(values)}", key=key) from None
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


def _check_size(states: int, dim: int) -> None:
    if dim * np.log2(max(states, 1)) > np.log2(MOST_STATES):
        raise InputError(f"{states}^{dim} states; at most {MOST_STATES} fit", key="target")
