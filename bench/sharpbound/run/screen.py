"""Documents as a reader at a terminal wants to see them."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sharpbound.records.document import Document

COLOURS = {
    "sharp": "green", "confirmed": "green", "loose": "cyan", "violated": "red", "refuted": "red",
    "failed": "red", "inconclusive": "yellow",
}  # fmt: skip


def screen() -> Console:
    """Standard output; where it is no terminal, wide enough to keep a table's line on one line."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def show_document(document: Document) -> None:
    """Title, rows with floors and local slopes, and the verdict with what decided it."""
    screen().print(Group(_title(document), _rows(document), _verdict(document)))


def _title(document: Document) -> str:
    claim = document["claim_info"]
    return (
        f"[bold]{escape(document['title'])}[/bold]\n"
        f"{escape(document['claim'])} ({claim['kind']} on {claim['metric']}): {escape(claim['formula'])}"
    )


def _rows(document: Document) -> Table:
    swept, metrics = document["swept"], document["metrics"]
    slopes = _slopes(document)
    others = [name for name in document["spec"].get("sweep", {}) if name != swept]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in [*others, swept, *metrics, "floor", *(["slope"] if slopes else [])]:
        table.add_column(name, justify="right")
    for i, row in enumerate(document["rows"]):
        cells = [
            *(_number(row.get(name), 6) for name in [*others, swept, *metrics]),
            _number(row.get("floor"), 2),
        ]
        table.add_row(*cells, *([slopes.get(i, "")] if slopes else []))
    return table


def _slopes(document: Document) -> dict[int, str]:
    """Local slopes, each in the line of the row that it leads to."""
    xs = [row.get(document["swept"]) for row in document["rows"]]
    found: dict[int, str] = {}
    for slope in document["details"].get("local_slopes") or []:
        for i in range(1, len(xs)):
            if None not in (xs[i - 1], xs[i], slope["x"]) and xs[i - 1] < slope["x"] <= xs[i]:
                found[i] = _number(slope["slope"], 4)
    return found


def _verdict(document: Document) -> Text:
    verdict, details = document["verdict"], document["details"]
    text = Text.assemble((verdict, f"bold {COLOURS.get(verdict, 'white')}"))
    if document["exponent"] is not None:
        text.append(f"  exponent {_number(document['exponent'], 4)}")
        if document["interval"]:
            low, high = document["interval"]
            text.append(f" in [{_number(low, 4)}, {_number(high, 4)}]")
        if details.get("predicted") is not None:
            text.append(f", predicted {_number(details['predicted'], 4)}")
        if details.get("axis"):
            text.append(f" (in {details['axis']})")
    if details.get("window"):
        text.append(
            f", read on {document['swept']} = {' to '.join(_number(x, 6) for x in details['window'])}"
        )
    if details.get("reason"):
        text.append(f"\n{details['reason']}")
    for item in details.get("excluded") or []:
        text.append(f"\nnot fitted: {document['swept']} = {_number(item['x'], 6)}, {item['reason']}")
    return text


def show_audit(found: dict[str, Any]) -> None:
    """The rows of an audited sampler, their local slopes, and its order."""
    document = found | {
        "title": found["sampler"],
        "claim": "order of accuracy",
        "claim_info": {"kind": "upper-bound", "metric": "w2", "formula": f"1/T**{found['nominal']:g}"},
        "spec": {},
    }
    show_document(document)


def show_summary(documents: list[Document]) -> None:
    """One line per case: for runs of many."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("case", "claim", "metric", "exponent", "interval", "verdict"):
        table.add_column(name, justify="right" if name in ("exponent", "interval") else "left")
    for document in documents:
        interval, verdict = document["interval"], document["verdict"]
        table.add_row(
            escape(document["case"]),
            escape(document["claim"]),
            escape(document["metric"]),
            _number(document["exponent"], 4),
            " to ".join(_end(end) for end in interval) if interval and None not in interval else "",
            Text(verdict, style=COLOURS.get(verdict, "white")),
        )
    screen().print(table)


def _end(value: float) -> str:
    """Three decimals, or three digits of a small rate."""
    return f"{value:.3f}" if abs(value) >= 0.05 else f"{value:.3g}"


def _number(value: Any, digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"
