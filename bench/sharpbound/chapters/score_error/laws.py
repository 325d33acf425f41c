"""Output laws with a wrong score, against the truth and against the same sampler with the exact score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sharpbound import laws
from sharpbound.chapters.score_error.iid_noise import NoisyScore, step_gains
from sharpbound.distances.base import Measured, worst
from sharpbound.distances.products import LineFactor, ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws import chains
from sharpbound.laws.base import Problem
from sharpbound.laws.chains import Chain
from sharpbound.laws.difference import Law, Line, _closed, difference
from sharpbound.laws.engines import laws_beside, solve
from sharpbound.laws.grid import grid_laws
from sharpbound.laws.resolving import Resolving
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Mixture, Sampler, Step
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.scores.injection import Injection, Part
from sharpbound.scores.perturbed import PerturbedScore
from sharpbound.targets import Gaussian1D


class Outputs(NamedTuple):
    """What a sampler makes of the exact and of the wrong score, and what lies between."""

    exact: Law
    """With the exact score, against X_stop."""
    wrong: Law
    """With the wrong score, against X_stop."""
    added: Law
    """With the wrong score, against the output with the exact score. Coordinates without an error are alike
    in both, independent of the others, and left out."""


def outputs(injection: Injection, sampler: Sampler, init: str = "normal") -> Outputs:
    """All three laws, for the price of two."""
    sampler.check(injection.ladder)
    pairs = [
        _part_laws(part, injection.ladder, sampler, init, _scores(part, injection.ladder))
        for part in injection.parts
    ]
    perturbed = [i for i, part in enumerate(injection.parts) if part.error is not None]
    return Outputs(
        _together(injection.parts, [pair[0] for pair in pairs]),
        _together(injection.parts, [pair[-1] for pair in pairs]),
        _together([injection.parts[i] for i in perturbed], [_difference(*pairs[i]) for i in perturbed]),
    )


def output_law(injection: Injection, sampler: Sampler, init: str = "normal", *, exact: bool = False) -> Law:
    """The law of Y_stop against X_stop, with the wrong score or with the exact one."""
    ladder = injection.ladder
    sampler.check(ladder)
    chosen = 0 if exact else -1
    laws = [
        _part_laws(part, ladder, sampler, init, [_scores(part, ladder)[chosen]])[0]
        for part in injection.parts
    ]
    return _together(injection.parts, laws)


def added_law(injection: Injection, sampler: Sampler, init: str = "normal") -> Law:
    """What the score error alone does: `Outputs.added`."""
    return outputs(injection, sampler, init).added


def start_law(injection: Injection, sampler: Sampler) -> Law:
    """What the Gaussian start does: the law from it against the law from the exact p_T, exact scores."""
    ladder = injection.ladder
    sampler.check(ladder)
    laws = []
    for part in injection.parts:
        score = _scores(part, ladder)[:1]
        exact, normal = (_part_laws(part, ladder, sampler, init, score)[0] for init in ("exact", "normal"))
        laws.append(_difference(exact, normal))
    return _together(injection.parts, laws)


def noisy_law(injection: Injection, noisy: NoisyScore, init: str = "normal") -> Law:
    """The law with fresh noise on the exact score in place of the field."""
    ladder = injection.ladder
    return _together(injection.parts, [_noisy_part(part, ladder, noisy, init) for part in injection.parts])


def noise_added_law(injection: Injection, noisy: NoisyScore, init: str = "normal") -> Law:
    """What the fresh noise alone does: the law with it against the law with the exact score."""
    ladder = injection.ladder
    laws = [
        _difference(_exact_law(part, ladder, noisy.sampler, init), _noisy_part(part, ladder, noisy, init))
        for part in injection.parts
    ]
    return _together(injection.parts, laws)


def _noisy_part(part: Part, ladder: Ladder, noisy: NoisyScore, init: str) -> Line:
    """On panels as fine as the noise: that of a deterministic sampler is too small for the density engine."""
    if isinstance(part.target, Gaussian1D):
        return _exact_law(part, ladder, noisy, init)
    assert part.error is not None
    (law,) = grid_laws(part.target, ladder, noisy, [ExactScore(part.target, ladder)], part.error, init)
    return replace(law, engine="grid")


def _exact_law(part: Part, ladder: Ladder, sampler: Sampler, init: str) -> Line:
    return solve(Problem(part.target, ladder, sampler, ExactScore(part.target, ladder), init), sampled=False)  # type: ignore[return-value]


def _difference(exact: Line, wrong: Line) -> Line:
    """`difference`, by the engine of the two."""
    return replace(difference(exact, wrong), engine=wrong.engine)


def path_divergence(injection: Injection, sampler: Sampler, init: str = "normal") -> Measured:
    """KL of the true reverse chain against the sampler's with the wrong score; sums over coordinates."""
    return path_chain(injection, sampler, init).measured


def path_chain(injection: Injection, sampler: Sampler, init: str = "normal") -> Chain:
    """`path_divergence` and the engines that found it."""
    found = []
    for part in injection.parts:
        target, (*_, score) = part.target, _scores(part, injection.ladder)
        if score.field is not None and not score.affine:
            target = Resolving(target, score.field)
        found.append((chains.solve(Problem(target, injection.ladder, sampler, score, init)), part.count))
    total = Measured(
        sum(n * one.measured.value for one, n in found),
        sum(n * one.measured.floor for one, n in found),
        worst(one.measured.kind for one, _ in found),
    )
    return Chain(total, " and ".join(dict.fromkeys(one.engine for one, _ in found)))


def path_added(injection: Injection, sampler: Sampler) -> Measured:
    """What the error adds to the path KL of a sampler whose mean is the exact posterior mean, with equality:

    sum_t c_t^2/(2 S_t^2) E_{q_t} ||e_t||^2, c_t = d mean/d score (Girsanov; the cross term has mean zero).
    """
    ladder, terms = injection.ladder, []
    for t in range(ladder.T, ladder.stop, -1):
        (c, *more) = step_gains(sampler, ladder, t)
        stage = sampler.stages(Step(t, ladder, ExactScore(injection.parts[0].target, ladder)))[0]
        std = 0.0 if isinstance(stage, Mixture) else stage.std
        if more or std == 0.0 or abs(c * math.sqrt(ladder.alpha(t)) / ladder.noise_variance(t) - 1) > 1e-9:
            raise NotMeasured(
                f"path-kl-added is a sum over steps for ddpm, whose mean is exact, not {sampler.name}"
            )
        terms.append(0.5 * (c / float(std)) ** 2 * float(injection.level_norms[t]) ** 2)  # type: ignore[arg-type]
    total = math.fsum(terms)
    return Measured(total, 1e-12 * total, "closed-form")


def _together(parts: Sequence[Part], laws: Sequence[Line]) -> Law:
    if len(laws) == 1 and parts[0].count == 1:
        return laws[0]
    return ProductLaw.of(laws, [part.count for part in parts])


def _scores(part: Part, ladder: Ladder) -> list[ScoreField]:
    """The exact score, and the wrong one where there is an error."""
    exact = ExactScore(part.target, ladder)
    return [exact] if part.error is None else [exact, PerturbedScore(exact, part.error)]


def _part_laws(
    part: Part, ladder: Ladder, sampler: Sampler, init: str, scores: Sequence[ScoreField]
) -> list[Line]:
    """The law on the line with each of the scores."""
    if part.error is None:
        return [_exact_law(part, ladder, sampler, init)]
    wrong = PerturbedScore(ExactScore(part.target, ladder), part.error)
    found: Sequence[Any] = laws_beside(Problem(part.target, ladder, sampler, wrong, init), scores)
    return [replace(_closed(law), engine=law.engine) if law.engine == "density" else law for law in found]


ADDED = ("tv", "kl", "kl-reverse", "chi2", "hellinger")
"""Distances between the two outputs."""
FAR = ("kl-reverse", "chi2", "w1", "w2")
"""Distances that depend on where a mass goes, however far from the target."""
LOST, CUT = 1e-12, 1e-8
"""Mass out of reach, and share of the outermost panels in chi2, from which on these are not given."""


def distance(law: Law, metric: str) -> Measured:
    """`sharpbound.laws.distance`, also where an error drives some mass off without end.

    NotMeasured where the distance is decided beyond the reach of the panels.
    """
    lines, counts = _lines(law)
    lost = max((line.outside_q for line in lines), default=0.0)
    if lost > LOST and metric in FAR:
        raise NotMeasured(f"the error drives a mass {lost:.1e} off without end, and this depends on where to")
    if lost > LOST and metric == "kl" and len(lines) == len(counts):
        found = [_divergence(line) for line in lines]
        of = list(zip(found, counts, strict=True))
        return Measured(sum(n * one.value for one, n in of), sum(n * one.floor for one, n in of))
    measured = laws.distance(law, metric)
    if metric == "chi2" and math.isfinite(measured.value) and any(map(_cut_off, lines)):
        raise NotMeasured("it is decided in tails beyond the last panel, if it is finite at all")
    return measured


def _lines(law: Law) -> tuple[list[Ratio1D], list[int]]:
    """The parts of the law that are held by a quadrature, and how often each part of it occurs."""
    if isinstance(law, ProductLaw):
        lines = [factor.law for factor in law.factors if isinstance(factor, LineFactor)]
        return lines, list(law.counts)
    return ([law] if isinstance(law, Ratio1D) else []), [1]


def _divergence(law: Ratio1D) -> Measured:
    """KL(p||q) = -int p log q/p, which asks nothing of the mass of q (small values would cancel)."""
    integrand = -law.p * law.log_ratio
    error = float((law.panels.half * law.panels.tails(integrand)).sum())
    return Measured(law.panels.integrate(integrand), error + law.mass_defect)


def _cut_off(law: Ratio1D) -> bool:
    """Whether the outermost panels have a share in chi2."""
    with np.errstate(over="ignore", invalid="ignore"):
        parts = (law.panels.weights * law.p * np.expm1(law.log_ratio) ** 2).sum(1)
    return not max(parts[0], parts[-1]) <= CUT * parts.sum()


__all__ = [
    "ADDED",
    "NotMeasured",
    "added_law",
    "difference",
    "distance",
    "output_law",
    "outputs",
    "path_added",
    "path_chain",
    "path_divergence",
    "start_law",
]
