"""The leading term of a sampler with frozen rates as T goes to infinity: equal steps, from the exact start.

A step of length h from t errs by h^2 b_t + O(h^3), b_t = lim (p_t K_{t,t-h} - p_{t-h})/h^2, so that the law of the
output is p + l/T + O(1/T^2) with

    l = D int b_t P_{t -> delta} dt,        D = horizon - delta,

P the true reverse kernel. Hence TV ~ sum |l|/(2T), KL ~ sum l^2/(2 p T^2), and so on; the KL of the chains, to which
each step adds h^2 c_t, is D int c_t dt/T. b_t and c_t are extrapolated from three steps that halve; nothing is run and
no ladder is fitted, which makes this a second way to the errors of a sweep.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpbound.chapters.base import Cell, Measurement
from sharpbound.chapters.discrete import process, samplers, targets
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.divergences import rows_kl
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array
from sharpbound.records.document import Row

PANELS, NODES = 3, 10
"""Of the integral over log t."""
STEP = 1 / 256
"""The longest of the three steps, over the time."""
MOST_STATES = 256
SETTLED = 0.1
"""A constant whose interval is wider than this share of it is none: the defect vanishes, the order is higher."""
POWERS = {"tv": 1, "hellinger": 1, "kl": 2, "kl-reverse": 2, "chi2": 2, "path-kl": 1}
"""Metric -> power of 1/T."""


@dataclass(frozen=True)
class Defects:
    """l on the states, the constant of the chains' KL, and by how much the last extrapolation moved them."""

    p: Array
    shift: Array
    shift_error: float
    path: float
    path_error: float

    def constant(self, metric: str) -> tuple[float, float]:
        """The constant of ``metric`` and half the width of its interval."""
        if metric == "path-kl":
            return self.path, self.path_error
        relative = self.shift_error / max(float(np.abs(self.shift).sum()), 1e-300)
        squared = float((self.shift**2 / self.p).sum())
        value = {
            "tv": 0.5 * float(np.abs(self.shift).sum()),
            "hellinger": math.sqrt(squared / 8),
            "chi2": squared,
        }.get(metric, 0.5 * squared)
        return value, POWERS[metric] * relative * value


def defects(chain: Chain) -> Defects:
    """Of the sampler of ``chain``, whose T does not matter; InputError where it has no such term."""
    reverse, times = chain.reverse, chain.times
    horizon, delta = float(times[0]), float(times[-1])
    if reverse.size > MOST_STATES:
        raise InputError(f"{reverse.size} states; a leading term takes at most {MOST_STATES}")
    if chain.sampler.forgets:
        raise InputError("corrector steps undo what earlier steps did: errors do not add up")
    if not (
        np.allclose(np.diff(times), times[1] - times[0], rtol=1e-9) and delta > 0 and math.isfinite(horizon)
    ):
        raise InputError("no leading term without equal steps that end before the data")
    p = chain.truth()
    shift, shift_before, path, path_before = np.zeros(p.shape), np.zeros(p.shape), 0.0, 0.0
    x, w = gauss_legendre(NODES)
    edges = np.linspace(math.log(delta), math.log(horizon), PANELS + 1)
    for lo, hi in itertools.pairwise(edges):
        for node, weight in zip(x, w, strict=True):
            t = math.exp(0.5 * (lo + hi) + 0.5 * (hi - lo) * node)
            dt = 0.5 * (hi - lo) * weight * t
            (b, c), (b_before, c_before) = _of_step(chain, t)
            shift += dt * _carried(reverse, b, t, delta)
            shift_before += dt * _carried(reverse, b_before, t, delta)
            path, path_before = path + dt * c, path_before + dt * c_before
    span = horizon - delta
    error = span * float(np.abs(shift - shift_before).sum())
    return Defects(p, span * shift, error, span * float(path), span * abs(float(path - path_before)))


def _of_step(chain: Chain, t: float) -> tuple[tuple[Array, float], tuple[Array, float]]:
    """(b_t, c_t) extrapolated from three steps, and from the last two of them alone."""
    found = [_raw(chain, t, t * STEP / 2**k) for k in range(3)]
    b, c = [each[0] for each in found], [each[1] for each in found]
    return (_limit(b), _limit(c)), (2 * b[2] - b[1], 2 * c[2] - c[1])


def _limit(values: Sequence[Any]) -> Any:
    """Of three values at h, h/2, h/4, without their parts in h and h^2."""
    first, second = 2 * values[1] - values[0], 2 * values[2] - values[1]
    return (4 * second - first) / 3


def _raw(chain: Chain, t: float, h: float) -> tuple[Array, float]:
    """The defect of a step of length h over h^2, of the law and of the chains."""
    reverse = chain.reverse
    p, everything = reverse.marginal(t).ravel(), slice(0, reverse.size)
    first, *later = chain.sampler.kernels(reverse, t, t - h)
    rows = first(everything)
    for kernel in later:
        rows = rows @ kernel(everything)
    true = reverse.true_rows(everything, t, t - h)
    law = (p @ (rows - true)).reshape(reverse.shape)
    return law / h**2, float(p @ rows_kl(true, rows)) / h**2


def _carried(reverse: Reverse, b: Array, t: float, delta: float) -> Array:
    """b carried from t to ``delta`` by the true reverse kernel, which is linear: of its positive and negative part."""
    return reverse.stepped(np.maximum(b, 0.0), t, delta) - reverse.stepped(np.maximum(-b, 0.0), t, delta)


class LeadingTerm(Measurement):
    """Cells of quantity "leading": a row for each metric, with its constant or a note why there is none."""

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        target = targets.build(params["target"])
        try:
            reverse = Reverse(target.table(), process.build(params["forward"], target.states))
            found = defects(Chain(reverse, samplers.build(params["sampler"]), 2))
        except InputError as reason:
            return [{"metric": metric, "note": reason.message} for metric in params["metrics"]]
        return [self._row(metric, found) for metric in params["metrics"]]

    def _row(self, metric: str, found: Defects) -> Row:
        constant, half = found.constant(metric)
        if half > SETTLED * constant:
            return {
                "metric": metric,
                "note": f"{metric} has no term in 1/T^{POWERS[metric]}: its order is higher",
            }
        return {
            "metric": metric,
            "note": None,
            "power": float(POWERS[metric]),
            "log_power": 0.0,
            "constant": constant,
            "low": constant - half,
            "high": constant + half,
        }


LEADING_TERM = LeadingTerm()


def describe(metric: str, found: Sequence[Row], rows: Sequence[Row]) -> dict[str, Any]:
    """The leading term of ``metric`` as it stands in a document, with measured/leading at each row."""
    (row,) = (row for row in found if row["metric"] == metric)
    if row["note"]:
        return {"note": row["note"]}
    ratio = [each[metric] / at(row, each["T"]) if each.get(metric) is not None else None for each in rows]
    return {
        "power": row["power"],
        "log_power": row["log_power"],
        "constant": row["constant"],
        "constant_interval": [row["low"], row["high"]],
        "ratio": ratio,
        "decides": False,
        "reason": "the verdict is that of the slopes",
    }


def at(row: Mapping[str, Any], T: float) -> float:
    """The leading term at T."""
    return float(row["constant"] / T ** row["power"])
