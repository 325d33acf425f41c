"""What several kinds ask of a case: known options of the right types, known sweeps, a target on the line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sharpbound import targets
from sharpbound.bounds import LEAST, MAX_COUNT, MOST
from sharpbound.errors import Collected, InputError, brief
from sharpbound.options import check, options_like
from sharpbound.targets.base import Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case

COUNTS = frozenset({"T", "d", "m", "n", "H", "L", "S", "width", "depth", "points", "levels"})
"""Swept variables of which there are so many, in every kind of case that has them."""

TINY = frozenset({"gamma", "delta_train"})
"""Swept variables of which logarithms alone are taken."""


def read_options(table: Mapping[str, Any], defaults: Mapping[str, Any], name: str) -> dict[str, Any]:
    """``defaults`` updated by ``table``, the case's [name] table, its values as they are written.

    Raises InputError for every key that is not among the defaults, and every value of another type than its
    default's (a whole number will do for a number with decimals); what is positive by default may be 0 and not
    negative, and a number of things is at least 1.
    """
    check(table, options_like(defaults), name=name, who=f"[{name}]")
    with Collected() as mistakes:
        for key, value in table.items():
            with mistakes.caught():
                _check_sign(value, defaults[key], key, f"{name}.{key}")
    return {**defaults, **table}


def _check_sign(value: Any, default: Any, key: str, at: str) -> None:
    """InputError for a negative number where the default is positive, and for no copies, steps or points."""
    numbers = isinstance(default, (int, float)) and not isinstance(default, bool)
    least = 1 if isinstance(default, int) and key != "seed" else 0
    if numbers and (default > 0 or key == "seed") and value < least:
        raise InputError(f"must be at least {least}, got {brief(value)}", key=at)
    if isinstance(default, int) and numbers and value > MAX_COUNT:
        raise InputError(f"must be at most {MAX_COUNT:g}, got {brief(value)}", key=at)


def sweep_points(sweep: Mapping[str, Sequence[Any]], allowed: Sequence[str]) -> list[dict[str, Any]]:
    """All combinations of the swept values, the last variable running fastest; InputError for a variable
    that is not among ``allowed``.
    """
    with Collected() as mistakes:
        for variable in sweep:
            with mistakes.caught():
                if variable not in allowed:
                    takes = ", ".join(allowed)
                    raise InputError(f"cannot be swept here; sweep {takes}", key=f"sweep.{variable}")
                if variable in COUNTS and not all(isinstance(value, int) for value in sweep[variable]):
                    raise InputError("must hold whole numbers", key=f"sweep.{variable}")
                if variable in COUNTS and min(sweep[variable], default=1) < 1:
                    raise InputError("must hold numbers of at least 1", key=f"sweep.{variable}")
                most = MAX_COUNT if variable in COUNTS else MOST
                least = 0.0 if variable in TINY else LEAST
                for value in sweep[variable]:
                    if value and not least <= abs(value) <= most:
                        raise InputError(
                            f"must hold numbers of {least:g} to {most:g} in magnitude, got {brief(value)}",
                            key=f"sweep.{variable}",
                        )
    return [dict(zip(sweep, values, strict=True)) for values in itertools.product(*sweep.values())]


def check_several(case: Case, variable: str) -> None:
    """InputError where ``variable`` is swept over one value alone: what changes along it is the verdict."""
    if len(case.sweep[variable]) < 2:
        raise InputError("must hold two values or more, to be compared", key=f"sweep.{variable}")


def line_target(spec: dict[str, Any]) -> Target1D:
    """The law that a [target] table describes; InputError unless it is one on the line."""
    target = targets.build(spec)
    if not isinstance(target, Target1D):
        raise InputError("use a target on the line", key="target.family")
    return target
