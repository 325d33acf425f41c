"""The section of published numbers: what papers print of targets that are known exactly, beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.records.numbers import Reproduction
from sharpbound.report.claims import Claim

BADGES = {"reproduced": "confirmed", "differs": "refuted", "not computable here": "inconclusive"}
"""The badge whose colours each outcome has."""


@dataclass(frozen=True)
class PaperNumbers:
    """The numbers of one paper."""

    citation: str
    numbers: Sequence[Reproduction]


def source(number: Reproduction) -> Claim:
    """The paper of a number, told as that of a claim is."""
    return Claim({"paper": number.paper}, number.id)


def by_paper(numbers: Sequence[Reproduction]) -> list[PaperNumbers]:
    """The numbers paper by paper, in their order."""
    groups: dict[str, list[Reproduction]] = {}
    for number in numbers:
        groups.setdefault(source(number).citation, []).append(number)
    return [PaperNumbers(citation, members) for citation, members in groups.items()]


def ours(number: Reproduction) -> str:
    """Ours with two digits more than are printed."""
    return "–" if number.ours is None else f"{number.ours:.{number.digits + 2}g}"


def agreement(number: Reproduction) -> str:
    """``5 of 7 digits``."""
    return "–" if number.agreeing is None else f"{number.agreeing} of {number.digits}"
