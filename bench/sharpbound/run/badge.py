"""A badge of an audit: the JSON of an endpoint of shields.io, or a picture, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sharpbound.errors import InputError
from sharpbound.records.files import strict_json

COLOURS = {0: ("brightgreen", "#4c1"), 1: ("red", "#e05d44"), 3: ("yellow", "#dfb317")}
"""By the exit status of the verdict: shields' name, and what it looks like."""
ENDINGS = (".json", ".svg")
WIDE = 7
"""Pixels of a character, about."""


def check_badge(file: Path) -> None:
    """InputError at --badge for a name whose ending says no format."""
    if file.suffix not in ENDINGS:
        raise InputError(f"name a file that ends in {' or '.join(ENDINGS)}, not {file.name!r}", key="--badge")


def write_badge(file: Path, found: Mapping[str, Any], status: int) -> None:
    """Of the document of an audit: "order 2 | reached", and the measured order where there is one."""
    label, message = words(found)
    name, colour = COLOURS[status]
    if file.suffix == ".json":
        text = strict_json({"schemaVersion": 1, "label": label, "message": message, "color": name}) + "\n"
    else:
        text = picture(label, message, colour)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", key="--badge") from None


def words(found: Mapping[str, Any]) -> tuple[str, str]:
    """Label and message."""
    if "same_as" in found:
        return f"same as {found['same_as']}", "yes" if found["verdict"] == "same" else "no"
    measured = "" if found["exponent"] is None else f" ({found['exponent']:.2f})"
    return f"order {found['nominal']:g}", found["verdict"] + measured


def picture(label: str, message: str, colour: str) -> str:
    """An SVG of one line."""
    left, right = (WIDE * len(text) + 10 for text in (label, message))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{escape(label)}: {escape(message)}">'
        f'<rect width="{left}" height="20" fill="#555"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(message)}</text></g></svg>\n'
    )
