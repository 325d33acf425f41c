"""In which order a run is told: chapters, and the claims of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.report.claims import Claim
from sharpbound.report.documents import CHAPTERS, CONTROLS, SOURCES, Document
from sharpbound.suite.hypotheses import MET, UNCHECKED


def by_hypotheses(documents: Sequence[Document]) -> list[tuple[str, list[Document]]]:
    """Cases by what became of the theorem's hypotheses on them: met, not met (which), unchecked."""
    groups: dict[str, list[Document]] = {}
    for document in sorted(documents, key=lambda d: (d.hypotheses != MET, d.hypotheses == UNCHECKED)):
        groups.setdefault(document.hypotheses, []).append(document)
    return list(groups.items())


@dataclass(frozen=True)
class ClaimGroup:
    """One claim with its cases and the figures that overlay them."""

    claim: Claim
    documents: Sequence[Document]
    anchor: str


@dataclass(frozen=True)
class Chapter:
    """Claims tested by one kind of case, or the negative controls."""

    title: str
    control: bool
    groups: Sequence[ClaimGroup]

    @property
    def documents(self) -> list[Document]:
        return [d for group in self.groups for d in group.documents]


def arrange(documents: Sequence[Document]) -> list[Chapter]:
    """Chapters in the order of CHAPTERS, controls last; claims of SOURCES first, else in the order of the run."""
    order = [*CHAPTERS.values()]
    titles = sorted(
        {d.chapter for d in documents},
        key=lambda t: (t == CONTROLS, order.index(t) if t in order else len(order), t),
    )
    chapters = []
    for title in titles:
        inside = [d for d in documents if d.chapter == title]
        claims = {d.claim.id: d.claim for d in inside}
        groups = []
        for claim in sorted(claims.values(), key=lambda claim: claim.paper_name not in SOURCES):
            members = [d for d in inside if d.claim.id == claim.id]
            groups.append(ClaimGroup(claim, members, f"claim-{members[0].anchor}"))
        chapters.append(Chapter(title, title == CONTROLS, groups))
    return chapters
