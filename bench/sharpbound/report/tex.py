r"""Foreign text and numbers as LaTeX in ASCII, which every engine and every class reads."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Any

from sharpbound.records.values import slug
from sharpbound.report import inline
from sharpbound.report.wording import number

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\ensuremath{\$}", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "\u00a0": "~", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "æ": r"\ae{}",
    "ı": r"\i{}", "\u2044": "/",
}  # fmt: skip
_MATHS = {
    "×": r"\times", "·": r"\cdot", "±": r"\pm", "−": "-", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq",
    "≈": r"\approx", "∞": r"\infty", "√": r"\surd", "∝": r"\propto", "→": r"\to", "∈": r"\in", "∥": r"\Vert",
    "∫": r"\int", "∮": r"\oint", "∂": r"\partial", "∇": r"\nabla", "†": r"\dagger", "‡": r"\ddagger",
    "ϵ": r"\epsilon", "ϕ": r"\phi",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip
_LIKE_LATIN = {
    "omicron": "o", "Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K",
    "Mu": "M", "Nu": "N", "Omicron": "O", "Rho": "P", "Tau": "T", "Chi": "X",
}  # fmt: skip
"""Greek letters that TeX has no command for."""


def file_stem(text: str) -> str:
    r"""A file's name before its extension: without a dot, for ``\includegraphics`` takes what follows one for that."""
    return slug(text).replace(".", "-")


def tex(text: str) -> str:
    """``text`` in ASCII for any LaTeX: special characters escaped, Greek and signs as mathematics, control
    characters dropped; a character that has no such form becomes a question mark.
    """
    return "".join(map(_character, unicodedata.normalize("NFC", text)))


def prose(text: str) -> str:
    """A sentence as `tex` writes it, its powers, indices and signs in words typeset (`inline`)."""
    return inline.typeset(text, tex, r"\textsuperscript{{{}}}", r"\textsubscript{{{}}}")


def accented(source: str) -> str:
    """LaTeX or BibTeX source in ASCII: its own commands stay, letters beyond ASCII become braced commands."""
    return "".join(c if c.isascii() else f"{{{_character(c)}}}" for c in unicodedata.normalize("NFC", source))


def _character(c: str) -> str:
    if c in _TEX:
        return _TEX[c]
    if c in _MATHS:
        return rf"\ensuremath{{{_MATHS[c]}}}"
    if unicodedata.category(c)[0] == "C" or c.isspace():
        return " "
    if c.isascii():
        return c
    kind, _, rest = unicodedata.decomposition(c).rpartition("> ")
    if kind in ("<super", "<sub"):
        inside = "".join(_character(chr(int(code, 16))) for code in rest.split())
        return rf"\text{'superscript' if kind == '<super' else 'subscript'}{{{inside}}}"
    if kind:  # a ligature or another form of plain characters
        return "".join(_character(chr(int(code, 16))) for code in rest.split())
    if greek := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)", unicodedata.name(c, "")):
        name = greek[2].lower().replace("lamda", "lambda")
        name = name.capitalize() if greek[1] == "CAPITAL" else {"epsilon": "varepsilon"}.get(name, name)
        return _LIKE_LATIN.get(name, rf"\ensuremath{{\{name}}}")
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return "?"


_MATHEMATICS = re.compile(
    "frac|sqrt|log|exp|min|max|sup|inf|left|right|leq|geq|propto|to|cdot|infty|ell|Vert|mathrm|mathcal|mathbb|hat|bar|"
    "tilde|alpha|beta|gamma|delta|varepsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega"
)
"""Commands that any LaTeX knows in mathematics."""


def mathematics(latex: str) -> str:
    """A formula as plain LaTeX sets it; empty where it has commands or signs that are not known to be harmless."""
    latex = latex.replace(r"\dfrac", r"\frac")
    known = all(map(_MATHEMATICS.fullmatch, re.findall(r"\\([A-Za-z]+)", latex)))
    depths = list(itertools.accumulate({"{": 1, "}": -1}.get(c, 0) for c in latex))
    balanced = min(depths, default=0) >= 0 and (not depths or depths[-1] == 0)
    return latex if known and balanced and latex.isascii() and not re.search(r"[$%#&~]|\n", latex) else ""


def tex_number(value: Any, digits: int = 4) -> str:
    r"""A number as `number` writes it, powers of ten and minus signs in mathematics: ``$1.53\times10^{-2}$``."""
    text = number(value, digits)
    power = re.fullmatch(r"(-?[\d.]+)×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    if power:
        exponent = unicodedata.normalize("NFKC", power[2]).replace("−", "-")
        return rf"\ensuremath{{{power[1]}\times10^{{{exponent}}}}}"
    return rf"\ensuremath{{{text}}}" if re.fullmatch(r"-[\d.]+", text) else tex(text)


HYPHEN = (
    r"\providecommand{\sbhyphen}{\nobreak\hspace{0pt}-\hspace{0pt}}% TeX divides no word with a bare hyphen"
)
"""What `breakable` text needs before it."""


def breakable(text: str) -> str:
    """A line may break after a dot, comma or slash within a word, and in the parts of a long hyphenated one."""
    text = re.sub(r"(\\_|(?<!\\)[./,])(?=[A-Za-z(])", r"\1\\hspace{0pt}", text)
    return re.sub(
        r"[a-z]{9,}(-[a-z]+)+|([a-z]+-)+[a-z]{9,}", lambda word: word[0].replace("-", r"\sbhyphen{}"), text
    )
