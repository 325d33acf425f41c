"""A case written down, measured by the command line in this process, and its JSON document read back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sharpbound import cli


def toml(value: Any) -> str:
    """A value as TOML; strings, numbers and lists are written as JSON writes them."""
    return json.dumps(value)


def run_case(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    head: dict[str, Any],
    **tables: dict[str, Any],
) -> dict[str, Any]:
    """``sharpbound run FILE --json`` of a case with this [case] table (kind, claim) and these other tables."""
    text = ""
    for name, table in {"case": {"id": "reference", "title": "A reference", **head}, **tables}.items():
        text += f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items())
    path = folder / "reference.toml"
    path.write_text(text)
    arguments = ["run", str(path), "--json", "--no-cache", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["sharpbound", *arguments])
    capsys.readouterr()
    status = cli.main()
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return json.loads(printed.out)
