"""What ``sharpbound audit`` shows and writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sharpbound.records.document import CaseDocument
from sharpbound.run.screen import COLOURS, screen, show_document

BAR = 40
"""Characters of the longest bar."""


def show_audit(found: dict[str, Any]) -> None:
    """What was tried and how, one line a view; the rows of the view that decides, and the order."""
    if "same_as" in found:
        _show_comparison(found)
        return
    out = screen()
    how = f"convention {found['convention']}, target {found['target']}, computes in {found['precision']}"
    out.print(escape(how + (f", guidance {found['guidance']:g}" if "guidance" in found else "")))
    for remark in found["remarks"]:
        out.print(escape(remark))
    for view in found["views"]:
        order = "" if view["exponent"] is None else f", order {view['exponent']:.3f}"
        out.print(Text(f"{_where(view)}: {view['verdict']}{order}", style=COLOURS[view["verdict"]]))
    claim = {"kind": "upper-bound", "metric": found["metric"], "formula": f"1/T**{found['nominal']:g}"}
    title = f"{found['sampler']}, {_where(found)}"
    show_document(
        CaseDocument.read(found | {"title": title, "claim": "order of accuracy", "claim_info": claim})
    )
    if "at" in found:
        _show_bars(found)


def _where(view: dict[str, Any]) -> str:
    if "where" in view:
        return str(view["where"])
    low, high = view["range"]
    if low is None:
        return "levels that are not known"
    top = "infinity" if high is None else f"{high:.3g}"
    return f"sigma/a from {top} to {low:.3g}, {view['ladder']} steps"


def _show_comparison(found: dict[str, Any]) -> None:
    verdict = Text(found["verdict"], style=f"bold {COLOURS[found['verdict']]}")
    screen().print(escape(f"{found['sampler']} beside {found['same_as']}, {_where(found)}"))
    screen().print(Text.assemble(verdict, f"  {found['diagnosis']}"))


def _show_bars(found: dict[str, Any]) -> None:
    """W2 at one number of steps: a bar for the sampler and each of the library's methods."""
    at = found["at"]
    lines = [(found["sampler"], at["w2"], None), *((m["name"], m["w2"], m["nfe"]) for m in at["methods"])]
    longest = max(w2 for _, w2, _ in lines)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for name in (f"W2 at T = {at['T']}", "calls a step", "W2", ""):
        table.add_column(name)
    for name, w2, nfe in sorted(lines, key=lambda line: line[1]):
        bar = "█" * max(1, round(BAR * w2 / longest))
        style = "bold" if name == found["sampler"] else ""
        table.add_row(escape(name), "" if nfe is None else f"{nfe:g}", f"{w2:.3g}", bar, style=style)
    screen().print(table)


def write_junit(file: Path, found: dict[str, Any], status: int) -> None:
    """One test case, as continuous integration reads it: failed with status 1, skipped where undecided."""
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": "sharpbound audit",
            "tests": "1",
            "failures": str(int(status == 1)),
            "skipped": str(int(status == 3)),
        },
    )
    case = ElementTree.SubElement(suite, "testcase", {"classname": "audit", "name": found["sampler"]})
    if status:
        kind = "failure" if status == 1 else "skipped"
        told = ElementTree.SubElement(case, kind, {"message": f"{found['verdict']}: {found['diagnosis']}"})
        told.text = found["diagnosis"]
    else:
        ElementTree.SubElement(case, "system-out").text = f"{found['verdict']}: {found['diagnosis']}"
    ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
