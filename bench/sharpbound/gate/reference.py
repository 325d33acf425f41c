"""The reference on disk: ``slopes.jsonl``, one line per case, sorted, so that git shows what moved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from sharpbound.errors import InputError
from sharpbound.gate.compare import exponent
from sharpbound.gate.record import Record, record
from sharpbound.records.document import CaseDocument
from sharpbound.records.files import documents_file, parse_json, read_json

NAME = "slopes.jsonl"
UPDATE = "write it with: sharpbound gate --update"


def read_documents(folder: Path) -> list[CaseDocument]:
    """The case documents of a result folder; InputError where there are none or they cannot be read."""
    path = documents_file(folder)
    if path is None:
        raise InputError("there are no results; make some with: sharpbound run --all", where=str(folder))
    documents = read_json(path, "run again")
    if not isinstance(documents, list) or not all(isinstance(document, dict) for document in documents):
        raise InputError("is not a list of case documents; run again", where=str(path))
    try:
        return [CaseDocument.read(document) for document in documents]
    except InputError as mistake:
        raise mistake.at(where=str(path)) from None


def records(documents: Iterable[CaseDocument]) -> dict[str, Record]:
    """Records of documents, by case."""
    return {found["case"]: found for found in map(record, documents)}


def read_reference(folder: Path) -> dict[str, Record]:
    """The records by case; InputError, naming the line, where the file is absent or damaged."""
    path = folder / NAME
    if not path.is_file():
        raise InputError(f"there is no reference; {UPDATE}", where=str(path))
    reference: dict[str, Record] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            found = parse_json(line)
            missing = _KEYS - found.keys()
        except (ValueError, AttributeError):
            raise InputError(f"is not a JSON object; {UPDATE}", where=f"{path}:{number}") from None
        if missing or found["case"] in reference:
            fault = f"lacks {', '.join(sorted(missing))}" if missing else f"names {found['case']} again"
            raise InputError(f"{fault}; {UPDATE}", where=f"{path}:{number}")
        reference[found["case"]] = found
    return reference


_KEYS = frozenset(
    ("case", "claim", "metric", "spec", "verdict", "exponent", "interval", "window", "first", "last")
)


def reference_text(reference: Mapping[str, Record]) -> str:
    """The file's text: the records in the order of claim and case, one line each."""
    ordered = sorted(reference.values(), key=lambda found: (found["claim"], found["case"]))
    return "".join(json.dumps(found, ensure_ascii=False, allow_nan=False) + "\n" for found in ordered)


def write_reference(folder: Path, reference: Mapping[str, Record]) -> None:
    """Write the reference, whole or not at all."""
    from sharpbound.records.files import write_atomically

    write_atomically(folder / NAME, reference_text(reference))


def differences(old: Mapping[str, Record], new: Mapping[str, Record]) -> list[str]:
    """Plain lines, ``+`` added, ``-`` removed, ``~`` changed, for a reader of an update."""
    lines: list[str] = []
    for case in sorted(old.keys() | new.keys()):
        was, now = old.get(case), new.get(case)
        if was is None and now is not None:
            lines.append(f"+ {case}: {now['verdict']}, exponent {exponent(now)}")
        elif now is None and was is not None:
            lines.append(f"- {case}: {was['verdict']}, exponent {exponent(was)}")
        elif was is not None and now is not None and was != now:
            lines.append(f"~ {case}: {'; '.join(_changed(was, now))}")
    return lines


def _changed(was: Record, now: Record) -> Iterable[str]:
    for name in ("claim", "metric", "spec", "verdict", "window"):
        if was[name] != now[name]:
            yield f"{name} {was[name]} -> {now[name]}"
    if (was["exponent"], was["interval"]) != (now["exponent"], now["interval"]):
        yield f"exponent {exponent(was)} -> {exponent(now)}"
    if was.get("leading") != now.get("leading"):
        yield f"leading {was.get('leading')} -> {now.get('leading')}"
    for end in ("first", "last"):
        if was[end] != now[end]:
            yield f"{end} {_shown(was[end])} -> {_shown(now[end])}"


def _shown(end: Record | None) -> str:
    if end is None:
        return "none"
    at = ", ".join(f"{name} {value:g}" for name, value in end["at"].items())
    return f"({at}: " + ", ".join(f"{m} {end[m][0]:.8g}" for m in end if m != "at") + ")"
