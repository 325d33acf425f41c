"""Derivatives of formulas, symbolically, and their values on anything that can be added and multiplied.

A derivative shares its parts with what it was taken of, so expressions are graphs: every node is worked on once, and
an expression of n nodes has a third derivative of a small multiple of n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sharpbound.errors import InputError
from sharpbound.formulas.expression import OPERATORS, Node


def number(value: float) -> Node:
    """A constant."""
    return Node("number", number=value)


ZERO, ONE = number(0.0), number(1.0)


def folded(node: Node) -> Node:
    """``node`` with every part that names no variable replaced by its value.

    Raises InputError where such a part has no finite real value.
    """
    if node.op in ("number", "variable"):
        return node
    args = tuple(folded(arg) for arg in node.args)
    if node.variables:
        return _simple(node.op, *args)
    try:
        value = Node(node.op, args).value({})
    except (ArithmeticError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            "the formula has a part without variables that is no finite real number, such as 1/0"
        )
    return number(value)


def derivative(node: Node, rates: Mapping[str, Node]) -> Node:
    """d node/ds, where a variable of the formula changes with s at its rate of ``rates``, or not at all.

    Raises InputError for min and max, which have corners.
    """
    known: dict[int, Node] = {}

    def of(node: Node) -> Node:
        if id(node) not in known:
            known[id(node)] = _derivative(node, of, rates)
        return known[id(node)]

    return of(node)


def evaluate(
    node: Node, values: Mapping[str, Any], constant: Callable[[float], Any], functions: Mapping[str, Any]
) -> Any:
    """``node`` at ``values``, of whose kind ``constant`` makes a number; ``functions`` takes that kind too."""
    known: dict[int, Any] = {}

    def of(node: Node) -> Any:
        if id(node) not in known:
            known[id(node)] = fresh(node)
        return known[id(node)]

    def fresh(node: Node) -> Any:
        match node.op:
            case "number":
                return constant(node.number)
            case "variable":
                return values[node.name]
            case "**":
                return of(node.args[0]) ** of(node.args[1])
        return (OPERATORS.get(node.op) or functions[node.op])(*(of(arg) for arg in node.args))

    return of(node)


def _derivative(node: Node, of: Callable[[Node], Node], rates: Mapping[str, Node]) -> Node:
    if not node.variables & rates.keys():
        return ZERO
    if node.op == "variable":
        return rates[node.name]
    u, v = node.args[0], node.args[-1]
    du = of(u)
    match node.op:
        case "neg":
            return _simple("neg", du)
        case "+" | "-":
            return _simple(node.op, du, of(v))
        case "*":
            return _simple("+", _simple("*", du, v), _simple("*", u, of(v)))
        case "/":
            return _simple("/", _simple("-", du, _simple("*", node, of(v))), v)
        case "**" if v.op == "number":
            power = _simple("**", u, number(v.number - 1))
            return _simple("*", _simple("*", v, power), du)
        case "**":
            log = _simple("+", _simple("*", of(v), Node("log", (u,))), _simple("/", _simple("*", v, du), u))
            return _simple("*", node, log)
        case "exp":
            return _simple("*", node, du)
        case "log":
            return _simple("/", du, u)
        case "sqrt":
            return _simple("/", du, _simple("*", number(2.0), node))
        case "sin":
            return _simple("*", Node("cos", (u,)), du)
        case "cos":
            return _simple("neg", _simple("*", Node("sin", (u,)), du))
        case "tanh":
            return _simple("*", _simple("-", ONE, _simple("**", node, number(2.0))), du)
        case "atan":
            return _simple("/", du, _simple("+", ONE, _simple("**", u, number(2.0))))
    raise InputError(f"{node.op}() has no derivative; write a smooth formula")


def _simple(op: str, *args: Node) -> Node:
    """The node without what does nothing: sums with 0, products with 0 and 1, and differences of equals."""
    first, last = args[0], args[-1]
    if op == "neg" and first.op == "number":
        return number(-first.number)
    if op in ("+", "-") and _is(last, 0.0):
        return first
    if op == "+" and _is(first, 0.0):
        return last
    if op == "-" and _is(first, 0.0):
        return _simple("neg", last)
    if op in ("-", "/") and _same(first, last):
        return ZERO if op == "-" else ONE
    if op == "*" and (_is(first, 0.0) or _is(last, 0.0)):
        return ZERO
    if op == "*" and _is(first, 1.0):
        return last
    if op in ("*", "/", "**") and _is(last, 1.0):
        return first
    if op == "/" and _is(first, 0.0) and not _is(last, 0.0):
        return ZERO
    if op == "/" and _is(last, 0.0):
        raise InputError("the formula divides by zero")
    if op == "**" and _is(last, 0.0):
        return ONE
    if op == "*" and first.op == last.op == "number":
        return number(first.number * last.number)
    return Node(op, args)


def _is(node: Node, value: float) -> bool:
    return node.op == "number" and node.number == value


def _same(one: Node, other: Node) -> bool:
    """Whether they are written alike, told in bounded time: derivatives are graphs, whose trees can be huge."""
    budget = 200

    def same(one: Node, other: Node) -> bool:
        nonlocal budget
        budget -= 1
        if one is other:
            return True
        if budget < 0 or (one.op, one.name, one.number, len(one.args)) != (
            other.op,
            other.name,
            other.number,
            len(other.args),
        ):
            return False
        return all(map(same, one.args, other.args))

    return same(one, other)
