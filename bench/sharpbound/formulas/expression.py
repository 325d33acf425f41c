"""The arithmetic a formula may use, in a claim or as a field: its variables, its syntax tree, and its value.

A formula is parsed with `ast` and rebuilt node by node from a whitelist; nothing is ever evaluated
as Python. Size and depth are bounded and all numbers are floats, so no formula, however hostile,
takes long or much memory.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sharpbound.errors import InputError

MAX_CHARACTERS = 600
MAX_DEPTH = 30


@dataclass(frozen=True)
class Variable:
    """What a letter of a formula means, how it is set, and the limit in which rates are stated."""

    meaning: str
    latex: str
    limit: Literal["inf", "0"] = "inf"


VARIABLES: dict[str, Variable] = {
    # sampling
    "T": Variable("number of steps of the sampler (many papers write N or K)", "T"),
    "N": Variable("number of score evaluations, where it differs from T", "N"),
    "d": Variable("dimension of the data", "d"),
    "k": Variable("intrinsic dimension of the data", "k"),
    "h": Variable("step size in continuous time", "h", "0"),
    "horizon": Variable("length of the forward process in time (many papers write T)", r"t_{\mathrm{max}}"),
    "kappa": Variable("steps are at most kappa*min(1, t)", r"\kappa", "0"),
    "delta": Variable("early-stopping time, or a failure probability", r"\delta", "0"),
    "K": Variable("order of a higher-order sampler", "K"),
    "p": Variable("number of stages of a Runge-Kutta sampler", "p"),
    # score
    "eps": Variable("accuracy asked for", r"\varepsilon", "0"),
    "eps_score": Variable("root mean square score error", r"\varepsilon_{\mathrm{score}}", "0"),
    "eps_jacobi": Variable("mean error of the score's Jacobian", r"\varepsilon_{\mathrm{Jacobi}}", "0"),
    "omega": Variable("frequency of the score error", r"\omega"),
    "L": Variable("Lipschitz constant of the scores, or length of a sequence", "L"),
    # data
    "m2": Variable("root second moment of the data", r"m_2"),
    "R": Variable("radius of the data, or distance between modes", "R"),
    "sigma": Variable("noise level, or standard deviation of the data", r"\sigma", "0"),
    "alpha": Variable("smoothness of the data, a Hölder exponent", r"\alpha"),
    "fisher": Variable("Fisher information of the data relative to N(0, I)", r"I(p\,|\,\gamma)"),
    "kl0": Variable("KL divergence of the data from N(0, I)", r"\mathrm{KL}_0"),
    # data on finite spaces, information in nats
    "S": Variable("number of states of a coordinate, or size of a vocabulary", "S"),
    "TC": Variable("total correlation of the data", r"\mathrm{TC}"),
    "DTC": Variable("dual total correlation of the data", r"\mathrm{DTC}"),
    "MI": Variable("sum over tokens of the mutual information with all others", r"\mathrm{MI}"),
    # learning
    "m": Variable("number of training samples", "m"),
    "n": Variable("number of data points", "n"),
    "t": Variable("time of the forward process, or training iteration", "t"),
    "gamma": Variable("Wasserstein accuracy", r"\gamma", "0"),
    "eta": Variable("weight of a rare mode, or learning rate", r"\eta", "0"),
    "delta_train": Variable("failure probability of training", r"\delta_{\mathrm{train}}", "0"),
    "delta_score": Variable("probability outside a quantile score error", r"\delta_{\mathrm{score}}", "0"),
    "H": Variable("size of a hypothesis class", r"|\mathcal{H}|"),
    "P": Variable("number of network parameters", "P"),
    "D": Variable("depth of the network", "D"),
    "Theta": Variable("bound on the network parameters", r"\Theta"),
    "sigma_min": Variable("smallest noise level", r"\sigma_{\mathrm{min}}", "0"),
    "sigma_max": Variable("largest noise level", r"\sigma_{\mathrm{max}}"),
    "rho": Variable("power of a polynomial schedule, or a contraction factor", r"\rho"),
}
"""The letters a claim may use. All stand for positive numbers. The names are the suite's own:
a paper that writes N for steps and T for time is entered with T and horizon."""

FUNCTIONS: dict[str, Callable[..., float]] = {
    "log": math.log,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "min": min,
    "max": max,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "atan": math.atan,
}

CLAIM_FUNCTIONS = ("log", "sqrt", "exp", "min", "max")
"""Those of which rates can be read off."""

OPERATORS: dict[str, Callable[..., float]] = {
    "neg": lambda x: -x,
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": math.pow,
}

_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


@dataclass(frozen=True)
class Node:
    """A number (``op = "number"``), a variable (``op = "variable"``), an operator or a function."""

    op: str
    args: tuple[Node, ...] = ()
    number: float = 0.0
    name: str = ""
    variables: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        own = {self.name} if self.op == "variable" else set()
        object.__setattr__(self, "variables", frozenset(own.union(*(arg.variables for arg in self.args))))

    def value(self, values: Mapping[str, float]) -> float:
        """The number this node is at ``values``; raises ArithmeticError or ValueError where it is none."""
        if self.op == "number":
            return self.number
        if self.op == "variable":
            return values[self.name]
        function = OPERATORS.get(self.op) or FUNCTIONS[self.op]
        return function(*(arg.value(values) for arg in self.args))


@dataclass(frozen=True)
class Grammar:
    """The names that a formula may use."""

    variables: Collection[str]
    functions: Collection[str]
    example: str


CLAIM = Grammar(VARIABLES, CLAIM_FUNCTIONS, "d*log(T)**4/T")


def parse(text: str, grammar: Grammar = CLAIM) -> Node:
    """The syntax tree of ``text``; InputError says what is not allowed in it."""
    if not isinstance(text, str):
        raise InputError(f"a formula is one string, got {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the formula is longer than {MAX_CHARACTERS} characters; shorten it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(
            f"{_quote(text)} is not a formula; write * for every product and ** for powers: {grammar.example!r}"
        ) from None
    return _build(tree.body, 0, grammar)


def _build(tree: ast.expr, depth: int, grammar: Grammar) -> Node:
    if depth > MAX_DEPTH:
        raise InputError(f"the formula is nested deeper than {MAX_DEPTH} levels; write it flatter")
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if value > 1e300:
                raise InputError("the formula has a number above 1e300; leave constants out of it")
            return Node("number", number=float(value))
        case ast.Name(id=name):
            if name not in grammar.variables:
                hint = _suggest(name, grammar.variables)
                raise InputError(f"unknown variable {_quote(name)} in the formula{hint}")
            return Node("variable", name=name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return Node(_BINARY[type(op)], tuple(_build(part, depth + 1, grammar) for part in (left, right)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Node("neg", (_build(operand, depth + 1, grammar),))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in grammar.functions:
            many = name in ("min", "max")
            if (len(args) < 2) if many else (len(args) != 1):
                raise InputError(f"{name}() takes {'two or more arguments' if many else 'one argument'}")
            return Node(name, tuple(_build(arg, depth + 1, grammar) for arg in args))
        case ast.Call(func=ast.Name(id=name)):
            allowed = ", ".join(grammar.functions)
            raise InputError(f"unknown function {_quote(name)} in the formula; use {allowed}")
    raise InputError(
        f"{_written(tree)} is not allowed in a formula; "
        f"use numbers, variables, + - * / ** and {', '.join(grammar.functions)}"
    )


def _suggest(name: str, variables: Collection[str]) -> str:
    close = difflib.get_close_matches(name, variables, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; choose from {', '.join(variables)}"


def _written(tree: ast.expr) -> str:
    try:
        return _quote(ast.unparse(tree))
    except RecursionError:  # it need not be what is allowed that is nested
        return f"a {type(tree).__name__} nested hundreds of times"


def _quote(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
