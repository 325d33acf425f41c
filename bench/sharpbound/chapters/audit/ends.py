"""Which step is to blame for an order that is too low: the first, the last, or those of unequal length.

*First.* One step from the exact law has the defect delta(u) at the level where it lands. The exact flow carries a
displacement with p(x) dx constant, so at the end of the ladder it is p_1(x_1(u)) delta(u)/p(x(u)): a step of order q,
made once, leaves an error of order h^{q+1} of a known size.

*Last.* The same ladder with its last step cut in two differs from it by the defect of that step alone: all earlier
steps are the same. A method of order p throughout changes by h^{p+1}, one whose last step is of order q by h^{q+1}.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

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
    for name, defect in (("first", _first), ("last", _last)):
        try:
            coarse, fine = (defect(bench, found.view.ladder(T)) for T in (COARSE, FINE))
        except (NotMeasured, InputError):
            continue
        whole = bench.point(found.view, FINE).w2
        if not (coarse and fine and whole):
            continue
        observed = math.log2(coarse / fine)
        if abs(observed - order) <= NEAR and order > 1 and fine >= SHARE * share * whole:
            return f"its {name} step is of order {order - 1}"
    return None


def _first(bench: Bench, ladder: Ladder) -> float:
    """Norm at the end of the ladder of the defect of its first step."""
    top = ladder.T
    one = replace(
        ladder, a=ladder.a[top - 1 :], sigma=ladder.sigma[top - 1 :], beta=ladder.beta[top - 1 :], stop=0
    )
    found = bench.probe(one)
    landed, end = ladder.level(top - 1), ladder.level(ladder.stop)
    log_p, log_p_end = (
        bench.target.log_density(torch.from_numpy(bench.quantiles.at(level)).reshape(-1, 1), *level).numpy()
        for level in (landed, end)
    )
    return found.norm(np.exp(log_p - log_p_end) * found.errors)


def _last(bench: Bench, ladder: Ladder) -> float:
    """Norm of the change when the last step is cut in two, equal in log(a/sigma)."""
    stop = ladder.stop
    n = ladder.sigma[stop : stop + 2] / ladder.a[stop : stop + 2]
    if n[0] == 0:
        raise NotMeasured("the last step goes to sigma = 0")
    a, sigma = ladder.process.level_at(-0.5 * math.log(n[0] * n[1]))
    cut = replace(
        ladder,
        a=np.insert(ladder.a, stop + 1, a),
        sigma=np.insert(ladder.sigma, stop + 1, sigma),
        beta=np.insert(ladder.beta, stop + 1, 0.0),
    )
    whole, halves = bench.probe(ladder), bench.probe(cut)
    return whole.norm(whole.errors - halves.errors)
