"""What the report knows: the case documents of a run, read from ``cases.json`` and ``environment.json``.

All leniency towards missing or null entries lives here, so the figures and templates can be plain.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, Quantity
from sharpbound.records.files import documents_file, read_json
from sharpbound.records.values import entries, finite, pair, slug, table
from sharpbound.report.claims import Claim
from sharpbound.report.leading import LeadingTerm
from sharpbound.suite.hypotheses import CheckedAssumption, outside

REMEDY = "make some with: sharpbound run --all"

CHAPTERS = {
    "sampling-rate": "Discretization: how the error falls with the number of steps",
    "score-error": "Score error: how the error grows with an imperfect score",
    "erm-failure": "When empirical risk minimization fails",
    "sample-complexity": "Sample complexity of the score",
    "training": "Training dynamics",
    "design-space": "Design space: schedules and weightings",
    "diffusion-time": "Diffusion time",
    "discrete": "Discrete diffusion: exact laws on finite state spaces",
    "audit": "Audit of external samplers",
    "detection": "Detection power",
}
SOURCES = ("li2024", "gupta2024", "wang2024", "franzese2023")
"""Theory files of the papers that the suite sets out from: their claims lead."""
CONTROLS = "Negative controls: claims that are known to be wrong"


@dataclass(frozen=True)
class Point:
    """One row on the figure: ``fitted``, or else the ``reason`` why it was not."""

    x: float | None
    value: float | None
    floor: float | None
    bound: float | None
    reason: str
    series: tuple[Any, ...] = ()
    """Values of the further variables of the sweep: rows that share them are joined by a line."""

    @property
    def fitted(self) -> bool:
        return not self.reason

    @property
    def drawable(self) -> bool:
        """Whether the point has a place on a logarithmic error axis."""
        return self.x is not None and self.value is not None and self.value > 0


@dataclass(frozen=True)
class Document:
    """One case of a run as the page tells it."""

    record: CaseDocument = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Document:
        """Of a document's JSON; InputError where a value has the wrong type."""
        return cls(CaseDocument.read(data))

    @property
    def id(self) -> str:
        return self.record.case

    @property
    def anchor(self) -> str:
        return slug(self.id)

    @property
    def title(self) -> str:
        return self.record.title or self.id

    @property
    def kind(self) -> str:
        return self.record.kind

    @property
    def verdict(self) -> str:
        return self.record.verdict

    @property
    def outside(self) -> str:
        """``outside the theorem's hypotheses (bounded support)``, or nothing."""
        return outside(self.record.hypotheses)

    @property
    def hypotheses(self) -> str:
        return self.record.hypotheses

    @property
    def remarks(self) -> Sequence[str]:
        return self.record.remarks

    @property
    def metric(self) -> str:
        return self.record.metric

    @property
    def swept(self) -> str:
        return self.record.swept

    @property
    def command(self) -> str:
        return self.record.command or f"sharpbound run {self.record.file or self.id}"

    @property
    def seconds(self) -> float | None:
        return self.record.seconds

    @property
    def exponent(self) -> float | None:
        return self.record.exponent

    @property
    def predicted(self) -> float | None:
        return finite(self.details.get("predicted"))

    @property
    def interval(self) -> tuple[float, float] | None:
        return self.record.interval

    @property
    def window(self) -> tuple[float, float] | None:
        return pair(self.details.get("window"))

    @property
    def reason(self) -> str:
        return str(self.details.get("reason") or "")

    @property
    def details(self) -> dict[str, Any]:
        return self.record.details

    @property
    def leading(self) -> dict[str, Any]:
        """The leading term as T -> oo (`CaseDocument.leading`)."""
        return self.record.leading

    @property
    def law(self) -> LeadingTerm | None:
        """The leading term, where the verdict is its."""
        return LeadingTerm.of(self.leading) if self.leading.get("decides") else None

    @property
    def declared(self) -> list[dict[str, Any]]:
        """The figures that the case declares."""
        return [table(item) for item in entries(self.details.get("figures"))]

    @property
    def spec(self) -> dict[str, Any]:
        return self.record.spec

    @property
    def provenance(self) -> dict[str, Any]:
        return self.record.provenance

    @cached_property
    def claim(self) -> Claim:
        info = self.record.claim_info
        return Claim(info, self.record.claim or str(info.get("id") or "no claim"))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as they are written."""
        return [row.columns for row in self.record.rows]

    @cached_property
    def columns(self) -> list[str]:
        """Row keys in order of first appearance; ``floor`` only where it is not the metric's own again."""
        own = f"{self.metric}_floor"
        keys = dict.fromkeys(key for row in self.rows for key in row)
        if own in keys and all(row.get("floor") == row.get(own) for row in self.rows):
            keys.pop("floor", None)
        return list(keys)

    @cached_property
    def content(self) -> str:
        """All that was measured and said as one line of JSON, without how long it took."""
        return json.dumps(self.record.as_json() | {"seconds": None}, sort_keys=True)

    @property
    def exponential(self) -> bool:
        """Whether the rate is that of an exponential: read on semi-logarithmic axes."""
        return self.claim.kind == "exponential"

    @property
    def chapter(self) -> str:
        return (
            CONTROLS
            if self.claim.control
            else CHAPTERS.get(self.kind, self.kind.replace("-", " ").capitalize())
        )

    @cached_property
    def assumptions(self) -> list[CheckedAssumption]:
        """Assumptions of the claim with what became of them, as the details tell it; else each as unchecked.

        Documents of earlier versions tell outcomes by the check's name.
        """
        told = self.details.get("assumptions")
        known = table(told)
        items = entries(told) or entries(self.claim.info.get("assumptions"))
        found = []
        for item in (table(item) or {"text": str(item)} for item in items):
            check = str(item.get("check") or "unchecked")
            outcome = item.get("outcome", known.get(check))
            found.append(
                CheckedAssumption(
                    str(item.get("text") or ""), check, outcome if isinstance(outcome, bool) else None
                )
            )
        return found

    @cached_property
    def points(self) -> list[Point]:
        """One point per row; fitted if it lies in the window, is positive and was not excluded.

        Where ``details.judged`` gives values of the sweep's further variables, only rows with these can be.
        """
        excluded = {
            finite(item.get("x")): str(item.get("reason") or "excluded")
            for item in entries(self.details.get("excluded"))
            if isinstance(item, dict)
        }
        bounds = entries(self.details.get("bound"))
        bounds = bounds if len(bounds) == len(self.rows) else [None] * len(self.rows)
        judged = table(self.details.get("judged"))
        others = [name for name in table(self.spec.get("sweep")) if name != self.swept]
        points = []
        for measured, bound in zip(self.record.rows, bounds, strict=True):
            row, found = measured.columns, measured.measured.get(self.metric, Quantity())
            x, value = finite(row.get(self.swept)), found.value
            points.append(
                Point(
                    x,
                    value,
                    found.floor,
                    finite(bound),
                    self._reason(x, value, excluded)
                    if all(row.get(name) == kept for name, kept in judged.items())
                    else "of a run that is not judged",
                    tuple(row.get(k) for k in others),
                )
            )
        return points

    def _reason(self, x: float | None, value: float | None, excluded: dict[float | None, str]) -> str:
        for at, reason in excluded.items():
            if x is not None and at is not None and math.isclose(x, at, rel_tol=1e-9):
                return reason
        if x is None or value is None:
            return "no value"
        if value <= 0:
            return "not positive"
        if self.window is None:
            return "no fit made"
        low, high = self.window
        slack = 1e-9 * max(abs(low), abs(high))  # the window's ends are rows: keep them in despite rounding
        return "" if low - slack <= x <= high + slack else "outside the fitted window"


def load(directory: Path) -> tuple[list[Document], dict[str, Any]]:
    """Case documents and environment of the run in ``directory``.

    Raises InputError if there are no results; the environment may be missing.
    """
    path = documents_file(directory)
    if path is None:
        raise InputError(f"there are no results; {REMEDY}", where=str(directory))
    content = read_json(path, REMEDY)
    if isinstance(content, dict):
        content = content.get("cases")
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise InputError(f"is not a list of case documents; {REMEDY}", where=str(path))
    if not content:
        raise InputError(f"holds no case; {REMEDY}", where=str(path))
    try:
        documents = [Document.of(item) for item in content]
    except InputError as mistake:
        raise mistake.at(where=str(path)) from None
    seen: dict[str, str] = {}
    for document in documents:
        if document.anchor in seen:
            raise InputError(
                f"two cases are named {document.id!r}; give each its own id", where=str(path), key="case.id"
            )
        seen[document.anchor] = document.id
    environment = directory / "environment.json"
    return documents, table(read_json(environment, REMEDY)) if environment.is_file() else {}
