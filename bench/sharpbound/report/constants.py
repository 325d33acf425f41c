"""The table of sharp constants: what a claim states, what is true as T -> oo, and what the claim gives away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sharpbound.records.leading import powers
from sharpbound.records.powers import PowerOfD
from sharpbound.records.values import entries, finite
from sharpbound.report.documents import Document
from sharpbound.report.leading import LeadingTerm


@dataclass(frozen=True)
class Truth:
    """error ~ constant (log T)^log_power / T^power of one case, beside its claim."""

    document: Document
    law: LeadingTerm
    stated: str
    """The powers of the claim; empty where it does not say."""
    ratio: float | None
    """measured/leading at the largest T."""
    in_d: float | None = None
    """The power of d of the worst laws found, of this sampler in this metric."""

    @property
    def powers(self) -> str:
        """Those of the law, as "log^2 T/T"."""
        return powers(self.law.power, self.law.log_power)


def given_away(document: Document) -> str:
    """The factor between a bound and the leading term, in words; empty where it is not known or the bound fails."""
    law, claimed = document.law, claimed_powers(document)
    if law is None or claimed is None or document.claim.kind not in ("upper-bound", "lower-bound"):
        return ""
    way = 1 if document.claim.kind == "upper-bound" else -1  # a lower bound is given away by being too small
    power, logs = way * (law.power - claimed[0]), way * (claimed[1] - law.log_power)
    if abs(power) > 1e-9:
        return f"T^{abs(power):g}" if power > 0 else ""
    return f"log^{logs:g} T" if logs > 1 else "log T" if logs == 1 else "nothing" if logs == 0 else ""


def claimed_powers(document: Document) -> tuple[float, float] | None:
    """(p, a) of (log T)^a / T^p as the claim has it for the case's metric; None where it does not say.

    What the claim says of another metric may be a power of its own formula, as KL <= 2 B^2: then the logarithms are
    that power of the formula's too.
    """
    if document.predicted is None:
        return None
    exponent, logs = document.claim.decay("T")
    return document.predicted, (document.predicted / exponent if exponent else 1.0) * logs


def _power_of_d(document: Document, found: PowerOfD | None) -> float | None:
    """That of the document's claim, where it was found for its sampler and metric."""
    sampler = document.spec.get("sampler")
    name = sampler.get("name") if isinstance(sampler, Mapping) else None
    same = found is not None and (found.sampler, found.metric) == (name, document.metric)
    return found.found if found is not None and same else None


def truths(
    documents: Sequence[Document], in_d: Mapping[str, PowerOfD] | None = None
) -> list[tuple[str, list[Truth]]]:
    """The leading terms of a run, by claim, in the order of the documents; only those that measurement bears out.

    in_d : powers of d by claim.
    """
    groups: dict[str, list[Truth]] = {}
    for document in documents:
        if document.law is None:
            continue
        claimed = claimed_powers(document)
        ratios = [ratio for r in entries(document.leading.get("ratio")) if (ratio := finite(r)) is not None]
        truth = Truth(
            document,
            document.law,
            powers(*claimed) if claimed else "",
            ratios[-1] if ratios else None,
            _power_of_d(document, (in_d or {}).get(document.claim.id)),
        )
        groups.setdefault(document.claim.id, []).append(truth)
    return list(groups.items())
