"""Theorems that speak of one quantity: which of their bounds is tighter, and where.

Constants are hidden in most of them, so that bounds are compared as powers: d^p (log T)^k/T^a. With tau = log T/log d a
bound is d^(p - a tau), and the tightest one at each tau is on the lower envelope of these lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sharpbound.records.values import entries, finite, table
from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.terms import Term, leading_term

PROBLEM = ("target", "forward", "sampler", "sweep")
"""The tables of a case that say what is measured."""
SCALE = {"identity": 1.0, "pinsker": 2.0, "from-kl": 0.5}
"""What a claim's transfer to another metric does to its powers (`sharpbound.suite.claim.TRANSFERS`)."""


@dataclass(frozen=True)
class Rival:
    """One theorem's bound on a quantity, up to its constant."""

    claim: Claim
    term: Term
    """The leading one as T goes to infinity."""
    documents: Sequence[Document]
    """Its cases with this sampler."""

    @property
    def power(self) -> float:
        """Of 1/T."""
        return self.term.power

    @property
    def logs(self) -> float:
        """Power of log T."""
        return self.term.logs

    @property
    def dimension(self) -> float | None:
        """Power of d; None where the claim leaves d in its constant."""
        return self.term.dimension

    @property
    def bound(self) -> str:
        """``d^2 log^3 T/T^0.5``; C(d) for a power of d that is not stated, dots for terms that fall faster."""
        return f"{self.term}{' + …' if self.term.further else ''}"

    @property
    def hypotheses(self) -> str:
        """``met by 2 of 5 cases``."""
        met = sum(d.hypotheses == "met" for d in self.documents)
        return f"met by {met} of {len(self.documents)} case{'s' if len(self.documents) != 1 else ''}"

    def sharpness(self, metric: str) -> str:
        """measured/bound in this metric where the constant is stated, from the least to the largest of all cases."""
        explicit = [table(d.details.get("explicit")) for d in self.documents if d.metric == metric]
        ratios = [
            ratio for each in explicit for r in each.get("ratio") or [] if (ratio := finite(r)) is not None
        ]
        return f"{min(ratios):.3g} to {max(ratios):.3g}" if ratios else ""

    def stated(self, metric: str) -> dict[str, list[float]]:
        """Bounds with their constants by problem, each along its sweep; none where the constant is hidden."""
        return {
            json.dumps([d.spec.get(name) for name in PROBLEM], sort_keys=True): entries(
                d.details.get("bound")
            )
            for d in self.documents
            if d.metric == metric and "explicit" in d.details
        }


@dataclass(frozen=True)
class Contest:
    """What several theorems say of one metric of one sampler's output, the fastest first."""

    sampler: str
    metric: str
    rivals: Sequence[Rival]
    measured: tuple[float, float] | None
    """Least and largest exponent in T that was measured and decided, over cases that no hypothesis excludes."""

    def lines(self) -> Iterator[tuple[Rival, str]]:
        """Each theorem, where its bound is the tightest, and how stated constants compare on the problems in common."""
        for rival, where in self._up_to_constants():
            yield rival, "; ".join([where, *self._by_value(rival)])

    def _by_value(self, rival: Rival) -> Iterator[str]:
        own = rival.stated(self.metric)
        for other in self.rivals:
            theirs = other.stated(self.metric)
            common = [key for key in own if other is not rival and len(own[key]) == len(theirs.get(key, ()))]
            if common:
                below = sum(all(a < b for a, b in zip(own[key], theirs[key], strict=True)) for key in common)
                yield f"with its constant below {other.claim.id} on {below} of {len(common)} problems"

    def _up_to_constants(self) -> Iterator[tuple[Rival, str]]:
        best = envelope([r for r in self.rivals if r.dimension is not None])
        crossings = [_crossing(fast, slow) for fast, slow in pairwise(best)]
        for rival in self.rivals:
            if rival.dimension is None:
                yield rival, "not compared: d is in its constant"
            elif rival in best:
                term = " by its leading term" if rival.term.further else ""
                yield rival, "tightest" + _where(best.index(rival), crossings) + term
            else:
                same = [b for b in best if (b.power, b.dimension) == (rival.power, rival.dimension)]
                more = ", which has fewer logarithms" if same and same[0].logs < rival.logs else ""
                yield rival, f"as {same[0].claim.id}{more}" if same else "nowhere tightest"


def _where(i: int, crossings: Sequence[float]) -> str:
    """Where the i-th line of an envelope is the lowest."""
    low = f"d^{crossings[i]:.3g}" if i < len(crossings) else ""
    high = f"d^{crossings[i - 1]:.3g}" if i > 0 else ""
    if low and high:
        return f" for T between {low} and {high}"
    return f" for T above {low}" if low else f" for T below {high}" if high else ""


def envelope(rivals: Sequence[Rival]) -> list[Rival]:
    """Those that are the tightest somewhere, the fastest first: with it both powers fall."""
    best: list[Rival] = []
    for rival in sorted(rivals, key=lambda r: (-r.power, r.dimension, r.logs)):
        assert rival.dimension is not None
        if best and rival.dimension >= (best[-1].dimension or 0.0):
            continue  # neither faster nor of a smaller power of d
        while len(best) > 1 and _crossing(best[-1], rival) >= _crossing(best[-2], best[-1]):
            best.pop()  # between its neighbours it is nowhere below both
        best.append(rival)
    return best


def _crossing(fast: Rival, slow: Rival) -> float:
    """gamma: the bound of ``fast`` is the smaller one for T above d^gamma."""
    return ((fast.dimension or 0.0) - (slow.dimension or 0.0)) / (fast.power - slow.power)


def contests(documents: Sequence[Document]) -> list[Contest]:
    """The quantities that two or more theorems bound, in the order of the run.

    A theorem counts where one of its cases runs the sampler and it speaks of the metric, which some case measures:
    upper bounds with a rate in T, and no controls.
    """
    found = []
    for sampler, claims in _by_sampler(documents).items():
        for metric in dict.fromkeys(
            m for members in claims.values() for d in members for m in d.record.metrics
        ):
            rivals = [r for members in claims.values() if (r := _rival(members, metric)) is not None]
            if len(rivals) > 1:
                rivals.sort(key=lambda r: (-r.power, r.dimension is None, r.dimension, r.logs))
                found.append(Contest(sampler, metric, rivals, _measured(documents, sampler, metric)))
    return found


def _by_sampler(documents: Sequence[Document]) -> dict[str, dict[str, list[Document]]]:
    """Cases of upper bounds by sampler and claim."""
    found: dict[str, dict[str, list[Document]]] = {}
    for document in documents:
        sampler, claim = _sampler(document), document.claim
        if sampler and document.kind == "sampling-rate" and claim.kind == "upper-bound" and not claim.control:
            found.setdefault(sampler, {}).setdefault(claim.id, []).append(document)
    return found


def _sampler(document: Document) -> str:
    """``exponential-rk, order 2``: its name and its own parameters, for another order is another sampler."""
    spec = table(document.spec.get("sampler"))
    own = (f"{key} {value}" for key, value in sorted(spec.items()) if key not in ("name", "init"))
    return ", ".join([str(spec.get("name") or ""), *own])


def _spoken(claim: Claim) -> dict[str, str]:
    """The metrics that a claim speaks of, and how."""
    return {str(metric): str(how) for metric, how in table(claim.info.get("metrics")).items()}


def _rival(members: Sequence[Document], metric: str) -> Rival | None:
    claim = members[0].claim
    scale = SCALE.get(_spoken(claim).get(metric, ""))
    term = leading_term(claim)
    if scale is None or term is None or term.power <= 0:
        return None
    return Rival(claim, term.scaled(scale), members)


def _measured(documents: Sequence[Document], sampler: str, metric: str) -> tuple[float, float] | None:
    exponents = [
        d.exponent
        for d in documents
        if _sampler(d) == sampler
        and (d.metric, d.swept, d.kind) == (metric, "T", "sampling-rate")
        and not d.outside
        and d.exponent is not None
        and d.verdict != "inconclusive"
    ]
    return (min(exponents), max(exponents)) if exponents else None
