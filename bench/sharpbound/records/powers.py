"""The record of a claim's power of d: what it states, what the worst law that was found in each dimension needs.

``reports/published/dimensions.jsonl`` has one line for each claim, as ``sharpbound worst CLAIM --dim ... --record``
writes it; the page of sharp constants and docs/constants.md are made from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError
from sharpbound.records.files import parse_json, write_atomically
from sharpbound.records.values import finite, table

NAME = "dimensions.jsonl"
SAME = 0.05
"""Powers closer than this are one: on d <= 16 that of a sum of independent terms is d^(1/2) to .03."""
SCORE_ERRORS = ("eps_score", "eps_jacobi")
"""What a claim may speak of beside d and T: the score is exact here."""
AGAIN = "make it anew with: sharpbound worst CLAIM --dim 1,2,4,8,16 --record"


@dataclass(frozen=True)
class PowerOfD:
    """Leading terms in d dimensions at one T, over families of laws."""

    claim: str
    sampler: str
    schedule: str
    metric: str
    T: int
    dims: list[int]
    families: dict[str, list[float]]
    """The leading term of each family at each of ``dims``."""
    stated: float
    """The claim's power of d for this metric, as T goes to infinity."""
    target: dict[str, Any]
    """The law on the line that the families are made of."""

    @property
    def worst(self) -> list[str]:
        """The family that is worst at each d."""
        return [max(self.families, key=lambda name: self.families[name][i]) for i in range(len(self.dims))]

    @property
    def found(self) -> float:
        """The power of d of the worst of the families, between the two largest d."""
        values = [max(family[i] for family in self.families.values()) for i in (-2, -1)]
        return math.log(values[1] / values[0]) / math.log(self.dims[-1] / self.dims[-2])

    @property
    def reading(self) -> str:
        """What the worst law that was found shows of the claim: a lower bound of the truth is no more than that."""
        apart = self.stated - self.found
        if apart < -SAME:
            return f"counter-example: the error grows d^{-apart:.2g} faster than the claim allows"
        if apart <= SAME:
            return "evidence of tightness: the power of d is attained"
        return f"neither: no law found needs more, which leaves d^{apart:.2g}"


@dataclass(frozen=True)
class Unsampled:
    """A claim's power of d that nothing can be put beside, and why."""

    claim: str
    metric: str
    stated: float
    reason: str


def unsampled(claims: Mapping[str, Mapping[str, Any]]) -> list[Unsampled]:
    """Those of the claims, told as in ``claim_info``, that state powers of d and T alone and that no case tests."""
    found = []
    for id, told in claims.items():
        exponents = table(told.get("exponents"))
        of_d, of_T = finite(exponents.get("d")), finite(exponents.get("T"))
        if told.get("untested") and of_d and of_T and exponents.keys() <= {"d", "T", *SCORE_ERRORS}:
            found.append(Unsampled(id, str(told["metric"]), -of_d, str(told["untested"])))
    return found


def read_powers(folder: Path) -> dict[str, PowerOfD]:
    """The records by claim, empty where there is no file; InputError, naming the line, where it is damaged."""
    path = folder / NAME
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = PowerOfD(**parse_json(line))
        except (ValueError, TypeError):
            raise InputError(f"is no record of a power of d; {AGAIN}", where=f"{path}:{number}") from None
        found[record.claim] = record
    return found


def write_powers(folder: Path, powers: Mapping[str, PowerOfD]) -> None:
    """Write the records in the order of their claims, whole or not at all."""
    lines = (json.dumps(asdict(powers[claim]), allow_nan=False) + "\n" for claim in sorted(powers))
    write_atomically(folder / NAME, "".join(lines))


def as_markdown(powers: Iterable[PowerOfD], without: Iterable[Unsampled] = ()) -> str:
    """The table of docs/constants.md; ``without``: claims that nothing can be put beside."""
    lines = [
        "| claim | sampler, schedule | metric | bound | worst found | by | which is |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{one.claim}` | {one.sampler}, {one.schedule} | {one.metric} | d^{one.stated:g} | d^{one.found:.2g} "
        f"| {one.worst[-1]} | {one.reading} |"
        for one in powers
    ]
    lines += [
        f"| `{one.claim}` | – | {one.metric} | d^{one.stated:g} | – | – | {one.reason} |" for one in without
    ]
    return "\n".join(lines)
