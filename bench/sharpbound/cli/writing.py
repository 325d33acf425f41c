"""Commands that read results and write: report, export, compare."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from sharpbound.cli.app import FAILED, MEASURED, RESULTS, app
from sharpbound.errors import InputError
from sharpbound.run.help import examples


@app.command(epilog=examples("report"))
def report(
    source: Annotated[Path, typer.Option("--input", metavar="DIR", help="Results of a run.")] = RESULTS,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="By default, the same folder.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="One PDF, report.pdf, in place of the pages.")] = False,
) -> None:
    """Write the report of a run: a site, tables, BibTeX; or one PDF."""
    from sharpbound.records.files import documents_file, try_folder

    if documents_file(source) is None:
        raise InputError("there are no results; make some with: sharpbound run --all", where=str(source))
    try_folder(output or source, "--output")
    if pdf:
        from sharpbound.report.pdf import write_pdf

        path, made = write_pdf(source, output or source)
        print(f"written to {path}, with {made}", file=sys.stderr)
        return
    from sharpbound.report import render

    print(f"written to {render(source, output or source, track=_track)}", file=sys.stderr)


@app.command(epilog=examples("export"))
def export(
    names: Annotated[list[str], typer.Argument(metavar="CASE|CLAIM|PAPER...", help="What the paper needs.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the files are written.")],
    source: Annotated[Path, typer.Option("--input", metavar="DIR", help="Results of a run.")] = RESULTS,
) -> None:
    """Write tables, macros, figures, captions and BibTeX for a paper, from the results of a run."""
    from sharpbound.report.export import export as write

    written = write(names, source, output)
    print(f"{len(written)} files in {output}; see example.tex", file=sys.stderr)


@app.command(epilog=examples("compare"))
def compare(
    old: Annotated[
        Path, typer.Argument(metavar="DIR", help="The older results, or a reference of the gate.")
    ],
    new: Annotated[Path, typer.Argument(metavar="DIR", help="The newer ones.")],
    json: Annotated[bool, typer.Option("--json", help="A JSON document on standard output.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="Write moved.json, moved.md, moved.svg here."),
    ] = None,
) -> None:
    """What moved between two snapshots, beyond floors and intervals. Status 0: nothing; 1: something."""
    from sharpbound.gate import snapshots
    from sharpbound.records.files import strict_json, write_together

    findings, cases = snapshots.moved(old, new)
    told = strict_json(snapshots.as_json(findings, cases), indent=1) + "\n"
    if output:
        from sharpbound.report.moves_figure import Moved, moves_figure
        from sharpbound.report.style import encode, styled

        moves = [
            Moved(f.case, f.kind, f.move.was, f.move.now, f.move.tolerance)
            for f in findings
            if f.move is not None
        ]
        with styled():
            figure = moves_figure(moves, f"From {old} to {new}", snapshots.summary(findings, cases))
            picture = encode(figure, "svg", "moved")
        table = snapshots.as_markdown(findings, cases)
        write_together(output, {"moved.json": told, "moved.md": table, "moved.svg": picture})
    if json:
        print(told, end="")
    else:
        for finding in findings:
            print(finding)
        print(snapshots.summary(findings, cases))
    raise typer.Exit(FAILED if findings else MEASURED)


def _track(things: Iterable[Any], total: int) -> Iterable[Any]:
    """The things, with a progress bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console, silent = Console(stderr=True), not sys.stderr.isatty()
    return track(things, "drawing", total=total, console=console, transient=True, disable=silent)
