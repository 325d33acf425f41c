"""LaTeX formulas as inline SVG: glyph outlines from matplotlib's mathtext, in the colour of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from sharpbound.report import inline

_SIZE = 100.0  # outline units per em
_COMPUTER_MODERN = FontProperties(size=_SIZE, math_fontfamily="cm")

# Commands that mathtext lacks, as the nearest that it has.
_SPELLINGS = (
    (r"\\tfrac(?![A-Za-z])", r"\\frac"),
    (r"\\le(?![A-Za-z])", r"\\leq"),
    (r"\\ge(?![A-Za-z])", r"\\geq"),
    (r"\\ne(?![A-Za-z])", r"\\neq"),
    (r"\\[lr]Vert(?![A-Za-z])", r"\\Vert "),
    (r"\\[lr]vert(?![A-Za-z])", r"\\vert "),
    (r"\\[bB]igg?[lr]?(?![A-Za-z])", ""),
    (r"\\(?:limits|nolimits|displaystyle|textstyle)(?![A-Za-z])", ""),
    (r"(?<=[\w})])\s*(?=\\(?:log|exp|min|max)(?![A-Za-z]))", r"\\,"),  # TeX's space before an operator
    (r"(\\log)\s+(?=[A-Za-z])", r"\1\\,"),
    (r"\\lbrace(?![A-Za-z])", r"\\{"),
    (r"\\rbrace(?![A-Za-z])", r"\\}"),
)
_LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}


def mathtext(latex: str) -> str:
    """``latex`` in the dialect that matplotlib reads, without the dollars."""
    for pattern, spelling in _SPELLINGS:
        latex = re.sub(pattern, spelling, latex)
    return " ".join(latex.split()).replace("$", "")


def _outline(path: TextPath) -> str:
    """SVG path data, y downwards, in whole units."""
    return "".join(
        _LETTERS[int(code)]
        + ("" if code == 79 else " ".join(f"{x:.0f} {-y:.0f}" for x, y in vertices.reshape(-1, 2)))
        for vertices, code in path.iter_segments(simplify=False, curves=True)
    )


_known: dict[str, str] = {}
"""All that this process has set."""
_used: dict[str, str] = {}
"""Those of them that were asked for since `recalled` began."""


@contextmanager
def recalled(known: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Formulas that were set before, by their LaTeX, are not set again; yields those that are asked for meanwhile."""
    _known.update(known)
    _used.clear()
    yield _used


def formula(latex: str) -> Markup:
    """``latex`` as an inline SVG that scales and colours with the text; its source if it cannot be set."""
    if latex not in _known:
        _known[latex] = str(_set(latex))
    _used[latex] = _known[latex]
    return Markup(_known[latex])


def _set(latex: str) -> Markup:
    try:
        path = TextPath((0, 0), f"${mathtext(latex)}$", prop=_COMPUTER_MODERN)
        box = path.get_extents()
        outline = _outline(path)
    except Exception:  # mathtext raises errors of many kinds for what it does not know
        return Markup('<code class="tex">{}</code>').format(latex)
    if not outline:
        return Markup('<code class="tex">{}</code>').format(latex)
    left, top, width, height = box.x0 - 2, -box.y1 - 2, box.width + 4, box.height + 4
    return Markup(
        '<svg class="tex" role="img" aria-label="{label}" '
        'viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" '
        'style="width:{w:.2f}em;height:{h:.2f}em;vertical-align:{down:.2f}em">'
        '<path fill="currentColor" d="{outline}"/></svg>'
    ).format(
        label=latex,
        left=left,
        top=top,
        width=width,
        height=height,
        w=width / _SIZE,
        h=height / _SIZE,
        down=(box.y0 - 2) / _SIZE,
        outline=outline,
    )


def prose(text: str) -> Markup:
    """Escaped text in which ``$...$`` is typeset, and so are powers, indices and signs written in words (`inline`).

    A lone dollar stays a dollar.
    """
    parts = re.split(r"\$([^$\n]+)\$", text)
    return Markup("").join(formula(part) if odd % 2 else sentence(part) for odd, part in enumerate(parts))


def sentence(text: str) -> Markup:
    """Escaped text with its powers, indices and signs typeset."""
    return Markup(inline.typeset(text, lambda part: str(escape(part)), "<sup>{}</sup>", "<sub>{}</sub>"))
