"""The term of a claim's formula that decides as T goes to infinity, with its powers of T, log T and d.

Of ``d**2*log(T)**4/T + d**6*log(T)**6/T**2`` it is d^2 log^4 T/T: the d^6 belongs to a term that falls faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sharpbound.errors import InputError
from sharpbound.formulas.asymptotics import Order, order
from sharpbound.formulas.expression import Node
from sharpbound.formulas.formula import Formula
from sharpbound.records.leading import powers
from sharpbound.report.claims import Claim


@dataclass(frozen=True)
class Term:
    """d^dimension (log T)^logs / T^power."""

    power: float
    logs: float
    dimension: float | None
    """None where the claim leaves d in its constant."""
    further: bool = False
    """Whether terms that fall faster stand beside it."""

    def scaled(self, factor: float) -> Term:
        """The same of a metric that goes like a power of the claim's own, as KL does like TV^2."""
        d = None if self.dimension is None else factor * self.dimension + 0.0
        return Term(factor * self.power, factor * self.logs, d, self.further)

    def __str__(self) -> str:
        """``d^2 log^3 T/T^0.5``; C(d) for a power of d that is not stated."""
        power = self.dimension
        d = "C(d)" if power is None else "" if power == 0 else "d" if power == 1 else f"d^{power:g}"
        rest = powers(self.power, self.logs)
        return d + rest.removeprefix("1") if d and not self.logs else f"{d} {rest}".strip()


def leading_term(claim: Claim) -> Term | None:
    """Of the claim's formula, with exact scores; None where it states no power of T."""
    power, logs = claim.decay("T")
    if power is None or not math.isfinite(power):
        return None
    in_d, _ = claim.decay("d")
    if in_d is None:
        return Term(power, logs, 0.0 if claim.info.get("dimension_free") else None)
    try:
        terms = [(order(node, "T", {}), node) for node in _summands(Formula(str(claim.info["formula"])).node)]
        leading, node = max(terms, key=lambda term: term[0].size)
        power_of_d = order(node, "d", {}).power
    except (InputError, KeyError):  # a formula of another version: its exponents say what they can
        return Term(power, logs, -in_d + 0.0)
    return Term(power, logs, power_of_d, any(_falls_faster(term, leading) for term, _ in terms))


def _summands(node: Node) -> Iterator[Node]:
    if node.op == "+":
        for arg in node.args:
            yield from _summands(arg)
    else:
        yield node


def _falls_faster(term: Order, leading: Order) -> bool:
    return bool(term.sign) and term.size < leading.size
