"""What a sampler returns when it is handed the score that empirical risk minimisation got wrong.

On the hard pair the wrong hypothesis is the exact score of p2 at every noise level. A sampler without
discretisation error then returns p2 although the data are from p1: TV = eta (2 Phi(R/sigma) - 1), whatever the
L2 error of the score, which grows with R. What the sampler's steps add is how far its law is from p2, the law
whose score it was given: by the triangle inequality the two TVs differ by at most that. (With the right score
the sampler's law is the mirror image, as far from p1.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sharpbound import laws, processes, samplers
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.learned_score import pair_targets, wrong_score
from sharpbound.distances.base import Law
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import InputError
from sharpbound.marginals.panels import log_density
from sharpbound.processes.ladder import Ladder
from sharpbound.targets.base import Target1D


def wrong_samples(v: Mapping[str, Any]) -> dict[str, Any]:
    """TV of the sampled law from p1 with the wrong and with the right score, and the score's errors.

    ``eps_score`` is (mean over levels of ||s1 - s2||^2_{L2})^{1/2}; ``eps`` and ``delta_score`` are those of
    `guarantee`, ``gamma`` is sigma/a where the sampler stops; ``-data`` are the errors at the data's own level.
    """
    pair, ladder = HardPair(v["eta"], v["R"], v["sigma"]), processes.build(v["forward"], v["T"])
    sampler, init = samplers.build(v["sampler"]), v["sampler"].get("init", "normal")
    truth, other = pair_targets(pair)
    law = laws.output_law(truth, ladder, sampler, wrong_score(pair, ladder), init)
    wrong, right = laws.distance(law, "tv"), tv_from(law, truth, other, ladder)
    levels, gamma = _levels(pair, ladder), float(ladder.sigma[ladder.stop] / ladder.a[ladder.stop])
    eps, delta = guarantee(levels, gamma)
    return {
        "tv": wrong.value,
        "tv_floor": right + wrong.floor,
        "floor_kind": wrong.kind,
        "engine": law.engine,
        "tv-right-score": right,
        "eps_score": math.sqrt(sum(level.l2**2 for _, level in levels) / len(levels)),
        "eps": eps,
        "delta_score": delta,
        "gamma": gamma,
        "guarantee": delta + eps * math.sqrt(math.log(1 / gamma)),
        "l2-data": pair.l2,
        "robust-data": pair.robust(2 * pair.eta),
    }


def tv_from(law: Law, own: Target1D, other: Target1D, ladder: Ladder) -> float:
    """TV between a sampler's law, given against ``own``, and the marginal of ``other`` where the sampler stops."""
    assert isinstance(law, Ratio1D)
    level = ladder.level(ladder.stop)
    # in the law's coordinate, where the marginal of ``own`` has the density law.p
    density = np.exp(law.log_p + log_density(other, law.y, *level) - log_density(own, law.y, *level))
    beyond = 1 - law.panels.integrate(density)
    return (law.panels.integrate_abs(law.q - density) + abs(beyond)) / 2


def guarantee(levels: Sequence[tuple[float, HardPair]], gamma: float) -> tuple[float, float]:
    """(eps, delta) with D^{delta/K} <= eps/sigma_t at all K levels for which delta + eps sqrt(log 1/gamma) is least.

    The theorem holds for every delta; delta/K is sought among 2 eta, 8 eta, 32 eta, ... below one.
    """
    if not 0 < gamma < 1:
        raise InputError(
            f"the start is {gamma:.3g} from the data, and must be less than 1: add noise", key="forward"
        )
    eta = levels[0][1].eta
    masses = [2 * eta * 4**k for k in range(math.ceil(math.log(1 / (2 * eta), 4)))]
    choices = [
        (max(noise * pair.robust(mass) for noise, pair in levels), mass * len(levels)) for mass in masses
    ]
    return min(choices, key=lambda choice: choice[1] + choice[0] * math.sqrt(math.log(1 / gamma)))


def _levels(pair: HardPair, ladder: Ladder) -> list[tuple[float, HardPair]]:
    """(sigma_t, the pair at that level) for every level at which a sampler calls the score."""
    return [(float(ladder.sigma[t]), pair.at(*ladder.level(t))) for t in range(ladder.stop + 1, ladder.T + 1)]
