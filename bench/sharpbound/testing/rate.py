"""The rate of one case as an object to assert on: what the pytest fixture ``rate`` hands out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.gate.compare import compare, exponent
from sharpbound.gate.record import Record, record
from sharpbound.gate.reference import NAME, read_reference, write_reference
from sharpbound.records.document import CaseDocument

if TYPE_CHECKING:
    from sharpbound.records.document import Row
    from sharpbound.samplers import Sampler
    from sharpbound.suite import Case, Claim

Document = dict[str, Any]
"""A case document as ``sharpbound run --json`` prints it."""
HOLDS = ("sharp", "loose", "confirmed")
"""Verdicts with which a claim stands."""


class References:
    """The recorded rates of a project.

    recorded : where new records are collected, by name, until `write`; None to compare with the old ones.
    """

    def __init__(self, folder: Path, recorded: dict[str, Record] | None = None) -> None:
        self.folder, self.recorded = folder, recorded

    def hold(self, name: str, document: Document) -> None:
        """Compare with the record ``name``, or collect it; AssertionError with one line per difference."""
        __tracebackhide__ = True
        new = record(CaseDocument.read(document)) | {"case": name}
        if self.recorded is not None:
            self.recorded[name] = new
            return
        known = self._known()
        if name not in known:
            raise AssertionError(f"{name} is not in {self.folder / NAME}: record it with --rate-update")
        findings = compare({name: known[name]}, {name: new})
        if findings:
            raise AssertionError("\n".join(map(str, findings)))

    def write(self) -> None:
        """Put the collected records in the place of the old ones of their names."""
        write_reference(self.folder, self._known() | (self.recorded or {}))

    def _known(self) -> dict[str, Record]:
        return read_reference(self.folder) if (self.folder / NAME).is_file() else {}


@dataclass
class Rate:
    """A case, measured when first asked for.

    case, claim : the case, and the claim that it tests.
    name : under which its record stands among the references.
    verdicts : those with which `check` passes.
    cached : measures the case with its own sampler; may remember earlier answers.
    references : None if no record is kept.
    """

    case: Case
    claim: Claim
    name: str
    verdicts: Sequence[str]
    cached: Callable[[Case, Claim], Document]
    references: References | None = None
    _checks: int = field(default=0, repr=False)

    @property
    def document(self) -> Document:
        """The case document, with the case's own sampler."""
        return self.cached(self.case, self.claim)

    @property
    def verdict(self) -> str:
        return str(self.document["verdict"])

    @property
    def exponent(self) -> float | None:
        """p in error ~ T^-p; None if the rows do not give one."""
        return self.document["exponent"]

    @property
    def interval(self) -> list[float] | None:
        return self.document["interval"]

    def measure(
        self, sampler: Any = None, *, arrays: str | None = None, convention: str = "score"
    ) -> Document:
        """The case document with ``sampler`` in the place of the case's own.

        sampler : a `sharpbound.samplers.Sampler` (object or class), the name of a registered one, a [sampler]
            table, or a function ``(score, x, a, sigma)`` as of ``sharpbound audit``, which is measured in W2.
        arrays : "numpy" or "torch", what a function computes with; by default torch with a ``convention``.
        convention : how a function calls its model: "score", or one of `sharpbound.audit.adapt.CONVENTIONS`.

        Raises InputError where it does not fit the case.
        """
        if sampler is None:
            return self.document
        arrays = arrays or ("numpy" if convention == "score" else "torch")
        return measure_with(self.case, self.claim, _adapted(sampler, convention), arrays)

    def check(self, sampler: Any = None, *, arrays: str | None = None, convention: str = "score") -> Document:
        """Assert that the claim stands, and that nothing has moved since the rate was recorded.

        Raises AssertionError that names the numbers. Returns the document. Arguments as of `measure`.
        """
        __tracebackhide__ = True
        found = self.measure(sampler, arrays=arrays, convention=convention)
        if found["verdict"] not in self.verdicts:
            raise AssertionError(
                f"{self.claim.id} on {self.case.id}: {found['verdict']}, not {' or '.join(self.verdicts)}; "
                f"exponent {exponent(record(CaseDocument.read(found)))}. {found['details'].get('reason', '')}".rstrip()
                + _width(found)
            )
        if self.references is not None:
            self._checks += 1
            name = self.name if self._checks == 1 else f"{self.name}#{self._checks}"
            self.references.hold(name, found)
        return found


def _adapted(sampler: Any, convention: str) -> Any:
    from sharpbound.audit import adapt
    from sharpbound.errors import did_you_mean

    if convention == "score":
        return sampler
    if convention not in adapt.CONVENTIONS:
        known = ["score", *adapt.CONVENTIONS]
        raise InputError(
            f"choose {', '.join(known)}, not {convention!r}{did_you_mean(convention, known)}",
            key="convention",
        )
    return adapt.CONVENTIONS[convention](sampler)


def _width(found: Document) -> str:
    """What a wide interval means, where it is why a claim is neither shown nor refuted."""
    from sharpbound.rates.verdict import TOLERANCE

    if found["verdict"] != "inconclusive" or not found["interval"]:
        return ""
    low, high = found["interval"]
    half = (high - low) / 2
    if half <= TOLERANCE:
        return ""
    return (
        f". The half-width {half:.3f} is above {TOLERANCE}: the errors have not yet settled to one power, or rounding "
        "limits them, so that neither this exponent nor another is shown; sweep larger T, or ask for the order "
        "within 0.2 with: sharpbound audit"
    )


def find_rate(case: str, claim: str) -> tuple[Case, Claim]:
    """The case (an id of the suite's, or a file) and its claim; InputError if ``claim`` is another one."""
    from sharpbound.errors import did_you_mean
    from sharpbound.run.cases import validate_case
    from sharpbound.suite import load_case

    if Path(case).suffix == ".toml":
        found = load_case(case)
    else:
        suite = _suite()
        if case not in suite:
            raise InputError(f"there is no case {case!r}{did_you_mean(case, suite)}", key="case")
        found = suite[case]
    if found.claim != claim:
        raise InputError(f"case {found.id} tests {found.claim}, not {claim!r}", key="claim")
    return found, validate_case(found, _theory())


@cache
def _suite() -> dict[str, Case]:
    from sharpbound.suite import load_cases

    return {case.id: case for case in load_cases()}


@cache
def _theory() -> dict[str, Claim]:
    from sharpbound.suite import load_theory

    return load_theory()


def measure_with(case: Case, claim: Claim, sampler: Any, arrays: str = "numpy") -> Document:
    """The document of a sampling-rate case with another sampler in its place: exact laws, as in a run."""
    from sharpbound import chapters
    from sharpbound.chapters.sampling import conclude_sweep
    from sharpbound.records.document import document

    if case.kind != "sampling-rate":
        raise InputError(f"{case.id} is a {case.kind} case; a sampler is measured on sampling-rate cases")
    start = time.perf_counter()
    rows = _rows(case, as_sampler(sampler, arrays))
    checked = chapters.get(case.kind).hypotheses(case, claim)
    seconds = time.perf_counter() - start
    found = document(case, claim, rows, conclude_sweep(case, claim, rows), seconds, checked).as_json()
    # without the sampler's name: one that is only renamed, or rewritten, is held to the same numbers
    init = case.sampler.get("init", "normal")
    return found | {"spec": found["spec"] | {"sampler": {"init": init}}}


def _rows(case: Case, sampler: Sampler) -> list[Row]:
    from sharpbound import processes, targets
    from sharpbound.chapters.options import sweep_points
    from sharpbound.chapters.sampling import at_dimension, case_row, check_function, measured_row, quantities
    from sharpbound.samplers import ExactScore

    init = case.sampler.get("init", "normal")
    rows: list[Row] = []
    for point in sweep_points(case.sweep, ("T", "d")):
        target = targets.build(at_dimension(case.target, point.get("d")))
        ladder = processes.build(case.forward, point["T"])
        sampler.check(ladder)
        try:
            check_function(sampler, target, init, case.metrics)
        except InputError as mistake:
            raise mistake.at(where=case.id) from None
        score = ExactScore(target, ladder)
        measured = [
            [measured_row(target, ladder, sampler, score, init, quantity)]
            for quantity in quantities(case.metrics)
        ]
        rows.append(case_row(point, case.metrics, measured))
    return rows


def as_sampler(sampler: Any, arrays: str = "numpy") -> Sampler:
    """A Sampler from an object, a class, a function, a name or a table; InputError for anything else."""
    from sharpbound import samplers
    from sharpbound.samplers import own

    if isinstance(sampler, (str, Mapping)):
        return samplers.build({"name": sampler} if isinstance(sampler, str) else dict(sampler))
    ours = isinstance(sampler, samplers.Sampler) or (
        isinstance(sampler, type) and issubclass(sampler, samplers.Sampler)
    )
    if not ours and not callable(sampler):
        raise InputError(
            f"{sampler!r} is not a sharpbound.samplers.Sampler, nor the name of one, nor a function"
        )
    name = getattr(sampler, "__qualname__", type(sampler).__name__)
    return own.as_sampler(sampler, name, None if ours else {"arrays": arrays})


__all__ = ["HOLDS", "Rate", "Record", "References", "find_rate", "measure_with"]
