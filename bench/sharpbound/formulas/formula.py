"""A claim's formula: one string that yields the number, the LaTeX and the exponents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

from sharpbound.errors import InputError
from sharpbound.formulas.asymptotics import order
from sharpbound.formulas.expression import VARIABLES, Node, parse
from sharpbound.formulas.latex import latex


@dataclass(frozen=True)
class Formula:
    """E.g. ``Formula("d**2*log(T)**4/T + sqrt(d*log(T)**3)*eps_score")``; InputError for a bad string.

    The unspecified constant C of the theorem is 1. Variables are those of
    `sharpbound.formulas.expression.VARIABLES`.
    """

    text: str
    node: Node = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "node", parse(self.text))

    @property
    def variables(self) -> frozenset[str]:
        """The variables that the formula uses."""
        return self.node.variables

    def evaluate(self, values: Mapping[str, Any]) -> float:
        """The formula at ``values`` (more than it needs may be given), with C = 1.

        Raises InputError for a missing variable, and where the value is not a finite real number.
        """
        numbers: dict[str, float] = {}
        for name in sorted(self.variables):
            if name not in values:
                meaning = VARIABLES[name].meaning
                raise InputError(f"the formula {self.text} needs a value of {name} ({meaning})")
            value = values[name]
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise InputError(f"the formula {self.text} needs a number for {name}, got {value!r}")
            numbers[name] = float(value)
        try:
            result = self.node.value(numbers)
        except (ArithmeticError, ValueError):
            result = math.nan
        if not math.isfinite(result):
            at = ", ".join(f"{name} = {value:g}" for name, value in numbers.items())
            raise InputError(f"the formula {self.text} has no finite real value at {at or 'any point'}")
        return result

    def decay(self, variable: str, **values: float) -> tuple[float, float]:
        """(exponent, power of the logarithm) of the dominating term in the limit of ``variable``.

        formula ~ variable^-exponent * log(variable)^power as variable -> infinity, and
        ~ variable^exponent * log(1/variable)^power for those whose limit is 0: exponents are positive
        where the formula falls. (inf, 0) for an exponential. Score errors are 0, other variables
        constants, unless ``values`` are given (needed where they stand in an exponent).
        Raises InputError where the rate cannot be read off.
        """
        if variable not in VARIABLES:
            raise InputError(f"unknown variable {variable!r}; choose from {', '.join(VARIABLES)}")
        try:
            leading = order(self.node, variable, values)
        except InputError:
            raise
        except (ArithmeticError, ValueError):
            raise InputError(f"the formula {self.text} has no finite real value to read a rate off") from None
        if leading.sign == 0:
            return math.inf, 0.0
        return -leading.power + 0.0, 0.0 if math.isinf(leading.power) else leading.logs

    @cached_property
    def _decays(self) -> dict[str, tuple[float, float]]:
        decays = {}
        for name in sorted(self.variables):
            try:
                decays[name] = self.decay(name)
            except InputError:  # depends on the values of other variables: ask decay()
                continue
        return decays

    @property
    def exponents(self) -> dict[str, float]:
        """{variable: exponent} as in `decay`, e.g. {"T": 1, "d": -2}; undecidable ones are left out."""
        return {name: exponent for name, (exponent, _) in self._decays.items()}

    @property
    def log_powers(self) -> dict[str, float]:
        """{variable: power of its logarithm} as in `decay`."""
        return {name: power for name, (_, power) in self._decays.items()}

    @cached_property
    def latex(self) -> str:
        """The formula in LaTeX, without the constant C."""
        return latex(self.node)
