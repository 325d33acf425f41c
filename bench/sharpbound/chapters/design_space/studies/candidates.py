"""The samplers that study ``song-or-karras`` compares: a noise schedule and an amount of fresh noise."""

from __future__ import annotations

import math
from typing import Any

from sharpbound.chapters.design_space.schedules import named
from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder


def split(name: str) -> tuple[str, str]:
    """Schedule and churn of a candidate's name, as they are written."""
    schedule, slash, dial = name.partition("/")
    if slash:
        return schedule, dial
    return ("exponential", name) if name.startswith("churn") else (name, "churn-1")


def candidate(name: str, options: dict[str, Any]) -> tuple[Ladder, float]:
    """Ladder and churn of a candidate's name."""
    schedule, dial = split(name)
    family, _, number = dial.partition("-")
    try:
        churn = float(number) if family == "churn" else math.nan
    except ValueError:
        churn = math.nan
    if not (math.isfinite(churn) and churn >= 0):
        raise InputError(f"{name!r}: write the fresh noise as e.g. churn-0.5, a number >= 0", key="design")
    return named(schedule, options["T"], options["sigma_min"], options["sigma_max"]), churn


def churns(options: dict[str, Any]) -> bool:
    """Whether the two candidates differ in their fresh noise, or have other than the path KL's."""
    return "churn" in options["first"] + options["second"]


def names_on_map(options: dict[str, Any], on_target: bool) -> list[str]:
    """Names of the candidates that the map chooses from."""
    schedules = [*(f"polynomial-{power:g}" for power in options["powers"]), "exponential"]
    if on_target:  # the engine takes seconds per law
        schedules = list(dict.fromkeys(split(options[key])[0] for key in ("first", "second")))
    if not churns(options):
        return [] if on_target else schedules
    return [f"{schedule}/churn-{eta:g}" for schedule in schedules for eta in options["churns"]]
