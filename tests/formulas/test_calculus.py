"""Derivatives of formulas against numerical ones in 60 digits."""

from __future__ import annotations

import math

import mpmath
import pytest

from sharpbound.errors import InputError
from sharpbound.formulas.calculus import ONE, ZERO, derivative, evaluate, folded, number
from sharpbound.formulas.expression import FUNCTIONS, Grammar, Node, parse

NAMES = ("sin", "cos", "exp", "tanh", "atan", "sqrt", "log")
GRAMMAR = Grammar(("x", "z", "t"), (*NAMES, "min"), "x")
TEXTS = [
    "sin(3*z)/(1 + x**2)",
    "tanh(2*x)",
    "atan(z)*cos(x)**2/(2 + sin(z))",
    "exp(-x**2/2)*log(3 + x)",
    "sqrt(2 + x)*z - -x/t",
    "(1 + x**2)**-1.5",
    "(2 + x)**(1 + z/3)",
    "2**x",
    "tanh(exp(sin(x*z)))",
    "x**3 - 2*x + 1",
    "(x - 1)/(x + 3)/(z + 4)",
]


def at(text: str, x: mpmath.mpf) -> mpmath.mpf:
    """The text at x, with z = (x - 1/4)/2 and t = .75, as Python reads it."""
    scope = {name: getattr(mpmath, name) for name in NAMES}
    return mpmath.mpf(1) * eval(text, scope, {"x": x, "z": (x - mpmath.mpf(0.25)) / 2, "t": mpmath.mpf(0.75)})


def value(node: Node, x: float) -> float:
    return evaluate(node, {"x": x, "z": (x - 0.25) / 2, "t": 0.75}, float, FUNCTIONS)


@pytest.mark.parametrize("text", TEXTS)
def test_three_orders(text: str) -> None:
    node = folded(parse(text, GRAMMAR))
    for order in range(4):
        for x in (-0.7, 0.3, 1.4):
            with mpmath.workdps(60):
                expected = float(mpmath.diff(lambda y: at(text, y), mpmath.mpf(x), order))
            # a few roundings of terms that cancel by a digit or two
            assert value(node, x) == pytest.approx(expected, rel=1e-13, abs=1e-13)
        node = derivative(node, {"x": ONE, "z": number(0.5)})


def test_polynomials_come_to_an_end() -> None:
    node = folded(parse("x**3 - 2*x + z", GRAMMAR))
    for _ in range(4):
        node = derivative(node, {"x": ONE})
    assert node == ZERO
    assert derivative(parse("t", GRAMMAR), {"x": ONE}) == ZERO


def test_parts_are_shared() -> None:
    """Thirty tanh in one another: a tree of the third derivative would have millions of nodes."""
    node = parse("tanh(" * 28 + "x" + ")" * 28, GRAMMAR)
    for _ in range(3):
        node = derivative(node, {"x": ONE})
    seen: set[int] = set()
    todo = [node]
    while todo:
        if id(one := todo.pop()) not in seen:
            seen.add(id(one))
            todo += one.args
    assert len(seen) < 28 * 60  # each of the three orders adds a few nodes to a level of nesting

    def chain(x: mpmath.mpf) -> mpmath.mpf:
        for _ in range(28):
            x = mpmath.tanh(x)
        return x

    with mpmath.workdps(60):
        expected = float(mpmath.diff(chain, mpmath.mpf(0.3), 3))
    assert evaluate(node, {"x": 0.3}, float, FUNCTIONS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["1/0", "x**sqrt(-1)", "exp(exp(exp(20)))*x", "x**sin(exp(1e80))", "x/(1 - 1)"]
)
def test_parts_without_a_value_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"no finite real number|divides by zero"):
        folded(parse(text, GRAMMAR))


def test_corners_have_no_derivative() -> None:
    with pytest.raises(InputError, match="min"):
        derivative(parse("min(x, 1)", GRAMMAR), {"x": ONE})


def test_constants_are_folded() -> None:
    assert folded(parse("sqrt(4)*x + 0*z", GRAMMAR)) == folded(parse("2*x", GRAMMAR))
    assert folded(parse("exp(1)", GRAMMAR)) == number(math.e)
