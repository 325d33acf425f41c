"""Reading a case file's ``[target]`` parameters: every mistake is one line naming ``target.<key>``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.bounds import MAX_DIM, bounded
from sharpbound.errors import InputError

Numbers = Sequence[Any] | NDArray[Any] | Tensor
"""Numbers, or nested lists of them, of Python, numpy or torch."""

WEIGHT_TOLERANCE = 1e-9
"""Weights written with 16 digits sum to 1 within this; a larger gap is a typing error."""


def mistake(key: str, message: str) -> InputError:
    """The error for ``target.<key>``."""
    return InputError(message, key=f"target.{key}")


def plain(value: Any) -> Any:
    """Arrays of numpy and torch, of any dimension, as numbers and nested lists; the rest as it is."""
    return value.tolist() if isinstance(value, (Tensor, np.ndarray, np.generic)) else value


def array(value: Any, key: str, *shape: int | None, least: float = -math.inf) -> Tensor:
    """Finite numbers >= ``least`` as a float64 tensor of ``shape``, where None is any length >= 1.

    From (nested) lists, numpy or torch; a float64 tensor is taken as it is.
    """
    given = plain(value)
    try:
        found = value if isinstance(value, Tensor) else torch.as_tensor(np.array(given))
    except (TypeError, ValueError):
        raise mistake(key, "must hold numbers, in lists of equal lengths") from None
    if found.is_complex() or found.dtype is torch.bool:
        raise mistake(key, "must hold real numbers")
    found = found.to(torch.float64)
    wanted = tuple(found.shape[i] if n is None and i < found.ndim else n for i, n in enumerate(shape))
    if tuple(found.shape) != wanted or not found.numel():
        said = ", ".join("n" if n is None else str(n) for n in shape)
        raise mistake(key, f"must have shape ({said}), got {tuple(found.shape)}")
    if not bool(torch.isfinite(found).all()):
        raise mistake(key, "must be finite")
    if not bool((found >= least).all()):
        raise mistake(key, f"must be at least {least:g}")
    return found


def number(value: Any, key: str, *, above: float = -math.inf, least: float = -math.inf) -> float:
    """A finite number > ``above`` and >= ``least``; booleans and strings are refused."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise mistake(key, f"must be a number, got {value!r}")
    if not math.isfinite(value):
        raise mistake(key, f"must be finite, got {value!r}")
    if not value > above:
        raise mistake(key, f"must be greater than {above:g}, got {value!r}")
    if not value >= least:
        raise mistake(key, f"must be at least {least:g}, got {value!r}")
    return bounded(float(value), f"target.{key}")


def integer(value: Any, key: str, *, least: int, most: int = MAX_DIM) -> int:
    """A whole number from ``least`` to ``most``."""
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise mistake(key, f"must be a whole number, got {value!r}")
    if value < least:
        raise mistake(key, f"must be at least {least}, got {value}")
    if value > most:
        raise mistake(key, f"must be at most {most}, got {value}")
    return value


def sequence(value: Any, key: str, *, length: int | None = None) -> list[Any]:
    """A non-empty list, of ``length`` items if that is given."""
    value = plain(value)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise mistake(key, f"must be a list, got {value!r}")
    if not value:
        raise mistake(key, "must not be empty")
    if length is not None and len(value) != length:
        raise mistake(key, f"must have {length} entries, one each; got {len(value)}")
    return list(value)


def vector(value: Any, key: str, *, length: int | None = None, least: float = -math.inf) -> Tensor:
    """A list of finite numbers as a float64 tensor."""
    entries = sequence(value, key, length=length)
    return torch.tensor(
        [number(entry, f"{key}[{i}]", least=least) for i, entry in enumerate(entries)], dtype=torch.float64
    )


def vectors(value: Any, key: str, *, length: int | None = None, dim: int | None = None) -> Tensor:
    """A list of equally long lists of numbers, as a float64 tensor ``(K, d)``."""
    rows = sequence(value, key, length=length)
    width = dim if dim is not None else len(sequence(rows[0], f"{key}[0]"))
    return torch.stack([vector(row, f"{key}[{i}]", length=width) for i, row in enumerate(rows)])


def covariance(value: Any, key: str, *, dim: int) -> Tensor:
    """A symmetric positive semidefinite ``dim`` x ``dim`` matrix."""
    matrix = vectors(value, key, length=dim, dim=dim)
    scale = float(matrix.abs().max())
    if not torch.allclose(matrix, matrix.T, rtol=0.0, atol=1e-12 * scale):
        raise mistake(key, "must be symmetric")
    matrix = (matrix + matrix.T) / 2
    smallest = float(torch.linalg.eigvalsh(matrix)[0])
    if smallest < -1e-12 * scale:
        raise mistake(key, f"must be positive semidefinite; its smallest eigenvalue is {smallest:.3g}")
    return matrix


def weights(value: Any, key: str = "weights", *, length: int | None = None) -> Tensor:
    """Positive weights that sum to 1, renormalised to do so to the last digit."""
    values = vector(value, key, length=length)
    if not bool((values > 0).all()):
        raise mistake(key, "must all be positive; leave out components of weight 0")
    total = math.fsum(values.tolist())
    if abs(total - 1) > WEIGHT_TOLERANCE:
        raise mistake(key, f"must sum to 1, they sum to {total:.12g}")
    return values / total


def probabilities(value: Any, key: str = "weights") -> Tensor:
    """Weights >= 0 that sum to 1, from lists, numpy or torch, to the last digit as they are."""
    values = array(value, key, None, least=0.0)
    total = math.fsum(values.tolist())
    if abs(total - 1) > WEIGHT_TOLERANCE:
        raise mistake(key, f"must sum to 1, they sum to {total:.12g}")
    return values


def depth(value: Any, key: str) -> int:
    """How many indices the numbers of ``value`` have."""
    try:
        return np.ndim(plain(value))
    except ValueError:
        raise mistake(key, "must hold numbers, in lists of equal lengths") from None
