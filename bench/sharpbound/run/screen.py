"""Documents as a reader at a terminal wants to see them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sharpbound.records.document import CaseDocument
from sharpbound.records.leading import ends, known, law_in_words
from sharpbound.suite.hypotheses import outside

COLOURS = {
    "sharp": "green", "confirmed": "green", "loose": "cyan", "violated": "red", "refuted": "red",
    "failed": "red", "inconclusive": "yellow",
    "reached": "green", "exceeded": "green", "not reached": "red", "undecided": "yellow",
    "kept": "green", "broken": "red", "exact": "green", "same": "green", "parts": "red",
}  # fmt: skip


def screen() -> Console:
    """Standard output; where it is no terminal, wide enough to keep a table's line on one line."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def show_document(document: CaseDocument) -> None:
    """Title, rows with floors and local slopes, and the verdict with what decided it."""
    screen().print(Group(_title(document), _rows(document), _verdict(document), *_contract(document)))


def _title(document: CaseDocument) -> str:
    claim = document.claim_info
    return (
        f"[bold]{escape(document.title)}[/bold]\n"
        f"{escape(document.claim)} ({claim['kind']} on {claim['metric']}): {escape(claim['formula'])}"
    )


def _rows(document: CaseDocument) -> Table:
    swept, metrics = document.swept, document.metrics
    slopes = _slopes(document)
    others = [name for name in document.spec.get("sweep", {}) if name != swept]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    slope = [f"slope in {document.details.get('axis') or swept}"] if slopes else []
    for name in [*others, swept, *metrics, "floor", *slope]:
        table.add_column(name, justify="right")
    for i, row in enumerate(document.rows):
        cells = [
            *(_number(row.point.get(name), 6) for name in [*others, swept]),
            *(_number(row.measured[metric].value, 6) for metric in metrics),
            _number(row.measured[metrics[0]].floor, 2),
        ]
        table.add_row(*cells, *([slopes.get(i, "")] if slopes else []))
    return table


def _slopes(document: CaseDocument) -> dict[int, str]:
    """Local slopes, each in the line of the row that it leads to."""
    xs = [row.point.get(document.swept) for row in document.rows]
    found: dict[int, str] = {}
    for slope in document.details.get("local_slopes") or []:
        for i in range(1, len(xs)):
            if None not in (xs[i - 1], xs[i], slope["x"]) and xs[i - 1] < slope["x"] <= xs[i]:
                found[i] = _number(slope["slope"], 4)
    return found


def _verdict(document: CaseDocument) -> Text:
    verdict, details = document.verdict, document.details
    text = Text.assemble((verdict, f"bold {COLOURS.get(verdict, 'white')}"))
    for remark in document.remarks:
        text.append(f", {remark}", style="yellow")
    if document.exponent is not None:
        text.append(f"  exponent {_number(document.exponent, 4)}")
        if document.interval:
            low, high = document.interval
            text.append(f" in [{_number(low, 4)}, {_number(high, 4)}]")
        if details.get("predicted") is not None:
            text.append(f", predicted {_number(details['predicted'], 4)}")
        if details.get("axis"):
            text.append(f" (in {details['axis']})")
    if details.get("window"):
        text.append(f", read on {document.swept} = {' to '.join(_number(x, 6) for x in details['window'])}")
    if details.get("log_factor"):
        text.append(
            f"\nthe exponent stands beside a factor {details['log_factor']}, which the slopes include"
        )
    if details.get("reason"):
        text.append(f"\n{details['reason']}")
    if leading := _leading(document):
        text.append(f"\n{leading}")
    for item in details.get("excluded") or []:
        text.append(f"\nnot fitted: {document.swept} = {_number(item['x'], 6)}, {item['reason']}")
    return text


def _contract(document: CaseDocument) -> list[Text]:
    """The checks of an audited schedule, one line each."""
    width = max((len(check["name"]) for check in document.contract), default=0)
    return [
        Text.assemble(
            f"{check['name']:{width}}  ",
            (check["verdict"], COLOURS[check["verdict"]]),
            f"  {check['seen']}" if check["seen"] else "",
            f" (T = {', '.join(map(str, check['T']))})" if check["verdict"] != "kept" and check["T"] else "",
        )
        for check in document.contract
    ]


def _leading(document: CaseDocument) -> str:
    """What the leading term says beside the verdict: its constant and how near the measured values are to it."""
    found = document.leading
    if not found:
        return ""
    if found.get("note"):
        return f"no leading term as T -> oo: {found['note']}"
    (low, high), ratio = found["constant_interval"], [r for r in found["ratio"] if r is not None]
    told = f"leading term: constant {known(found['constant'], 0.5 * (high - low))} in {ends((low, high))}"
    near = f"; measured/leading goes to {ratio[-1]:.5g}" if ratio else ""
    return (
        told
        + near
        + ("" if found.get("decides") else f"; slopes decide: {found.get('reason', 'not judged')}")
    )


def show_constants(documents: Sequence[CaseDocument]) -> None:
    """One line for each case: what the claim has, what the truth is, how near the measured values are."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("case", "metric", "truth as T -> oo", "constant in", "measured/leading", "verdict"):
        table.add_column(name, justify="left", overflow="fold")
    notes = []
    for document in documents:
        found = document.leading
        if not found or found.get("note"):
            notes.append(f"{document.case}: {found.get('note') or 'it is no case in T of a sampler'}")
            continue
        ratio = [r for r in found["ratio"] if r is not None]
        low, high = found["constant_interval"]
        table.add_row(
            escape(document.case),
            document.metric,
            law_in_words(found["constant"], found["log_power"], found["power"], 0.5 * (high - low)),
            ends((low, high)),
            f"{ratio[-1]:.5f}" if ratio else "",
            document.verdict,
        )
    if table.row_count:
        screen().print(table)
    for note in notes:
        screen().print(escape(f"no leading term for {note}"))


def show_summary(documents: Sequence[CaseDocument]) -> None:
    """One line per case, and how often each verdict came out: for runs of many."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("case", "claim", "metric", "exponent", "interval", "verdict"):
        table.add_column(name, justify="right" if name in ("exponent", "interval") else "left")
    for document in documents:
        verdict = Text(document.verdict, style=COLOURS.get(document.verdict, "white"))
        for remark in document.remarks:
            verdict.append(f", {remark}", style="yellow")
        table.add_row(
            escape(document.case),
            escape(document.claim),
            escape(document.metric),
            _number(document.exponent, 4),
            " to ".join(_end(end) for end in document.interval) if document.interval else "",
            verdict,
        )
    screen().print(table)
    inside = [document for document in documents if not outside(document.hypotheses)]
    beyond = [document for document in documents if outside(document.hypotheses)]
    for head, counted in (("verdicts", inside), ("outside the theorem's hypotheses", beyond)):
        if counted:
            counts = Counter(document.verdict for document in counted)
            screen().print(f"{head}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _end(value: float) -> str:
    """Three decimals, or three digits of a small rate."""
    return f"{value:.3f}" if abs(value) >= 0.05 else f"{value:.3g}"


def _number(value: Any, digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}g}"
