"""``sharpbound audit`` of a kernel on a finite state space: options as those of other samplers are read."""

from __future__ import annotations

from typing import Any

from sharpbound import foreign
from sharpbound.chapters.audit.asked import Asked, read_spec, target_spec
from sharpbound.chapters.audit.judging import WORDS
from sharpbound.chapters.audit.scheduler_command import OURS
from sharpbound.chapters.audit.verdict import judge_order
from sharpbound.chapters.discrete.audit.command import audit_kernel
from sharpbound.chapters.discrete.samplers.own import is_kernel
from sharpbound.errors import InputError
from sharpbound.rates import RateEstimate

__all__ = ["audit_of_kernel", "is_named_kernel"]


def is_named_kernel(named: str) -> bool:
    """Whether MODULE:OBJECT is a function of (x, conditionals, t, s); a scheduler of diffusers is not the user's."""
    return not named.startswith(OURS) and is_kernel(foreign.load(named))


def audit_of_kernel(named: str, asked: Asked) -> dict[str, Any]:
    """The document of the kernel ``named``; InputError for options that such a one does not have."""
    for key in ("arrays", "at"):
        if getattr(asked, key) is not None:
            raise InputError("a kernel on a finite state space has none: leave it out", key=f"--{key}")
    if asked.convention != "score":
        raise InputError(
            "a kernel of (x, conditionals, t, s) calls no model: leave it out", key="--convention"
        )
    asked.check()
    return audit_kernel(
        named,
        foreign.load(named),
        _judged,
        order=asked.order,
        target=None if asked.target is None else target_spec(asked.target),
        forward=None if asked.schedule is None else read_spec(asked.schedule, "process", "--schedule"),
        ladder=asked.ladder,
        steps=asked.numbers(),
        same_as=None if asked.same_as is None else read_spec(asked.same_as, "name", "--same-as"),
    )


def _judged(found: RateEstimate, nominal: float) -> tuple[str, str]:
    """The verdict of an audit on an estimate, and why."""
    verdict, reason = judge_order(found, nominal)
    return WORDS[verdict], reason
