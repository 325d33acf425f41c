"""Whether a theorem speaks of a case: its assumptions, each checked against what is measured or left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sharpbound.suite.assumptions import check_assumption, outcome

if TYPE_CHECKING:
    from sharpbound.suite.claim import Claim
    from sharpbound.targets.base import Target

MET, UNCHECKED, NOT_MET = "met", "unchecked", "not met: "
UP_TO_CONSTANT = "number-of-steps"
"""The check of T >= C f(d, T): whatever C is, it holds for T large enough."""
SAMPLER = "sampler"
"""The check that the case runs a sampler that the claim names. It can exclude a case; it states no assumption."""


@dataclass(frozen=True)
class CheckedAssumption:
    """One assumption of a claim: its text, the check it names, and whether it holds; None where that is not known."""

    text: str
    check: str
    outcome: bool | None

    @property
    def told(self) -> str:
        """What became of it in words: holds, does not hold, up to its constant, unchecked."""
        return outcome(self.check, self.outcome)

    @property
    def decided(self) -> bool:
        """Whether it is seen to hold. A least number of steps up to an unnamed constant holds along a sweep to
        T -> infinity, which is what a rate is about; at one T it says nothing.
        """
        return self.outcome is True or (self.outcome is None and self.check == UP_TO_CONSTANT)

    @property
    def words(self) -> str:
        """``bounded support``: the check, as a verdict names it."""
        return self.check.replace("-", " ")


def check_assumptions(claim: Claim, target: Target | None, **context: Any) -> list[CheckedAssumption]:
    """The assumptions of ``claim`` in its order; without a target none is checked.

    context : what else is known of the case, keywords of `check_assumption` (ladder, exact_scores, exact_start).
    """
    return [
        CheckedAssumption(
            a.text, a.check, None if target is None else check_assumption(a.check, target, **context)
        )
        for a in claim.assumptions
    ]


def hypotheses(checked: Sequence[CheckedAssumption]) -> str:
    """``met`` if every assumption was checked and holds, ``not met: bounded support; ...`` if one fails.

    All else is ``unchecked``, a claim whose assumptions are not written down included: a theorem is said to
    speak of a case only where that was seen.
    """
    stated = [assumption for assumption in checked if assumption.check != SAMPLER]
    failed = [assumption.words for assumption in checked if assumption.outcome is False]
    if failed:
        return NOT_MET + "; ".join(dict.fromkeys(failed))
    return MET if stated and all(assumption.decided for assumption in checked) else UNCHECKED


def outside(hypotheses: str) -> str:
    """``outside the theorem's hypotheses (bounded support)`` beside a verdict; empty where none is seen to fail."""
    if not hypotheses.startswith(NOT_MET):
        return ""
    return f"outside the theorem's hypotheses ({hypotheses.removeprefix(NOT_MET)})"
