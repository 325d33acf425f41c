"""Whether a theorem speaks of a case: its assumptions, each checked against what is measured or left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sharpbound.suite.assumptions import check_assumption

if TYPE_CHECKING:
    from sharpbound.suite.claim import Claim
    from sharpbound.targets.base import Target

MET, UNCHECKED, NOT_MET = "met", "unchecked", "not met: "


@dataclass(frozen=True)
class CheckedAssumption:
    """One assumption of a claim: its text, the check it names, and whether it holds; None where that is not known."""

    text: str
    check: str
    outcome: bool | None

    @property
    def words(self) -> str:
        """``bounded support``: the check, as a verdict names it."""
        return self.check.replace("-", " ")


def check_assumptions(claim: Claim, target: Target | None) -> list[CheckedAssumption]:
    """The assumptions of ``claim`` in its order; without a target none is checked."""
    return [
        CheckedAssumption(a.text, a.check, None if target is None else check_assumption(a.check, target))
        for a in claim.assumptions
    ]


def hypotheses(checked: Sequence[CheckedAssumption]) -> str:
    """``met`` if every assumption was checked and holds, ``not met: bounded support; ...`` if one fails.

    All else is ``unchecked``, a claim whose assumptions are not written down included: a theorem is said to
    speak of a case only where that was seen.
    """
    failed = [assumption.words for assumption in checked if assumption.outcome is False]
    if failed:
        return NOT_MET + "; ".join(dict.fromkeys(failed))
    return MET if checked and all(assumption.outcome for assumption in checked) else UNCHECKED


def outside(hypotheses: str) -> str:
    """``outside the theorem's hypotheses (bounded support)`` beside a verdict; empty where none is seen to fail."""
    if not hypotheses.startswith(NOT_MET):
        return ""
    return f"outside the theorem's hypotheses ({hypotheses.removeprefix(NOT_MET)})"
