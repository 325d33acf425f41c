"""A field that the user writes down: ``formula = "sin(3*z)/(1 + x**2)"``.

The text is parsed with `ast` and rebuilt node by node from a whitelist, as a sympy expression that is
differentiated symbolically; nothing is evaluated as Python.
"""

from __future__ import annotations

import ast
import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.formulas.expression import MAX_CHARACTERS, MAX_DEPTH
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape

VARIABLES = ("x", "z", "t", "a", "sigma")
"""The point, (x - centre)/spread of the marginal, t/T, and the level's own a and sigma."""
FUNCTIONS = ("sin", "cos", "exp", "tanh", "atan", "sqrt", "log")
_BINARY = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.Pow: lambda x, y: x**y,
}
MAX_POWER = 20


class Formula(Shape):
    """e_t(x) by a formula in x, z, t, a and sigma; three times differentiable where it is evaluated."""

    name = "formula"

    def __init__(self, formula: str) -> None:
        self.text = formula
        expression = _parse(formula)
        if expression == 0 or expression.has(*_undefined()):
            raise _mistake(f"{formula[:60]!r} is zero or undefined everywhere; write another field")
        self._orders = [expression]
        for _ in range(3):
            last = self._orders[-1]
            # z = (x - centre)/spread: each derivative in z brings 1/spread
            self._orders.append(last.diff(_symbol("x")) + last.diff(_symbol("z")) / _symbol("spread"))

    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        values: dict[str, Any] = {
            "x": x,
            "z": (x - frame.centre) / frame.spread,
            "t": frame.time,
            "a": frame.a,
            "sigma": frame.sigma,
            "spread": frame.spread,
        }
        value = _evaluate(self._orders[order], values)
        return torch.as_tensor(value, dtype=torch.float64).expand(x.shape).clone()


@cache
def _symbol(name: str) -> Any:
    import sympy

    return sympy.Symbol(name)


def _undefined() -> tuple[Any, ...]:
    import sympy

    return sympy.zoo, sympy.nan, sympy.oo, sympy.I


def _mistake(message: str) -> InputError:
    return InputError(message, key="score_error.formula")


def _parse(text: str) -> Any:
    """The sympy expression of ``text``; InputError says what is not allowed in it."""
    if len(text) > MAX_CHARACTERS:
        raise _mistake(f"is longer than {MAX_CHARACTERS} characters; shorten it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _mistake(f"{text[:60]!r} is not a formula; write e.g. 'sin(3*z)'") from None
    return _build(tree.body, 0)


def _build(tree: ast.expr, depth: int) -> Any:
    import sympy

    if depth > MAX_DEPTH:
        raise _mistake(f"is nested deeper than {MAX_DEPTH} levels; write it flatter")
    match tree:
        case ast.Constant(value=int() | float() as value) if (
            not isinstance(value, bool) and abs(value) < 1e100
        ):
            return sympy.Float(value)  # powers of integers would be exact, and as long as one likes
        case ast.Name(id=name) if name in VARIABLES:
            return _symbol(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            base, other = _build(left, depth + 1), _build(right, depth + 1)
            if isinstance(op, ast.Pow):
                if not (other.is_number and abs(other) <= MAX_POWER):
                    raise _mistake(f"a power must be a number up to {MAX_POWER}; use exp() for others")
                other = sympy.Integer(int(other)) if other == int(other) else other
            if isinstance(op, ast.Div) and other == 0:
                raise _mistake("divides by zero")
            return _BINARY[type(op)](base, other)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_build(operand, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return getattr(sympy, name)(_build(argument, depth + 1))
    raise _mistake(
        f"{ast.unparse(tree)[:60]!r} is not allowed; use numbers, {', '.join(VARIABLES)}, + - * / ** and "
        f"{', '.join(FUNCTIONS)}"
    )


def _evaluate(node: Any, values: dict[str, Any]) -> Any:
    """The value of a sympy expression made of what `_build` allows, on tensors and numbers."""
    if node.is_Symbol:
        return values[node.name]
    if node.is_number:
        return float(node)
    args = [_evaluate(arg, values) for arg in node.args]
    if node.is_Add or node.is_Mul:
        total = args[0]
        for arg in args[1:]:
            total = total + arg if node.is_Add else total * arg
        return total
    if node.is_Pow:
        return args[0] ** args[1]
    function = getattr(torch, type(node).__name__)  # one of FUNCTIONS
    return function(torch.as_tensor(args[0], dtype=torch.float64))
