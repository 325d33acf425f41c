"""Which step is to blame for an order that is too low: the first, the last, or those of unequal length.

The ladder is run again with its first step cut in two, and with its last. All other steps are the same, so that the
output changes by the defect of that step alone: a method of order p throughout changes by h^{p+1}, one whose first or
last step is of order q < p by h^{q+1}, which is then an error of order q + 1 in the end.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sharpbound.chapters.audit.judging import Judged
from sharpbound.chapters.audit.measuring import Bench
from sharpbound.errors import InputError, NotMeasured
from sharpbound.processes import Ladder
from sharpbound.samplers import PlainSampler

COARSE, FINE = 96, 192
NEAR = 0.3
"""An observed order this close to a whole number is that number."""
SHARE = 0.25
"""A step is to blame if its defect is this much of the part of the error that it is to explain."""


def blamed(bench: Bench, found: Judged) -> str | None:
    """The step whose defect gives ``found`` its order, in words, or None."""
    if found.exponent is None or not isinstance(bench.sampler, PlainSampler) or bench.sampler.stochastic:
        return None
    order, share = round(found.exponent), 1.0
    if found.power is not None:
        order, share = found.power.order, found.power.share
    for name in ("first", "last"):
        try:
            coarse, fine = (_defect(bench, found.view.ladder(T), name) for T in (COARSE, FINE))
        except (NotMeasured, InputError):
            continue
        whole = bench.point(found.view, FINE).w2
        if not (coarse and fine and whole):
            continue
        observed = math.log2(coarse / fine)
        if abs(observed - order) <= NEAR and order > 1 and fine >= SHARE * share * whole:
            return f"its {name} step is of order {order - 1}"
    return None


def _defect(bench: Bench, ladder: Ladder, name: str) -> float:
    """Norm of the change when the first or last step is cut in two, equal in log(a/sigma)."""
    low = ladder.stop if name == "last" else ladder.T - 1
    n = ladder.sigma[low : low + 2] / ladder.a[low : low + 2]
    if n[0] == 0:
        raise NotMeasured("the last step goes to sigma = 0")
    a, sigma = ladder.process.level_at(-0.5 * math.log(n[0] * n[1]))
    cut = replace(
        ladder,
        a=np.insert(ladder.a, low + 1, a),
        sigma=np.insert(ladder.sigma, low + 1, sigma),
        beta=np.insert(ladder.beta, low + 1, 0.0),
    )
    whole, halves = bench.probe(ladder), bench.probe(cut)
    return whole.norm(whole.errors - halves.errors)
