"""Kind ``audit``: nominal against measured order of a scheduler, of diffusers or the user's, driven unmodified."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sharpbound import foreign, targets
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.contract import contract
from sharpbound.chapters.audit.drive import Loop
from sharpbound.chapters.audit.guided import Guided, GuidedQuantiles
from sharpbound.chapters.audit.networks import STATES
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.chapters.base import Cell, Experiment, Measurement
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
    "part": list(schedulers.WHOLE),
    "stochastic": False,
    "tau": -1.0,
    "state": "",
    "guidance": 1.0,
    "unconditional": {},
    "options": {},
    "step": {},
}
"""The [audit] table. ``scheduler`` is a name of diffusers or "module:Class". ``options`` and ``step`` go to the
constructor and to ``step`` of the scheduler; ``tau`` >= 0 is the constant that SA-Solver wants as a function, which a
case file cannot hold. ``part`` is the share of the calls, from and to, that is measured, so that the ends of the range
are where they are at every T. ``state`` says how a scheduler of another project writes its state. ``guidance`` is the
scale of guidance away from the law ``unconditional``, a [target] table."""


@cache
def _quantiles(spec: str) -> Quantiles:
    """Of the law whose tables ``spec`` are, in JSON: its cells share most of their levels."""
    wanted = json.loads(spec)
    target = targets.build(wanted["target"])
    assert isinstance(target, Target1D)  # checked by validate
    if wanted["guidance"] == 1:
        return Quantiles(target)
    free = targets.build(wanted["unconditional"])
    assert isinstance(free, Target1D)
    return GuidedQuantiles(Guided(target, free, wanted["guidance"]))


def _table(case: Case) -> dict[str, Any]:
    """The [audit] table with what is left out, and the stamp of a scheduler of the user's."""
    written = {key: value for key, value in case.options.items() if key != foreign.STAMP}
    table = read_options(written, OPTIONS, "audit")
    stamp = case.options.get(foreign.STAMP)
    if "schedule" not in written and foreign.is_foreign(table["scheduler"]):
        table["schedule"] = schedulers.default_schedule(schedulers.class_of(table["scheduler"], stamp))
    return table | ({foreign.STAMP: stamp} if stamp else {})


def _loop(table: dict[str, Any]) -> Loop:
    options = dict(table["options"])
    if table["tau"] >= 0:
        options["tau_func"] = lambda t: table["tau"]
    made = schedulers.build_scheduler(
        table["scheduler"], table["schedule"], options, table.get(foreign.STAMP)
    )
    return Loop(made, table["step"], table["state"])


class Contract(Measurement):
    """The one cell of a case that looks at its schedule: `sharpbound.chapters.audit.contract`."""

    def measure(self, cell: Cell) -> list[Row]:
        return contract(_loop(cell.params["schedule of"]))


class Audit(Experiment):
    """One cell per number of inference steps T."""

    kind = "audit"

    def validate(self, case: Case, claim: Claim) -> None:
        if case.metrics != ["w2"]:
            raise InputError('an audit measures W2: metric = "w2"', key="measure.metric")
        if list(case.sweep) != ["T"]:
            raise InputError("an audit sweeps T, the number of inference steps, alone", key="sweep")
        target = targets.build(case.target)
        table = _table(case)
        if not isinstance(target, Target1D):
            raise InputError("an audit needs a target on the line", key="target.family")
        if table["stochastic"] and not isinstance(target, Gaussian1D):
            raise InputError("a stochastic scheduler is audited on a Gaussian target", key="target.family")
        for key, known in (
            ("schedule", schedulers.ALL),
            ("final", schedulers.FINALS),
            ("state", ("", *STATES)),
        ):
            if table[key] not in known:
                words = ", ".join(filter(None, known))
                raise InputError(f"choose one of {words}, not {table[key]!r}", key=f"audit.{key}")
        _check_part(table["part"])
        _check_guidance(table)
        schedulers.check_scheduler(table["scheduler"])

    def check(self, case: Case) -> None:
        _loop(_table(case))

    def cells(self, case: Case) -> list[Cell]:
        table, version = _table(case), _version(case)
        return [
            Cell(self.kind, {"target": case.target, "T": T, "diffusers": version, **table})
            for T in case.sweep["T"]
        ]

    def drawings(self, case: Case) -> list[Cell]:
        return [Cell(self.kind, {"schedule of": _table(case), "diffusers": _version(case)})]

    def measuring(self, cell: Cell) -> Measurement:
        return Contract() if "schedule of" in cell.params else self

    def measure(self, cell: Cell) -> list[Row]:
        wanted = cell.params
        law = {key: wanted[key] for key in ("target", "guidance", "unconditional")}
        try:
            found: Any = schedulers.measure(
                _quantiles(json.dumps(law)),
                _loop(wanted),
                wanted["T"],
                final=wanted["final"],
                part=wanted["part"],
                stochastic=wanted["stochastic"],
            )
        except NotMeasured as reason:
            found = reason
        value, floor, note = finite_or_note(found)
        row: Row = {"T": wanted["T"], "w2": value, "w2_floor": floor, "floor": floor}
        row |= {"floor_kind": floor_kind(found), "engine": None if value is None else "black-box"}
        return [row | {"note": note} if note else row]

    def finish(
        self, case: Case, claim: Claim, rows: Sequence[Row], drawings: Sequence[list[Row]]
    ) -> Conclusion:
        conclusion = self.conclude(case, claim, rows)
        if not drawings:
            return conclusion
        return replace(conclusion, details=conclusion.details | {"contract": drawings[0]})

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        if not any(row.get("w2") is not None for row in rows):
            reason = next((str(row["note"]) for row in rows if row.get("note")), "no value")
            raise NotMeasured(f"nothing could be measured: {reason}")
        nominal, _ = claim.decay("T", "w2")
        verdict, found, details = order_details(rows, nominal)
        return Conclusion(verdict, found.exponent, found.interval, details)


def _version(case: Case) -> str:
    """Of diffusers, where the scheduler is of it: what is measured belongs to it."""
    return "" if foreign.is_foreign(case.options.get("scheduler")) else schedulers.version()


def _check_part(part: list[float]) -> None:
    if len(part) != 2 or not 0 <= part[0] < part[1] <= 1:
        raise InputError(f"write two shares of the calls, as [0.25, 0.75], not {part}", key="audit.part")


def _check_guidance(table: dict[str, Any]) -> None:
    """InputError for a guidance without a second law, on the line, or of a stochastic scheduler."""
    if table["guidance"] == 1:
        return
    if table["stochastic"]:
        raise InputError("guidance is of deterministic schedulers: their ODE has a law", key="audit.guidance")
    if not table["unconditional"]:
        raise InputError('needs unconditional = { family = "gaussian", ... }', key="audit.guidance")
    try:
        free = targets.build(table["unconditional"])
    except InputError as mistake:
        raise InputError(mistake.message, key="audit.unconditional") from None
    if not isinstance(free, Target1D):
        raise InputError("needs a law on the line", key="audit.unconditional")
