r"""Mathematics that stands in a sentence as plain text, ``d^2 log^4 T/T + sqrt(d) eps_score``, read for typesetting.

Claims, notes and reasons are written so that a terminal can print them. Read are powers, subscripts, roots, Greek names
and relations; what is none of these stays as it is, names of parameters (``use_karras_sigmas``) and ids among it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Sigma": "Σ", "Theta": "Θ",
}  # fmt: skip
RELATIONS = {"<=": "≤", ">=": "≥", "!=": "≠"}
_NAMES = "|".join(GREEK)
_INSIDE = r"[^()]|\((?:[^()]|\([^()]*\))*\)"
_PIECE = re.compile(
    rf"""
    (?P<relation>(?<![<>=!])(?:<=|>=|!=)(?!=))
  | sqrt\((?P<root>(?:{_INSIDE})+)\)
  | (?<=[\w)|\]}}])\^(?:(?P<power>-?\((?:{_INSIDE})+\))
                      |\{{(?P<braced>[^{{}}]+)\}}
                      |(?P<simple>-\d+/\d+|-?\d+(?:\.\d+)?|-?(?:{_NAMES})(?:_[A-Za-z]+)?(?!\w)|-?[A-Za-zα-ω](?!\w)))
  | (?<![\w.])(?P<indexed>[A-Za-z]|{_NAMES})_(?:(?P<index>[A-Za-z]+|\d+)(?![\w])|\{{(?P<set>[^{{}}]+)\}})
  | (?<![\w.])(?<!\w-)(?P<variable>[XYpqxcC])(?P<digit>\d)(?![\w.])
  | (?<![\w.])(?<!\w-)(?P<greek>{_NAMES})(?![\w=])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Raised:
    """A power."""

    text: str


@dataclass(frozen=True)
class Lowered:
    """A subscript."""

    text: str


Piece = str | Raised | Lowered


def pieces(text: str) -> Iterator[Piece]:
    """``text`` in parts, with signs for words: ``"d^2 <= sqrt(T)"`` is ``"d", Raised("2"), " ≤ √T"``."""
    at = 0
    for found in _PIECE.finditer(text):
        yield text[at : found.start()]
        at = found.end()
        kind = found.lastgroup
        match kind:
            case "relation":
                yield RELATIONS[found[0]]
            case "root":
                inside = found["root"]
                yield "√"
                yield from pieces(inside if re.fullmatch(r"\w+", inside) else f"({inside})")
            case "power" | "braced" | "simple":
                power = found[kind][1:-1] if found[kind].startswith("(") else found[kind]
                if power != "1":
                    yield Raised(power.replace("-", "−"))
            case "greek":
                yield GREEK[found[0]]
            case "digit":
                yield found["variable"]
                yield Lowered(found["digit"])
            case _:
                yield GREEK.get(found["indexed"], found["indexed"])
                yield Lowered(found["index"] or found["set"])
    yield text[at:]


def typeset(text: str, plain: Callable[[str], str], up: str, down: str) -> str:
    """``text`` with each plain part as ``plain`` writes it, powers and subscripts put into ``up`` and ``down``."""
    return "".join(
        plain(piece)
        if isinstance(piece, str)
        else (up if isinstance(piece, Raised) else down).format(typeset(piece.text, plain, up, down))
        for piece in pieces(text)
    )
