"""The limit T -> oo of the leading term: error ~ C (log T)^a / T^p, without a step of such a T.

The defects of a sampler of order p add up to R_T = sum_t (step)^{p+1} f, so with the schedule's density of steps
(`clock`) the limit is one field on the line, had from passes on a few ladders that are uniform in
lambda = log(a/sigma), by Richardson's extrapolation in their step.

* Fixed ends: R_T -> c/T^p with c = int W^p f dlambda.
* Li et al. (2306.09251, eq. (22)): with s = -log abar and eta = c1 log T/T a step is eta min(s, 1) in s, from
  s = T^{-c0} to 1 + (c1 - c0) log T. The defects of a sampler that does not contract tend to a limit in s at the noisy
  end, and for atoms to one in log s at the clean end, so that

      R_T -> eta^p [A log T + B],    A = (c1 - c0) A_noisy + c0 A_clean.

Every distance of `response` then is that of this field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.asymptotics import FixedEnds, GrowingHorizon, Limit
from sharpbound.laws.leading.choice import line_passes, path_passes
from sharpbound.laws.leading.clock import StepDensity, fixed_density
from sharpbound.laws.leading.ladders import RESOLVED
from sharpbound.laws.leading.layer import LAYER, edged
from sharpbound.laws.leading.passes import Passes
from sharpbound.laws.leading.radial import RadialLine
from sharpbound.laws.leading.series import NONE, NoError, Series, size
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import tensor
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import VP
from sharpbound.samplers.base import Sampler
from sharpbound.targets import Density1D, Gaussian1D
from sharpbound.targets.base import Target, Target1D

SETTLED_REST = 1e-3
"""The accuracy asked of B where A log T is not zero and decides the constant."""
NOISY, CLEAN = 14.0, 14.0
"""-lambda and lambda of the ends of the ladders that stand for Li's schedule: what is beyond them is e^{-14} ..."""
NOISY_REST, CLEAN_REST = 9.0, 9.0
"""... or e^{-9}, where A log T is not zero and decides the constant ..."""
NOISY_CONTRACTING, CLEAN_CONTRACTING = 7.0, 8.0
"""... and e^{-14} again where a stochastic sampler forgets what happened at the noisy end ..."""
CLEAN_SMOOTH = 10.0
"""... which is cheap to follow further on smooth laws. What is left out at the clean end is of the order of sigma^2
over the variance of the narrowest part of the law: 1e-6 for a std of .05."""
BEYOND, LEFT_OUT = 32.0, 2.5
"""What the ladders' clean end, at s, leaves out of a distance, in units of s for a law that is noise there, else of
sigma^2 times the Fisher information: more than was seen, which for Gaussian laws is 1 of TV, 1.5 of W2 and 2 of KL."""
CLEAN_RATE = 10.0
"""lambda where the defects of a unit of log(1/s) are read: near one atom they differ from their limit by O(s), e^{-18}
there. Further on wide gaps between atoms lose digits."""
RATE_STRETCH = 2.0
"""A stretch of lambda at an end, from which a rate of A is had."""


def line_limit(
    target: Target1D, make: Callable[[int], Ladder], sampler: Sampler, accuracy: float | None = None
) -> Limit:
    """The leading term for T -> oo of the law of a sampler's output, from the exact start, with the exact score.

    make : the schedule's ladder of T steps.
    accuracy : relative; by default as far as it goes in seconds.
    Raises NotMeasured with the reason where there is none.
    """
    if isinstance(target, Density1D):
        raise NotMeasured("the tails of a law that is given by its density alone cost too much")
    if isinstance(target, RadialLine) and not sampler.deterministic and make(64).name == "li2024":
        return _across_a_sphere(make, sampler, accuracy)
    facts, clean = target.facts(), CLEAN_REST
    singular = bool(facts.low_dimensional)
    if isinstance(target, RadialLine):
        clean += target.flattened
    spread = not singular and not edged(target)
    bounded = facts.radius is not None and math.isfinite(facts.radius)
    forgetful = CLEAN_SMOOTH if spread and (facts.smooth or bounded) else CLEAN_CONTRACTING
    found = _limit(
        sampler,
        make,
        lambda density: line_passes(target, sampler, density),
        clean,
        None if sampler.deterministic else forgetful,
        singular,
        accuracy,
    )
    if not isinstance(found, GrowingHorizon):
        return found
    if singular and not getattr(found.whole.fields[0], "gaps", ()):
        return replace(found, in_noise=True, rest=BEYOND * math.exp(-found.clean))
    if spread and not sampler.deterministic:
        return replace(found, rest=LEFT_OUT * _share_of_noise(target, *found.level))
    return found


def _share_of_noise(target: Target1D, a: float, sigma: float) -> float:
    """sigma^2 E[(log p)'^2] at a level: about sigma^2 over the variance of the narrowest part of the law."""
    panels = density_panels(target, a, sigma, RESOLVED)
    log_p, slope = (one.numpy() for one in target.derivatives(tensor(panels.nodes), a, sigma, (0, 1)))
    return sigma**2 * float(panels.integrate(np.exp(log_p) * slope**2))


def _across_a_sphere(make: Callable[[int], Ladder], sampler: Sampler, accuracy: float | None) -> Limit:
    """Of a stochastic sampler on a sphere and the schedule of Li et al., which ends without noise.

    It forgets all but what it does at the last levels, where the sphere is a plane with noise across it and the law of
    the distance from it that of one atom. What the curvature adds to that has the noise sigma = T^{-c0/2} for a factor.
    """
    try:
        found = line_limit(Gaussian1D(0.0, 0.0), make, sampler, accuracy)
    except NoError:
        raise NotMeasured(
            f"the steps of {sampler.name} are exact across a sphere as the noise vanishes: what is left falls with that"
        ) from None
    c0 = make(64).params["c0"]
    if found.p > 1 + 0.5 * c0:
        raise NotMeasured(
            f"what {sampler.name} leaves across a sphere falls faster than what its curvature leaves, a step times the "
            f"noise of the last level, T^-{0.5 * c0:g}"
        )
    return found


def path_limit(target: Target, make: Callable[[int], Ladder], sampler: Sampler) -> Limit:
    """The same for the KL divergence of the true chain from the sampler's, in any dimension."""
    return _limit(
        sampler,
        make,
        lambda density: path_passes(target, sampler, density),
        CLEAN_REST,
        None,
        True,
        None,
    )


def _limit(
    sampler: Sampler,
    make: Callable[[int], Ladder],
    passes_on: Callable[[StepDensity], Passes],
    clean: float,
    forgetful: float | None,
    lasting: bool,
    accuracy: float | None,
) -> Limit:
    """``clean``: lambda where Li's ladders end; ``forgetful``: the same for a sampler that forgets what happened at the
    noisy end, None for others; ``lasting``: whether defects may not die out at the clean end.
    """
    if not sampler.descends:
        raise NotMeasured(f"{sampler.name} stays at one level, and has no error of its steps down")
    ladder = make(64)
    if ladder.name == "li2024":
        _check_even(sampler, False)
        ends = ladder.params["c0"], ladder.params["c1"]
        return _growing(*ends, sampler.order, passes_on, clean, forgetful, lasting, accuracy)
    if ladder.slow_log:
        raise NotMeasured(f"how the horizon of {ladder.name} grows with T is not known")
    density = fixed_density(make)
    _check_even(sampler, density.uniform)
    passes = passes_on(density)
    p = passes.order()
    return FixedEnds(p, passes.settled(p, accuracy or passes.accuracy))


def _check_even(sampler: Sampler, uniform: bool) -> None:
    if sampler.counts_steps and not uniform:
        raise NotMeasured(
            f"a step of {sampler.name} depends on how many there are, and these are not equal in log(a/sigma)"
        )


def _growing(
    c0: float,
    c1: float,
    claimed: float | None,
    passes_on: Callable[[StepDensity], Passes],
    clean: float,
    forgetful: float | None,
    lasting: bool,
    accuracy: float | None,
) -> GrowingHorizon:
    kink = -0.5 * math.log(math.expm1(1.0))

    def density(lam: float) -> float:
        s = _minus_log_abar(lam)
        return min(s, 1.0) / (2 * -math.expm1(-s))

    def passes(noisy: float, *clean: float) -> Passes:
        return passes_on(StepDensity(VP, (-noisy, kink, *clean), density))

    def limit(
        whole: Series, noisy: float, clean: float, noisy_rate: Series | None, clean_rate: Series | None
    ) -> GrowingHorizon:
        horizon, log_clean = _minus_log_abar(-noisy) - 1.0, -math.log(_minus_log_abar(clean))
        return GrowingHorizon(p, c0, c1, whole, horizon, log_clean, noisy_rate, clean_rate)

    def nothing(rate: Series) -> bool:
        return size(rate.coefficient(0)) <= NONE * size(whole.coefficient(0)) / NOISY_REST

    if forgetful is not None:

        def end_of(order: float | None) -> float:
            return (
                forgetful if order == 1 else CLEAN_CONTRACTING
            )  # where others are lost in rounding further on

        def ending(end: float) -> Passes:
            layer = [end - LAYER] if forgetful == CLEAN_CONTRACTING else []
            return passes(NOISY_CONTRACTING, *layer, end).at_vanishing_noise()

        end = end_of(claimed)
        found = ending(end)
        p = found.order()
        if end != end_of(p):
            end = end_of(p)
            found = ending(end)
        whole = found.settled(p, accuracy or found.accuracy)
        return limit(whole, NOISY_CONTRACTING, end, None, None)
    found = passes(NOISY_REST, clean)
    p = found.order()
    whole = found.settled(p, SETTLED_REST)
    noisy_rate = _rate(found, p, -NOISY)
    clean_rate = _rate(found, p, max(clean, CLEAN_RATE)) if lasting else None
    if clean_rate and nothing(clean_rate):
        clean_rate = None
    if not nothing(noisy_rate):
        return limit(whole, NOISY_REST, clean, noisy_rate, clean_rate)
    clean = clean if lasting else CLEAN
    found = passes(NOISY, clean)
    return limit(found.settled(p, accuracy or found.accuracy), NOISY, clean, None, clean_rate)


def _rate(whole: Passes, p: int, lam: float) -> Series:
    """What the defects near one end add up to for each unit of s (the noisy end) or of log(1/s) (the clean one).

    Of a stretch of lambda, the second half alone: a multistep sampler starts in the first.
    """
    stretch = (lam - RATE_STRETCH, lam) if lam > 0 else (lam, lam + RATE_STRETCH)
    passes = replace(whole, density=replace(whole.density, breaks=stretch))
    fields = []
    for fineness in whole.rates:
        added, ends = passes.latter_half(fineness, p)
        s = [_minus_log_abar(end) for end in ends]
        length = s[0] - s[1] if lam < 0 else math.log(s[0] / s[1])
        fields.append(added.scaled(1 / length))
    return passes.as_series(whole.rates, fields)


def _minus_log_abar(lam: float) -> float:
    """s = -log abar where log(a/sigma) = lam, of a process that preserves variance."""
    return math.log1p(math.exp(-2 * lam)) if lam > -300 else -2 * lam
