"""Writes docs/commands.md from the command line and docs/schema.md from the models that read cases and claims.

The table of powers of d in docs/constants.md is made from their records.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import typer
from typer.cli import get_docs_for_click

from sharpbound import cli
from sharpbound.distances import METRICS
from sharpbound.places import default_directory
from sharpbound.records.powers import as_markdown, read_powers, unsampled
from sharpbound.report.lessons import STANDINGS
from sharpbound.suite import case, claim, load_theory
from sharpbound.suite.assumptions import Check

HERE = Path(__file__).parent
COMMANDS, SCHEMA, CONSTANTS = HERE / "commands.md", HERE / "schema.md", HERE / "constants.md"
POWERS_OF_D = "<!-- Powers of d, made by docs/make_reference.py from reports/published/dimensions.jsonl -->\n"
MADE = "<!-- Made by docs/make_reference.py from the code; change that, and run: make docs -->\n\n"


def commands() -> str:
    """Every command with its arguments and options, as the program itself describes them."""
    command = typer.main.get_command(cli.app)
    context: Any = command.make_context("sharpbound", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="sharpbound")
    statuses = (
        "\n## Exit statuses\n\n"
        "| status | |\n|---|---|\n"
        f"| {cli.MEASURED} | measured, whatever the verdict; the gate holds; nothing moved |\n"
        f"| {cli.FAILED} | a case failed while computing; the gate fails; something moved |\n"
        f"| {cli.BAD_INPUT} | a mistake in the input, one line each: `error: file: key: what and how to mend it` |\n"
        "| 128 + n | stopped by signal n: 130 for Ctrl-C |\n"
    )
    return MADE + text.rstrip() + "\n" + statuses


def schema() -> str:
    """The tables of a case file and of a theory file, and the words that their keys may take."""
    words = {
        "kind of a claim": dict.fromkeys(get_args(claim.ClaimKind), ""),
        "trust": claim.TRUST,
        "status": claim.STATUS,
        "constant": claim.CONSTANT,
        "metrics: how a claim speaks of one": claim.TRANSFERS,
        "metric": {name: re.sub(r"\$(.*?)\$", r"\1", metric.words) for name, metric in METRICS.items()},
        "check of an assumption": dict.fromkeys(get_args(Check), ""),
        "standing of a claim, in reports": STANDINGS,
    }
    parts = [
        MADE + "# Case and theory files\n",
        "Unknown keys are refused, nothing is converted. Tables without a list of keys here are read by what they "
        "describe: their keys are the parameters of the target, schedule, sampler or experiment that they name "
        "(`sharpbound list targets`, …).\n",
        "## A case: `cases/**/*.toml`\n",
        _table("The file", case.Case, {"case": "the table below"}),
        _table("`[case]`", case.Header, {}),
        "### Kinds of cases\n\n| `kind` | needs | may have |\n|---|---|---|\n"
        + "".join(
            f"| `{name}` | {_tables(kind.required)} | {_tables(kind.optional)} |\n"
            for name, kind in case.KINDS.items()
        ),
        "Every kind has `[case]`, `[measure]` with `metric`, one name or a list of which the first is judged, and "
        "`[sweep]`, lists of values by the name of their variable.\n",
        "## Claims: `theory/*.toml`\n",
        _table("`[paper]`", claim.Paper, {}),
        _table("`[[paper.versions]]`", claim.Version, {}),
        _table("`[[claim]]`", claim.Claim, {"paper": ""}),
        _table("An assumption", claim.Assumption, {}),
        "## Words\n",
        *(f"### {name.capitalize()}\n\n" + _list(values) for name, values in words.items()),
    ]
    return "\n".join(parts)


def _tables(names: Iterable[str]) -> str:
    return ", ".join(f"`[{name}]`" for name in sorted(names)) or "–"


def _list(values: Mapping[str, str]) -> str:
    return "".join(f"- `{name}`" + (f": {words}" if words else "") + "\n" for name, words in values.items())


_TYPES = {
    "Slug": "words joined by hyphens",
    "ClaimId": "id of a claim",
    "Line": "one line of text",
    "Number": "number",
    "str": "text",
    "bool": "`true` or `false`",
    "int": "integer",
    "_Formula": "formula",
    "Header": "table",
    "Check": "check",
    "ClaimKind": "kind",
    "Trust": "letter",
    "Status": "status",
    "Constant": "`hidden` or `explicit`",
    "Transfer": "transfer",
    "Version": "table",
    "Assumption": "table",
    "SamplerName": "name or table",
}


def _table(title: str, model: type[Any], own: Mapping[str, str]) -> str:
    """The keys of a model: what they take, whether they may be left out, and what the source says of them.

    ``own``: words for keys in place of the source's; a key with empty words is no key of the file.
    """
    lines = [f"### {title}\n", "| key | takes | | |", "|---|---|---|---|"]
    for name, annotation, told in _fields(model):
        if own.get(name) == "":
            continue
        field = model.model_fields[name]
        needed = (
            "needed"
            if field.is_required()
            else ""
            if field.default in (None, "", False)
            else str(field.default)
        )
        needed = "" if field.default_factory else needed
        lines.append(f"| `{name}` | {_words(annotation)} | {needed} | {own.get(name) or told} |")
    return "\n".join([*lines, ""])


def _fields(model: type[Any]) -> Iterable[tuple[str, str, str]]:
    """Name, annotation and docstring of each field, from the class's source."""
    (body,) = ast.parse(inspect.getsource(model).lstrip()).body
    statements = body.body  # type: ignore[attr-defined]
    for statement, after in zip(statements, [*statements[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.target.id.startswith("_"):
                continue
            doc = after.value.value if _is_docstring(after) else ""
            yield statement.target.id, ast.unparse(statement.annotation), " ".join(str(doc).split())


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _words(annotation: str) -> str:
    """``list[Line] | None`` as "list of one line of text"."""
    plain = re.sub(r"Annotated\[(.*), Field\(.*\)\]", r"\1", annotation.replace(" | None", ""))
    if match := re.fullmatch(r"list\[(.*)\]", plain):
        return f"list: {_words(match[1])}"
    if re.fullmatch(r"dict\[str, Any\]", plain):
        return "table"
    if match := re.fullmatch(r"dict\[(\w+), (.*)\]", plain):
        return f"table: {_words(match[2])} by name"
    return _TYPES.get(plain, f"`{plain}`")


def constants() -> str:
    """docs/constants.md with the table of powers of d as the records have it."""
    before, _, after = CONSTANTS.read_text(encoding="utf-8").split(POWERS_OF_D)
    records = read_powers(default_directory("reports/published"))
    without = unsampled({id: each.describe() for id, each in load_theory().items()})
    return POWERS_OF_D.join((before, as_markdown(records.values(), without) + "\n", after))


def main() -> None:
    COMMANDS.write_text(commands(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
    CONSTANTS.write_text(constants(), encoding="utf-8")


if __name__ == "__main__":
    main()
