"""The table of sharp constants: what a claim states, what is true as T -> oo, and what the claim gives away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sharpbound.records.leading import law_in_words, powers
from sharpbound.records.powers import PowerOfD
from sharpbound.records.values import entries, finite, table
from sharpbound.report.documents import Document
from sharpbound.report.leading import LeadingTerm
from sharpbound.report.terms import leading_term

SAME = 1e-9
"""Powers of laws and claims are exact numbers."""


@dataclass(frozen=True)
class Truth:
    """error ~ constant (log T)^log_power / T^power of one case, beside its claim."""

    document: Document
    law: LeadingTerm
    ratio: float | None
    """measured/leading at the largest T."""

    @property
    def powers(self) -> str:
        """Those of the law, as "log^2 T/T"."""
        return powers(self.law.power, self.law.log_power)

    @property
    def told(self) -> str:
        """The law with its constant, as "0.9074 log^2 T/T"."""
        law = self.law
        return law_in_words(law.constant, law.log_power, law.power, law.half_width)


@dataclass(frozen=True)
class Comparison:
    """A claim beside the truth, for one sampler, schedule and metric, over the targets that were measured."""

    truths: Sequence[Truth]
    in_d: PowerOfD | None
    """The power of d of the worst laws found, where it is of this sampler and metric."""

    @property
    def worst(self) -> Truth:
        """The largest leading term as T goes to infinity, within the theorem's hypotheses where any case is."""
        inside = [truth for truth in self.truths if not truth.document.outside]
        return max(inside or self.truths, key=lambda t: (-t.law.power, t.law.log_power, t.law.constant))

    @property
    def sampler(self) -> str:
        return str(table(self.truths[0].document.spec.get("sampler")).get("name") or "–")

    @property
    def schedule(self) -> str:
        return _schedule(self.truths[0].document)

    @property
    def stated(self) -> str:
        """The claim's leading term for this metric, with its power of d: "d^2 log^4 T/T"; empty where it has none."""
        return stated(self.worst.document)

    @property
    def given_away(self) -> str:
        return verdict_in_powers(self.worst.document)

    @property
    def reading(self) -> str:
        """What becomes of the claim, in a word for a filter: a bound is attained, or loose by what it gives away."""
        document = self.worst.document
        if document.outside:
            return "outside"
        if document.verdict not in ("sharp", "loose"):
            return document.verdict
        given = given_away(document)
        by = "a power" if given.startswith("T") else "logarithms" if given.startswith("log") else ""
        return f"loose by {by}" if by else "attained"


def stated(document: Document) -> str:
    """The leading term of the document's claim for its metric; empty where it does not say."""
    term = leading_term(document.claim)
    if term is None or document.predicted is None or not term.power:
        return ""
    term = term.scaled(document.predicted / term.power)
    return str(term).replace("C(d) ", "").replace("C(d)", "1")


def given_away(document: Document) -> str:
    """The factor between a bound and the leading term, in words; empty where it is not known or the bound fails."""
    law, claimed = document.law, claimed_powers(document)
    if law is None or claimed is None or document.claim.kind not in ("upper-bound", "lower-bound"):
        return ""
    way = 1 if document.claim.kind == "upper-bound" else -1  # a lower bound is given away by being too small
    power, logs = way * (law.power - claimed[0]), way * (claimed[1] - law.log_power)
    if abs(power) > SAME:
        return _factor(power, 0.0) if power > 0 else ""
    return "" if logs < 0 else _factor(0.0, logs) or "nothing"


def verdict_in_powers(document: Document) -> str:
    """What the leading term says of the claim: "log^3 T", "nothing", "fails by T", "nothing but hidden logarithms"."""
    law, claimed = document.law, claimed_powers(document)
    if law is None or claimed is None:
        return ""
    if given := given_away(document):
        return given
    power, logs = abs(law.power - claimed[0]), abs(claimed[1] - law.log_power)
    if document.verdict in ("violated", "refuted"):
        return f"fails by {_factor(power, 0.0) or _factor(0.0, logs)}"
    return "nothing" if logs == 0 else "nothing, up to the logarithms that it hides"


def _factor(power: float, logs: float) -> str:
    """``T^power`` or ``log^logs T``; empty for 1."""
    if power > SAME:
        return "T" if power == 1 else f"T^{power:g}"
    return "" if logs == 0 else "log T" if logs == 1 else f"log^{logs:g} T"


def claimed_powers(document: Document) -> tuple[float, float] | None:
    """(p, a) of (log T)^a / T^p as the claim has it for the case's metric; None where it does not say.

    What the claim says of another metric may be a power of its own formula, as KL <= 2 B^2: then the logarithms are
    that power of the formula's too.
    """
    if document.predicted is None:
        return None
    exponent, logs = document.claim.decay("T")
    return document.predicted, (document.predicted / exponent if exponent else 1.0) * logs


def truths(documents: Sequence[Document]) -> list[tuple[str, list[Truth]]]:
    """The leading terms of a run, by claim, in the order of the documents; only those that measurement bears out."""
    groups: dict[str, list[Truth]] = {}
    for document in documents:
        if document.law is None:
            continue
        ratios = [ratio for r in entries(document.leading.get("ratio")) if (ratio := finite(r)) is not None]
        truth = Truth(document, document.law, ratios[-1] if ratios else None)
        groups.setdefault(document.claim.id, []).append(truth)
    return list(groups.items())


def comparisons(
    found: Sequence[tuple[str, Sequence[Truth]]], in_d: Mapping[str, PowerOfD]
) -> list[tuple[str, list[Comparison]]]:
    """The same `truths` gathered by sampler, schedule and metric, each claim's beside its power of d."""
    return [(claim, _compared(members, in_d.get(claim))) for claim, members in found]


def _compared(members: Sequence[Truth], in_d: PowerOfD | None) -> list[Comparison]:
    groups: dict[tuple[str, str, str], list[Truth]] = {}
    for truth in members:
        groups.setdefault(_setting(truth.document), []).append(truth)
    return [
        Comparison(group, in_d if in_d and (in_d.sampler, in_d.metric) == (key[0], key[2]) else None)
        for key, group in groups.items()
    ]


def _setting(document: Document) -> tuple[str, str, str]:
    """Sampler, schedule and metric."""
    name = str(table(document.spec.get("sampler")).get("name") or "")
    return name, _schedule(document), document.metric


def _schedule(document: Document) -> str:
    forward = table(document.spec.get("forward"))
    return str(forward.get("schedule") or forward.get("process") or "–")
