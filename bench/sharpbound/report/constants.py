"""The table of sharp constants: what a claim states, what is true as T -> oo, and what the claim gives away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.records.leading import powers
from sharpbound.records.values import finite, pair
from sharpbound.report.documents import Document


@dataclass(frozen=True)
class Truth:
    """error ~ constant (log T)^log_power / T^power of one case, beside its claim."""

    document: Document
    constant: float
    half_width: float
    law: str
    """The powers, as "log^2 T/T"."""
    stated: str
    """Those of the claim; empty where it does not say."""
    ratio: float | None
    """measured/leading at the largest T."""

    @property
    def given_away(self) -> str:
        """What the claim has too much, in words."""
        leading, document = self.document.leading, self.document
        if document.predicted is None or document.claim.kind not in ("upper-bound", "lower-bound"):
            return ""
        power = float(leading["power"]) - document.predicted
        logs = document.claim.decay("T")[1] - float(leading["log_power"])
        if abs(power) > 1e-9:
            return f"T^{abs(power):g}" if power > 0 else ""
        return f"log^{logs:g} T" if logs > 1 else "log T" if logs == 1 else "nothing" if logs == 0 else ""


def truths(documents: Sequence[Document]) -> list[tuple[str, list[Truth]]]:
    """The leading terms of a run, by claim, in the order of the documents; only those that measurement bears out."""
    groups: dict[str, list[Truth]] = {}
    for document in documents:
        leading = document.leading
        constant, interval = finite(leading.get("constant")), pair(leading.get("constant_interval"))
        if constant is None or interval is None or not leading.get("decides"):
            continue
        groups.setdefault(document.claim.id, []).append(
            Truth(
                document,
                constant,
                0.5 * (interval[1] - interval[0]),
                powers(float(leading["power"]), float(leading["log_power"])),
                _stated(document),
                next(
                    (finite(r) for r in reversed(leading.get("ratio") or []) if finite(r) is not None), None
                ),
            )
        )
    return list(groups.items())


def _stated(document: Document) -> str:
    if document.predicted is None:
        return ""
    exponent, logs = document.claim.decay("T")
    scale = document.predicted / exponent if exponent else 1.0
    return powers(document.predicted, scale * logs)
