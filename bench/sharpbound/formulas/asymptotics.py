"""How an expression behaves in a limit: v^power * log(v)^logs, exactly, from its syntax tree.

`order(node, v)` is the leading order as v goes to its limit (infinity for T, d, m, ...; 0 for
eps, delta, h, ...), all other variables being positive constants with positive logarithms. Score
errors vanish unless they are given a value: rates are stated for the exact score. Iterated
logarithms count as constants.
What cannot be decided from the orders alone (a difference of equal terms, log of something that
tends to a constant) raises InputError instead of guessing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sharpbound.errors import InputError
from sharpbound.formulas.expression import VARIABLES, Node

VANISHING = ("eps_score", "eps_jacobi")
"""Zero in the exact-score setting, in which exponents are read."""


@dataclass(frozen=True)
class Order:
    """sign * u^power * log(u)^logs as u -> infinity.

    The power is +-inf for exponentials, the sign 0 for zero itself.
    """

    sign: int
    power: float = 0.0
    logs: float = 0.0

    @property
    def size(self) -> tuple[float, float]:
        """Compares magnitudes; zero is below everything."""
        return (self.power, self.logs) if self.sign else (-math.inf, -math.inf)

    @property
    def growing(self) -> bool:
        return self.sign != 0 and self.size > (0.0, 0.0)


ZERO = Order(0)
CONSTANT = Order(1)


def order(node: Node, variable: str, values: Mapping[str, float]) -> Order:
    """Leading order of ``node`` in u = variable (or 1/variable where its limit is 0)."""
    free = node.variables - values.keys()
    if not free:
        value = node.value(values)
        return Order(_sign(value))
    if node.op == "variable":
        if node.name == variable:
            return Order(1, 1.0 if VARIABLES[variable].limit == "inf" else -1.0)
        return ZERO if node.name in VANISHING else CONSTANT
    if node.op == "**":
        return _power(node.args[0], node.args[1], variable, values)
    args = [order(arg, variable, values) for arg in node.args]
    match node.op:
        case "neg":
            return _times(args[0], Order(-1))
        case "+":
            return _plus(*args)
        case "-":
            return _plus(args[0], _times(args[1], Order(-1)))
        case "*":
            return _times(*args)
        case "/":
            return _times(args[0], _raise(args[1], -1.0))
        case "sqrt":
            return _raise(args[0], 0.5)
        case "exp":
            return _exp(args[0])
        case "log":
            return _log(args[0], moving=variable in free)
    if any(arg.sign < 0 for arg in args):
        raise _undecided(f"{node.op}() of a negative term")
    return (min if node.op == "min" else max)(args, key=lambda arg: arg.size)


def _power(base: Node, exponent: Node, variable: str, values: Mapping[str, float]) -> Order:
    free = exponent.variables - values.keys()
    if variable in free:  # b**e = exp(e*log(b)), whose direction is known where b is a known number
        if base.variables - values.keys():
            raise _undecided(f"{variable} in an exponent of a base that is not a number")
        logarithm = math.log(base.value(values))
        return _exp(_times(order(exponent, variable, values), Order(_sign(logarithm))))
    leading = order(base, variable, values)
    if not free:
        return _raise(leading, exponent.value(values))
    if leading.size == (0.0, 0.0) and leading.sign > 0:
        return CONSTANT
    raise _undecided(f"an exponent, which needs a value for {', '.join(sorted(free))}")


def _plus(left: Order, right: Order) -> Order:
    if left.size != right.size:
        return max(left, right, key=lambda term: term.size)
    if left.sign != right.sign:
        raise _undecided("a difference of terms of the same order")
    return left


def _times(left: Order, right: Order) -> Order:
    if not (left.sign and right.sign):
        return ZERO
    power = left.power + right.power
    if math.isnan(power):
        raise _undecided("a product of a growing and a falling exponential")
    return Order(left.sign * right.sign, power, left.logs + right.logs)


def _raise(base: Order, exponent: float) -> Order:
    if exponent == 0:
        return CONSTANT
    if base.sign == 0:
        if exponent < 0:
            raise _undecided("a division by a term that vanishes with the score error")
        return ZERO
    if base.sign < 0 and exponent != int(exponent):
        raise _undecided("a root of a negative term")
    sign = -1 if base.sign < 0 and exponent % 2 == 1 else 1
    return Order(sign, base.power * exponent, base.logs * exponent)


def _exp(u: Order) -> Order:
    if not u.growing:
        return CONSTANT
    if u.power == 0 and u.logs <= 1:
        raise _undecided("exp() of a logarithm; write a power instead")
    return Order(1, math.copysign(math.inf, u.sign))


def _log(u: Order, *, moving: bool) -> Order:
    if u.sign <= 0:
        raise _undecided("log() of a term that is not positive")
    if not moving:
        return CONSTANT
    if math.isinf(u.power):
        raise _undecided("log() of an exponential")
    if u.power:
        return Order(1 if u.power > 0 else -1, 0.0, 1.0)
    if u.logs:
        return Order(1 if u.logs > 0 else -1)
    raise _undecided("log() of a term that tends to a constant")


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)


def _undecided(what: str) -> InputError:
    return InputError(f"the rate of the formula cannot be read off: it has {what}")
