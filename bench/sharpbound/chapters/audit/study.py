"""Kind ``audit``: nominal against measured order of a scheduler of diffusers, driven unmodified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sharpbound import targets
from sharpbound.chapters.audit import diffusers_run
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import finite_or_note, floor_kind
from sharpbound.laws.probe import Quantiles
from sharpbound.records.document import Conclusion, Row
from sharpbound.targets import Gaussian1D, Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

OPTIONS: dict[str, Any] = {
    "scheduler": "",
    "schedule": "uniform-log-snr",
    "final": "as-configured",
    "stochastic": False,
    "tau": -1.0,
    "options": {},
    "step": {},
}
"""The [audit] table. ``options`` and ``step`` go to the constructor and to ``step`` of the scheduler;
``tau`` >= 0 is the constant that SA-Solver wants as a function, which a case file cannot hold."""

SCHEDULES = ("uniform-log-snr", *diffusers_run.SCHEDULES)


@cache
def _quantiles(spec: str) -> Quantiles:
    """Of the target whose table ``spec`` is, in JSON: its cells share most of their levels."""
    target = targets.build(json.loads(spec))
    assert isinstance(target, Target1D)  # checked by validate
    return Quantiles(target)


class Audit(Experiment):
    """One cell per number of inference steps T."""

    kind = "audit"

    def validate(self, case: Case, claim: Claim) -> None:
        if case.metrics != ["w2"]:
            raise InputError('an audit measures W2: metric = "w2"', key="measure.metric")
        if list(case.sweep) != ["T"]:
            raise InputError("an audit sweeps T, the number of inference steps, alone", key="sweep")
        target = targets.build(case.target)
        table = read_options(case.options, OPTIONS, "audit")
        if not isinstance(target, Target1D):
            raise InputError("an audit needs a target on the line", key="target.family")
        if table["stochastic"] and not isinstance(target, Gaussian1D):
            raise InputError("a stochastic scheduler is audited on a Gaussian target", key="target.family")
        for key, known in (("schedule", SCHEDULES), ("final", diffusers_run.FINALS)):
            if table[key] not in known:
                raise InputError(f"choose one of {', '.join(known)}, not {table[key]!r}", key=f"audit.{key}")
        diffusers_run.check_scheduler(table["scheduler"])

    def check(self, case: Case) -> None:
        table = read_options(case.options, OPTIONS, "audit")
        diffusers_run.build_scheduler(table["scheduler"], table["schedule"], table["options"])

    def cells(self, case: Case) -> list[Cell]:
        table = read_options(case.options, OPTIONS, "audit")
        version = diffusers_run.version()
        return [
            Cell(self.kind, {"target": case.target, "T": T, "diffusers": version, **table})
            for T in case.sweep["T"]
        ]

    def measure(self, cell: Cell) -> list[Row]:
        wanted = cell.params
        options = dict(wanted["options"])
        if wanted["tau"] >= 0:
            options["tau_func"] = lambda t: wanted["tau"]
        try:
            found: Any = diffusers_run.measure(
                _quantiles(json.dumps(wanted["target"])),
                wanted["scheduler"],
                wanted["T"],
                schedule=wanted["schedule"],
                final=wanted["final"],
                options=options,
                step=wanted["step"],
                stochastic=wanted["stochastic"],
            )
        except NotMeasured as reason:
            found = reason
        value, floor, note = finite_or_note(found)
        row: Row = {"T": wanted["T"], "w2": value, "w2_floor": floor, "floor": floor}
        row |= {"floor_kind": floor_kind(found), "engine": None if value is None else "black-box"}
        return [row | {"note": note} if note else row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        if not any(row.get("w2") is not None for row in rows):
            reason = next((str(row["note"]) for row in rows if row.get("note")), "no value")
            raise NotMeasured(f"nothing could be measured: {reason}")
        nominal, _ = claim.decay("T", "w2")
        verdict, found, details = order_details(rows, nominal)
        return Conclusion(verdict, found.exponent, found.interval, details)
