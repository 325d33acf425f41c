"""What ``sharpbound audit`` does with a scheduler: its order, and the contract of its schedule."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from typing import Any

import torch

from sharpbound import foreign
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.asked import Asked
from sharpbound.chapters.audit.contract import CHECKS, contract
from sharpbound.chapters.audit.drive import Loop, working
from sharpbound.chapters.audit.guided import GuidedQuantiles
from sharpbound.chapters.audit.judging import WORDS
from sharpbound.chapters.audit.schedule_trial import BROKEN
from sharpbound.chapters.audit.scheduler_diagnosis import Scheduler, cause
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.errors import InputError, NotMeasured, did_you_mean
from sharpbound.laws import finite_or_note
from sharpbound.laws.probe import Quantiles, Tape

STEPS = (10, 20, 40, 80, 160)
"""Numbers of steps that divide the 5120 levels of a table uniform in log-SNR."""
FEW = 8
ROUNDING = 1e-4
"""W2 above this share of the law's size is no rounding of float32 tables."""
OURS = "diffusers:"
REFUSED = ("arrays", "ladder", "same_as", "at")
"""Options of functions alone."""


def is_scheduler(found: Any) -> bool:
    """Whether it is driven by ``set_timesteps`` and ``step``."""
    return all(callable(getattr(found, name, None)) for name in ("set_timesteps", "step"))


def plain_name(named: str) -> str:
    """A scheduler of diffusers by its own name, which is not looked up as a module of the user's."""
    return named.removeprefix(OURS)


def audit_scheduler(named: str, found: Any, asked: Asked, nominal: float) -> dict[str, Any]:
    """The scheduler ``found`` measured, as a JSON document; ``contract`` has the checks of its schedule.

    The verdict is that of the order; "broken" where the order is not below the nominal one and a check is not kept,
    other than those of --allow.
    """
    for option in REFUSED:
        if getattr(asked, option) is not None:
            raise InputError("is for functions; leave it out", key=f"--{option.replace('_', '-')}")
    schedule = asked.schedule or schedulers.default_schedule(found)
    if schedule not in schedulers.ALL:
        raise InputError(
            f"of a scheduler, choose {', '.join(schedulers.ALL)}, not {schedule!r}", key="--schedule"
        )
    name = plain_name(named)
    stamp = foreign.source_of(name, foreign.here()) if foreign.is_foreign(name) else None
    try:
        made = schedulers.build_scheduler(name, schedule, _options(asked.options), stamp)
        loop = Loop(made, state=asked.state or "")
        allowed = _allowed(asked.allow)
        quantiles, stochastic = _law(loop, asked)
    except InputError as mistake:
        raise InputError(mistake.message, key=(mistake.key or "").replace("audit.", "--") or None) from None
    numbers = asked.numbers() or STEPS
    rows = [_row(quantiles, loop, T, stochastic) for T in numbers]
    checks = contract(loop)
    broken = [check for check in checks if check["verdict"] == BROKEN and check["name"] not in allowed]
    settings = {"schedule": {"schedule": schedule}, "range": _range(loop), "ladder": "its own"}
    subject = Scheduler(quantiles, loop, not stochastic, numbers)
    judged, reason = _judged(rows, nominal, subject.size)
    causes = cause(subject, judged, rows)
    if causes and judged["verdict"] == "undecided":
        judged["verdict"] = "not reached"
    told = [reason, *causes]
    judged["details"] |= {"reason": "; ".join(told)}  # the screen has the checks in lines of their own
    told += [f"{check['name']}: {check['seen']}" for check in broken]
    verdict = "broken" if broken and judged["verdict"] not in ("failed", "not reached") else judged["verdict"]
    view = judged | {"reason": reason, "rows": rows} | settings
    return judged | {
        "sampler": named,
        "convention": "scheduler",
        "nominal": nominal,
        "metric": "w2",
        "metrics": ["w2"],
        "swept": "T",
        "verdict": verdict,
        "diagnosis": "; ".join(told),
        "target": asked.target_words(not stochastic),
        **settings,
        "precision": "float32",
        "remarks": ["it draws noise"] if stochastic else [],
        "views": [view],
        "rows": rows,
        "contract": checks,
    }


def _law(loop: Loop, asked: Asked) -> tuple[Quantiles, bool]:
    """The law it should have, and whether it draws noise: tried with few steps."""
    stochastic = _draws(loop, asked)
    target, guided = asked.target_for(not stochastic), asked.guided(not stochastic)
    return (Quantiles(target) if guided is None else GuidedQuantiles(guided)), stochastic


def _draws(loop: Loop, asked: Asked) -> bool:
    tape = Tape()
    try:
        scheduler = loop.fresh(FEW)
        with working(FEW):
            loop.run(scheduler, asked.target_for(True), torch.linspace(-1, 1, 3, dtype=torch.float64), tape)
    except NotMeasured:  # every row will tell
        return False
    return not tape.silent


def _row(quantiles: Quantiles, loop: Loop, T: int, stochastic: bool) -> dict[str, Any]:
    try:
        found: Any = schedulers.measure(quantiles, loop, T, final="sigma-min", stochastic=stochastic)
    except NotMeasured as reason:
        found = reason
    value, floor, note = finite_or_note(found)
    return {"T": T, "w2": value, "w2_floor": floor, "floor": floor} | ({"note": note} if note else {})


def _range(loop: Loop) -> list[float | None]:
    """Smallest and largest sigma/a of the states with few steps; None where infinite, or not known."""
    try:
        levels = loop.convention(loop.fresh(STEPS[0])).levels()
    except NotMeasured:
        return [None, None]
    found = [sigma / a if a > 0 else math.inf for a, sigma in levels if sigma > 0]
    return [end if math.isfinite(end) else None for end in (min(found), max(found))]


def _options(text: str | None) -> dict[str, Any]:
    """Of "shift=3.0,clip_sample=false" the keywords of the constructor."""
    try:
        return tomllib.loads(f"given = {{ {text or ''} }}")["given"]
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"write key=value,key=value, not {text!r} ({error})", key="audit.options") from None


def _allowed(text: str | None) -> list[str]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in CHECKS:
            raise InputError(f"there is no check {name!r}{did_you_mean(name, CHECKS)}", key="audit.allow")
    return names


def _judged(rows: Sequence[dict[str, Any]], nominal: float, size: float) -> tuple[dict[str, Any], str]:
    """Verdict, order and details of the rows, and the reason in words. size : root mean square of the law."""
    measured = [row for row in rows if row["w2"] is not None]
    judged: dict[str, Any] = {"verdict": "failed", "exponent": None, "interval": None, "details": {}}
    if not measured:
        return judged, next((row["note"] for row in rows if row.get("note")), "nothing could be measured")
    if all(row["w2"] <= min(10 * row["floor"], ROUNDING * size) for row in measured):
        most = max(row["w2"] for row in measured)
        return (
            judged | {"verdict": "exact"},
            f"W2 is rounding at every T, at most {most:.1e}: exact to rounding",
        )
    verdict, found, details = order_details(rows, nominal)
    judged = {"verdict": WORDS[verdict], "exponent": found.exponent, "interval": found.interval}
    return judged | {"details": details}, details["reason"]
