"""Whether a kernel is a sampler of the library: transition by transition, on uneven steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.discrete.audit.order import View
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.samplers import Sampler
from sharpbound.chapters.discrete.samplers.own import NoLaw, OwnKernel
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

STEPS = (12, 48, 192, 768)
"""The fewest of these that the library's sampler can do."""
SAME = 1e-10
"""Chances that differ by less are the same, in double precision."""
ROUNDED = 64.0
"""Units of rounding, in coarser ones."""


def compared(kernel: OwnKernel, theirs: Sampler, view: View, precision: str, unit: float) -> dict[str, Any]:
    """The document of ``--same-as``: verdict "same" or "parts", and where the two part first.

    InputError at --same-as where the library's sampler cannot take such steps.
    """
    T = _steps(theirs, view)
    allowed = max(SAME, ROUNDED * unit)
    largest = 0.0
    first: dict[str, Any] | None = None
    for k, (t, s) in enumerate(Chain(view.reverse, theirs, T).steps):
        try:
            own, other = (_rows(sampler, view, t, s) for sampler in (kernel, theirs))
        except NoLaw as mistake:
            first = {"step": k + 1, "t": t, "s": s, "words": mistake.message}
            break
        seen = view.reverse.marginal(t).ravel() > 0
        off = np.where(seen[:, None], np.abs(own - other), 0.0)
        largest = max(largest, float(off.max()))
        if first is None and off.max() > allowed:
            first = _where(view, own, other, seen, allowed, k) | {"t": t, "s": s}
    words = f"it is {theirs.name}: on {T} {view.grid} steps every chance agrees, to {largest:.0e}"
    if first is not None:
        words = f"parts from {theirs.name} in step {first['step']} of {T}: {first['words']}"
    return {
        "sampler": kernel.named,
        "same_as": theirs.name,
        "verdict": "same" if first is None else "parts",
        "diagnosis": words,
        "first_difference": first,
        "largest_difference": largest,
        "where": view.where,
        "range": list(view.range),
        "ladder": view.grid,
        "steps": T,
        "precision": precision,
    }


def _steps(theirs: Sampler, view: View) -> int:
    for T in STEPS:
        chain = Chain(view.reverse, theirs, T)
        try:
            for t, s in chain.steps:
                theirs.kernels(view.reverse, t, s)
        except InputError as mistake:
            told = mistake
        else:
            return T
    raise InputError(told.message, key="--same-as")


def _rows(sampler: Sampler, view: View, t: float, s: float) -> Array:
    """All transitions, (N, N)."""
    everything = slice(0, view.reverse.size)
    first, *later = (kernel(everything) for kernel in sampler.kernels(view.reverse, t, s))
    for rows in later:
        first = first @ rows
    return first


def _where(
    view: View, own: Array, other: Array, seen: NDArray[np.bool_], allowed: float, step: int
) -> dict[str, Any]:
    """The coordinate whose law is furthest off; or the state, where coordinates part only together."""
    shape = view.reverse.shape
    d = len(shape)
    apart = [
        [rows.reshape(-1, *shape).sum(tuple(j + 1 for j in range(d) if j != i)) for rows in (own, other)]
        for i in range(d)
    ]
    off = np.stack([np.where(seen[:, None], np.abs(a - b), 0.0) for a, b in apart], axis=1)  # (N, d, S')
    told: dict[str, Any] = {"step": step + 1}
    if off.max() > allowed:
        n, i, v = (int(k) for k in np.unravel_index(int(off.argmax()), off.shape))
        x = [int(k) for k in np.unravel_index(n, shape)]
        mine, right = float(apart[i][0][n, v]), float(apart[i][1][n, v])
        return told | {
            "x": x, "coordinate": i, "to": v, "chance": mine, "expected": right,
            "words": f"coordinate {i} of {x} comes to {v} with a chance of {mine:.6g}, not {right:.6g}",
        }  # fmt: skip
    n, y = (int(k) for k in np.unravel_index(int((seen[:, None] * np.abs(own - other)).argmax()), own.shape))
    x, to = ([int(k) for k in np.unravel_index(state, shape)] for state in (n, y))
    return told | {
        "x": x, "to": to, "chance": float(own[n, y]), "expected": float(other[n, y]),
        "words": f"its coordinates agree one by one, but from {x} it comes to {to} with a chance of "
        f"{own[n, y]:.6g}, not {other[n, y]:.6g}",
    }  # fmt: skip
