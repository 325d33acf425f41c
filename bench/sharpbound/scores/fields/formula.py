"""A field that the user writes down: ``formula = "sin(3*z)/(1 + x**2)"``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.formulas.calculus import ONE, ZERO, derivative, evaluate, folded
from sharpbound.formulas.expression import Grammar, Node, parse
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape

VARIABLES = ("x", "z", "t", "a", "sigma")
"""The point, (x - centre)/spread of the marginal, t/T, and the level's own a and sigma."""
FUNCTIONS = {name: getattr(torch, name) for name in ("sin", "cos", "exp", "tanh", "atan", "sqrt", "log")}
GRAMMAR = Grammar(VARIABLES, tuple(FUNCTIONS), "sin(3*z)/(1 + x**2)")
MAX_POWER = 20

RATES = {"x": ONE, "z": Node("/", (ONE, Node("variable", name="spread")))}
"""How the variables change with x: z = (x - centre)/spread."""


class Formula(Shape):
    """e_t(x) by a formula in x, z, t, a and sigma; three times differentiable where it is evaluated."""

    name = "formula"

    def __init__(self, formula: str) -> None:
        self.text = formula
        try:
            expression = folded(parse(formula, GRAMMAR))
            _check(expression)
            self._orders = [expression]
            for _ in range(3):
                self._orders.append(derivative(self._orders[-1], RATES))
        except InputError as mistake:
            raise InputError(mistake.message, key="score_error.formula") from None

    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        values: dict[str, Any] = {
            "x": x,
            "z": (x - frame.centre) / frame.spread,
            "t": frame.time,
            "a": frame.a,
            "sigma": frame.sigma,
            "spread": frame.spread,
        }
        tensors = {name: _tensor(value) for name, value in values.items()}
        return evaluate(self._orders[order], tensors, _tensor, FUNCTIONS).expand(x.shape).clone()


def _check(expression: Node) -> None:
    """Raise InputError for a field that is zero, and for a power that is not a number up to `MAX_POWER`."""
    if expression == ZERO:
        raise InputError("the formula is zero everywhere; write another field")
    nodes = [expression]
    while nodes:
        node = nodes.pop()
        nodes += node.args
        if node.op == "**" and not (node.args[1].op == "number" and abs(node.args[1].number) <= MAX_POWER):
            raise InputError(f"a power must be a number up to {MAX_POWER}; use exp() for others")


def _tensor(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)
