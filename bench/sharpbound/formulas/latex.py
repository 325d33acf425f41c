"""A formula's syntax tree as LaTeX."""

from __future__ import annotations

from sharpbound.formulas.expression import VARIABLES, Node

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_BINDING = {"+": _SUM, "-": _SUM, "neg": _SUM, "*": _PRODUCT, "/": _ATOM, "**": _POWER, "log": _PRODUCT}


def latex(node: Node) -> str:
    """LaTeX of ``node``: quotients as fractions, log(T)**4 as log^4 T, logarithms last in a product."""
    match node.op:
        case "number":
            return f"{node.number:.12g}" if "e" not in f"{node.number:.12g}" else _scientific(node.number)
        case "variable":
            return VARIABLES[node.name].latex
        case "neg":
            return f"-{_tied(node.args[0], _PRODUCT)}"
        case "+":
            return f"{latex(node.args[0])} + {_tied(node.args[1], _PRODUCT)}"
        case "-":
            return f"{latex(node.args[0])} - {_tied(node.args[1], _PRODUCT)}"
        case "*":
            return _product(sorted(_factors(node), key=_is_log))
        case "/":
            return rf"\frac{{{latex(node.args[0])}}}{{{latex(node.args[1])}}}"
        case "**":
            base, exponent = node.args
            if base.op == "log":
                return _log(base.args[0], rf"^{{{_inline(exponent)}}}")
            return f"{_tied(base, _ATOM)}^{{{_inline(exponent)}}}"
        case "sqrt":
            return rf"\sqrt{{{latex(node.args[0])}}}"
        case "exp":
            return f"e^{{{latex(node.args[0])}}}"
        case "log":
            return _log(node.args[0], "")
    return rf"\{node.op}\left({', '.join(latex(arg) for arg in node.args)}\right)"


def _tied(node: Node, binding: int) -> str:
    """LaTeX of ``node``, in parentheses if it binds less tightly than ``binding``."""
    text = latex(node)
    own = _POWER if node.op == "exp" else _BINDING.get(node.op, _ATOM)
    fraction = node.op == "/" and binding == _ATOM  # a fraction may be a factor, but not the base of a power
    scientific = node.op == "number" and r"\cdot" in text and binding > _PRODUCT
    return rf"\left({text}\right)" if own < binding or fraction or scientific else text


def _factors(node: Node) -> list[Node]:
    return [f for arg in node.args for f in _factors(arg)] if node.op == "*" else [node]


def _is_log(node: Node) -> bool:
    return node.op == "log" or (node.op == "**" and node.args[0].op == "log")


def _product(factors: list[Node]) -> str:
    text = ""
    for factor in factors:
        piece = _tied(factor, _PRODUCT if text else _SUM) if factor.op == "neg" else _tied(factor, _PRODUCT)
        text += (r" \cdot " if text and piece[0].isdigit() else " " if text else "") + piece
    return text


def _log(argument: Node, power: str) -> str:
    inner = latex(argument)
    return rf"\log{power} {inner}" if argument.op == "variable" else rf"\log{power}\left({inner}\right)"


def _inline(exponent: Node) -> str:
    """An exponent, with a/b on one line."""
    if exponent.op == "/":
        return f"{_tied(exponent.args[0], _PRODUCT)}/{_tied(exponent.args[1], _POWER)}"
    return latex(exponent)


def _scientific(x: float) -> str:
    mantissa, exponent = f"{x:.12g}".split("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
