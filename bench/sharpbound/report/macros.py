r"""Single numbers of cases as LaTeX macros: ``\sbPfOdeGaussianTvExponent``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sharpbound.errors import InputError
from sharpbound.report.documents import Document
from sharpbound.report.snapshot import Snapshot, short
from sharpbound.report.tex import tex, tex_number
from sharpbound.report.wording import estimate

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def macros(documents: Iterable[Document], snapshot: Snapshot) -> str:
    r"""One ``\newcommand`` a line, in ASCII: those of the snapshot, then those of each case.

    InputError where two cases have the same macros.
    """
    lines = [f"% {tex(str(snapshot))}."]
    lines += [_line(f"sbSnapshot{name}", text) for name, text in _of_snapshot(snapshot)]
    seen: dict[str, str] = {}
    for document in documents:
        prefix = f"sb{camel(document.id)}"
        other = seen.setdefault(prefix, document.id)
        if other != document.id:
            raise InputError(
                f"the macros of {other} and {document.id} have the same names; export them apart"
            )
        lines += ["", f"% {tex(document.title)}"]
        lines += [_line(prefix + name, text) for name, text in _of_case(document) if text]
    return "\n".join([*lines, ""])


def camel(name: str) -> str:
    """``pf-ode.p2`` as PfOdePTwo: TeX's names have letters only."""
    words = re.findall(r"[A-Za-z]+|[0-9]", name)
    return "".join(_DIGITS[int(word)] if word.isdigit() else word[0].upper() + word[1:] for word in words)


def _line(name: str, text: str) -> str:
    return rf"\newcommand{{\{name}}}{{{text}}}"


def _of_snapshot(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    yield "Run", snapshot.run
    yield "Version", tex(snapshot.version)
    yield "Revision", tex(short(snapshot.revision))
    yield "Engine", tex(snapshot.engine[:12])
    yield "Cases", str(snapshot.cases)


def _of_case(document: Document) -> Iterable[tuple[str, str]]:
    yield "Verdict", tex(document.verdict)
    yield "Metric", tex(document.metric)
    if document.predicted is not None:
        yield "Predicted", tex_number(document.predicted)
    if document.exponent is not None:
        yield "Exponent", tex_number(float(estimate(document.exponent)))
        if document.interval:
            yield "ExponentLow", tex_number(float(estimate(document.interval[0])))
            yield "ExponentHigh", tex_number(float(estimate(document.interval[1])))
    if law := document.law:
        yield "Constant", tex_number(law.constant, law.digits)
        yield "ConstantHalfWidth", tex_number(law.half_width, 2)
        yield "ConstantPower", tex_number(law.power)
        yield "ConstantLogPower", tex_number(law.log_power)
    last = next((p for p in reversed(document.points) if p.x is not None and p.value is not None), None)
    if last is not None:
        yield "LastAt", tex_number(int(last.x) if last.x == int(last.x or 0) else last.x)
        yield "LastValue", tex_number(last.value)
        yield "LastFloor", tex_number(last.floor, 2) if last.floor is not None else ""
