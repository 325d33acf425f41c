"""The case document: all that a reader, a plot or a later run needs to know of one measured case.

It is written as one JSON object (`CaseDocument.as_json`) and read back by `CaseDocument.read`; the terminal, the
report, the gate and the result files read this record and none of the JSON behind it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

import sharpbound
from sharpbound.errors import InputError
from sharpbound.places import relative
from sharpbound.records.files import finite
from sharpbound.records.values import entries, pair, table
from sharpbound.records.values import finite as finite_number
from sharpbound.suite.hypotheses import UNCHECKED, CheckedAssumption, hypotheses, outside
from sharpbound.suite.validation import validated

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

Row = dict[str, Any]
"""What a cell yields and a document's JSON holds: swept values, metrics and their floors as scalars by name."""

UNVERIFIED = "unverified wording"
VERSIONS = ("numpy", "scipy", "torch")
"""Packages whose version every document names, besides those of Sharpbound and Python."""


class Quantity(BaseModel):
    """A measured number. ``floor`` estimates its numerical error and is None where that is not known; ``kind`` says
    what sort of estimate it is (closed-form, quadrature, statistical); ``noise`` is the standard error of a number
    that was sampled; ``engine`` names what computed it; ``note`` says why there is no value.
    """

    model_config = ConfigDict(frozen=True)

    value: float | None = None
    floor: float | None = None
    kind: str | None = None
    noise: float | None = None
    engine: str | None = None
    note: str | None = None


class MeasuredRow(BaseModel):
    """One point of the sweep, what was measured there, the engine that did, and the row as it is written."""

    model_config = ConfigDict(frozen=True)

    point: dict[str, Any]
    measured: dict[str, Quantity]
    engine: str | None
    columns: Row

    @classmethod
    def of(cls, columns: Row, point: Sequence[str], metrics: Sequence[str]) -> MeasuredRow:
        """A row of a document's JSON; ``floor`` and ``note`` are those of the first metric."""
        measured = {}
        for i, metric in enumerate(metrics):

            def told(name: str, metric: str = metric, own: bool = i == 0) -> Any:
                return columns.get(f"{metric}_{name}", columns.get(name) if own else None)

            measured[metric] = Quantity(
                value=finite_number(columns.get(metric)),
                floor=finite_number(told("floor")),
                kind=_text(told("floor_kind") or columns.get("floor_kind")),
                noise=finite_number(columns.get(f"{metric}_noise")),
                engine=_text(columns.get(f"{metric}_engine", columns.get("engine"))),
                note=_text(told("note")),
            )
        there = {name: columns[name] for name in dict.fromkeys(point) if name in columns}
        return cls(point=there, measured=measured, engine=_text(columns.get("engine")), columns=columns)


class CaseDocument(BaseModel):
    """One measured case. Keys that this version does not know are kept; missing and null ones have defaults."""

    model_config = ConfigDict(extra="allow", frozen=True)

    case: str = "case"
    claim: str = ""
    verdict: str = "inconclusive"
    exponent: float | None = None
    interval: tuple[float, float] | None = None
    hypotheses: str = UNCHECKED
    """``met``, ``not met: bounded support``, or ``unchecked`` (`sharpbound.suite.hypotheses`)."""
    rows: list[MeasuredRow] = Field(default_factory=list)
    title: str = ""
    kind: str = "other"
    metric: str = ""
    metrics: list[str] = Field(default_factory=list)
    swept: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
    leading: dict[str, Any] = Field(default_factory=dict)
    """The leading term as T -> oo: error ~ ``constant`` (log T)^``log_power`` / T^``power``, with
    ``constant_interval``, and ``ratio`` = measured/leading at each row; or a ``note`` why there is none. ``decides``
    says whether the verdict is its, and ``reason`` why not."""
    contract: list[dict[str, Any]] = Field(default_factory=list)
    """Of an audited scheduler, the checks of its schedule: ``name``, ``verdict`` (kept, broken or undecided), what was
    ``seen``, and at which ``T``."""
    spec: dict[str, Any] = Field(default_factory=dict)
    """The case file's tables."""
    claim_info: dict[str, Any] = Field(default_factory=dict)
    """The claim as `Claim.describe` tells it."""
    file: str = ""
    command: str = ""
    seconds: float | None = None
    """Computing time of the cells, whenever they were computed."""
    provenance: dict[str, Any] = Field(default_factory=dict)
    """``versions`` of what computed it, and the ``engines`` of its rows."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        data = {key: value for key, value in data.items() if value is not None}
        metrics = [m for m in entries(data.get("metrics")) if isinstance(m, str)]
        first = data.get("metric") or (metrics[0] if metrics else "")
        if isinstance(first, str) and first not in ("", *metrics):
            metrics = [first, *metrics]
        swept = data.get("swept", "")
        point = [*([swept] if isinstance(swept, str) else []), *table(table(data.get("spec")).get("sweep"))]
        rows = [row for row in entries(data.get("rows")) if isinstance(row, Mapping)]
        found = (
            {"rows": [MeasuredRow.of(dict(row), point, metrics) for row in rows]} if "rows" in data else {}
        )
        return data | ({"metrics": metrics, "metric": first} if first else {}) | found

    @field_validator("exponent", "seconds", mode="before")
    @classmethod
    def _number(cls, value: Any) -> float | None:
        return finite_number(value)

    @field_validator("interval", mode="before")
    @classmethod
    def _ends(cls, value: Any) -> tuple[float, float] | None:
        return pair(value)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CaseDocument:
        """The record of a document's JSON; InputError, naming case and key, where a value has the wrong type."""
        try:
            return validated(cls, data)
        except InputError as error:
            key = f"case {str(data.get('case'))[:80]!r}, {error.key}"
            raise InputError(error.message, key=key, where=error.where) from None

    @property
    def unverified(self) -> bool:
        """Whether the claim's wording or exponents have not been checked against its paper."""
        return self.claim_info.get("status") == "unverified-wording"

    @property
    def remarks(self) -> list[str]:
        """What stands beside the verdict wherever that is told: what it cannot speak of."""
        return [r for r in (outside(self.hypotheses), UNVERIFIED if self.unverified else "") if r]

    def as_json(self) -> dict[str, Any]:
        """The document as JSON values: non-finite numbers are null."""
        found = {name: getattr(self, name) for name in type(self).model_fields} | (self.model_extra or {})
        return finite(found | {"rows": [row.columns for row in self.rows]})


@dataclass(frozen=True)
class Conclusion:
    """What a case says of its claim, with the numbers that decided it.

    draw : makes the ``figures`` and ``tables`` of the case, details of the document; called once the verdict
        stands, which it cannot take back.
    """

    verdict: str
    exponent: float | None
    interval: tuple[float, float] | None
    details: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[], dict[str, Any]] | None = None

    def drawn(self) -> Conclusion:
        """The same with its figures and tables among the details, whatever it raises to make them."""
        return self if self.draw is None else replace(self, details=self.details | self.draw(), draw=None)


def document(
    case: Case,
    claim: Claim,
    rows: Sequence[Row],
    conclusion: Conclusion,
    seconds: float,
    checked: Sequence[CheckedAssumption],
) -> CaseDocument:
    """The document of a measured case; figures that cannot be made leave a ``figures_note`` in the details.

    checked : the claim's assumptions with what became of them.
    """
    try:
        details = conclusion.drawn().details
    except Exception as error:  # a picture is never worth its numbers
        note = " ".join(f"not drawn, {type(error).__name__}: {error}".split())
        details = conclusion.details | {"figures_note": note}
    leading, contract = details.get("leading"), details.get("contract")
    details = {key: value for key, value in details.items() if key not in ("leading", "contract")}
    if checked:
        details = details | {"assumptions": [asdict(assumption) for assumption in checked]}
    file = relative(case.file)
    engines = sorted(
        {str(v) for row in rows for k, v in row.items() if v and (k == "engine" or k.endswith("_engine"))}
    )
    return CaseDocument.read(
        finite(
            {
                "case": case.id,
                "claim": case.claim,
                "verdict": conclusion.verdict,
                "exponent": conclusion.exponent,
                "interval": conclusion.interval,
                "hypotheses": hypotheses(checked),
                "rows": list(rows),
                "title": case.title,
                "kind": case.kind,
                "metric": case.metrics[0],
                "metrics": case.metrics,
                "swept": case.swept,
                "details": details,
                "leading": leading,
                "contract": contract,
                "spec": case.spec,
                "claim_info": claim.describe(),
                "file": file,
                "command": f"{case.command} {file}",
                "seconds": round(seconds, 3),
                "provenance": {"versions": versions(), "engines": engines},
            }
        )
    )


@cache
def versions() -> dict[str, str]:
    """Of Sharpbound, Python and the packages that numbers depend on most."""
    packages = {name: metadata.version(name) for name in VERSIONS}
    return {"sharpbound": sharpbound.__version__, "python": platform.python_version(), **packages}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
