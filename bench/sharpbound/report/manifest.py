"""What a site remembers of how it was made, in ``site.json`` beside it: only what changed is made again.

Nothing that draws is loaded here, so that a site of which nothing changed is recognised at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sharpbound.places import default_directory
from sharpbound.records.files import documents_file, parse_json, strict_json
from sharpbound.records.numbers import FILE as NUMBERS
from sharpbound.records.powers import NAME as POWERS
from sharpbound.records.untested import FILE as UNTESTED
from sharpbound.records.values import entries, table
from sharpbound.report.engines import ROUTES

FILE = "site.json"
BESIDE = ("environment.json", NUMBERS, UNTESTED)
"""The files of a run that a site is made of beside its documents."""
_LIBRARIES = ("matplotlib", "seaborn", "jinja2")
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Manifest:
    """What an earlier call left; empty where there is none or it cannot be read."""

    made_of: str = ""
    """Digest of the results and the code that all was made of."""
    files: Mapping[str, str] = field(default_factory=dict)
    """By path, the digest of each file of the site."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """By anchor: the key of what was drawn, and the drawings without their SVG."""
    formulas: Mapping[str, str] = field(default_factory=dict)
    """By their LaTeX, the markup of formulas."""
    drawing: str = ""
    """Digest of the code that draws and sets formulas."""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        try:
            told = table(parse_json((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return cls()
        files = told.get("files")
        named = files if isinstance(files, dict) else dict.fromkeys(map(str, entries(files)), "")
        return cls(
            str(told.get("made_of") or ""),
            {str(name): str(digest) for name, digest in named.items()},
            table(told.get("figures")),
            {str(latex): str(markup) for latex, markup in table(told.get("formulas")).items()},
            str(told.get("drawing") or ""),
        )

    def as_json(self) -> str:
        told = {"made_of": self.made_of, "drawing": self.drawing, "files": dict(self.files)}
        return strict_json(told | {"figures": dict(self.figures), "formulas": dict(self.formulas)}) + "\n"

    def stands(self, folder: Path, made_of: str) -> bool:
        """Whether the site in ``folder`` is made of this, and every file of it lies there as it was written."""
        return bool(made_of) and self.made_of == made_of and all(
            digest == _of_file(folder / name) for name, digest in self.files.items()
        )  # fmt: skip


def made_of(folder: Path) -> str:
    """Digest of the results in ``folder`` and of the code that makes pages of them; empty without results."""
    documents = documents_file(folder)
    if documents is None:
        return ""
    published = default_directory("reports/published")
    files = [documents, *(folder / name for name in BESIDE), published / ROUTES, published / POWERS]
    return hashlib.sha256("\n".join([_code(), *map(_of_file, files)]).encode()).hexdigest()


@cache
def _code() -> str:
    """Of the package's source with its templates, and the versions of the libraries that draw and set pages."""
    found = hashlib.sha256()
    for path in sorted(
        path for path in _PACKAGE.rglob("*") if path.suffix in (".py", ".j2", ".js", ".css", ".toml")
    ):
        found.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    found.update("\n".join(metadata.version(name) for name in _LIBRARIES).encode())
    return found.hexdigest()


def digest(content: str | bytes) -> str:
    """Of a file's content, as a manifest tells it."""
    data = content.encode(errors="replace") if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:20]


def _of_file(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except OSError:
        return ""
