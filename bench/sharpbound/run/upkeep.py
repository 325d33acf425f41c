"""Looking after the folder of a cache: what lies in it, whether it is whole, and how to make it smaller."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sharpbound.errors import InputError
from sharpbound.run.cache import read_entry
from sharpbound.run.fingerprint import versions
from sharpbound.run.progress import duration

_NAME = re.compile(r"[0-9a-f]{64}\.json")
_STAGED = re.compile(r"\.[0-9a-f]{64}\.json\..+")
STALE_SECONDS = 3600.0
"""Age after which a file that was being written belongs to a process that was killed."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Stored:
    """One file of a cache: an entry, or what a killed process left of one."""

    path: Path
    bytes: int
    used: float
    """When a run last read or wrote it, as a time stamp."""
    staged: bool = False


@dataclass
class Contents:
    """What lies in a cache, by kind of cell."""

    entries: int = 0
    bytes: int = 0
    seconds: float = 0.0
    """Computing time that the entries save."""
    of_kind: dict[str, int] = field(default_factory=dict)
    of_other_versions: int = 0
    """Entries that other versions of the packages below made: they are found again with those."""
    broken: list[Path] = field(default_factory=list)
    """Files that are no entries, or not those that their names say."""
    left_over: list[Path] = field(default_factory=list)
    """Files that killed processes were writing."""


def stored(folder: Path) -> Iterator[Stored]:
    """The files of the cache in ``folder``, which may change meanwhile; foreign files are none of them."""
    for path in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
        staged = bool(_STAGED.fullmatch(path.name))
        if staged or _NAME.fullmatch(path.name):
            with suppress(OSError):
                found = path.stat()
                yield Stored(path, found.st_size, found.st_mtime, staged)


def contents(folder: Path) -> Contents:
    """Reads every entry: how many there are, of what, and which are not whole."""
    found = Contents()
    now = time.time()
    for each in stored(folder):
        if each.staged:
            if now - each.used > STALE_SECONDS:
                found.left_over.append(each.path)
            continue
        body = read_entry(each.path)
        if body is None or body.get("key") != each.path.stem:
            found.broken.append(each.path)
            continue
        found.entries += 1
        found.bytes += each.bytes
        found.seconds += float(body["seconds"])
        found.of_kind[body["kind"]] = found.of_kind.get(body["kind"], 0) + 1
        found.of_other_versions += body["versions"] != versions()
    return found


def prune(folder: Path, most: int) -> tuple[int, int]:
    """Remove what is broken or left over, then the entries unused longest, until ``most`` bytes remain.

    Returns how many files and bytes were removed.
    """
    sizes = {each.path: each.bytes for each in stored(folder)}
    whole = contents(folder)
    removed = [*whole.broken, *whole.left_over]
    kept = [each for each in stored(folder) if not each.staged and each.path not in removed]
    total = sum(each.bytes for each in kept)
    for each in sorted(kept, key=lambda each: each.used):
        if total <= most:
            break
        removed.append(each.path)
        total -= each.bytes
    for path in removed:
        path.unlink(missing_ok=True)
    return len(removed), sum(sizes.get(path, 0) for path in removed)


def info(folder: Path) -> str:
    """What the cache in ``folder`` holds, in a few lines."""
    found = contents(folder)
    lines = [
        f"{folder}: {found.entries} entries, {in_words(found.bytes)}, {duration(found.seconds)} of computing; "
        f"{len(found.broken) + len(found.left_over)} files to prune"
    ]
    lines += [f"  {kind}: {number}" for kind, number in sorted(found.of_kind.items())]
    if found.of_other_versions:
        lines.append(f"  made with other versions of numpy, scipy, torch or pot: {found.of_other_versions}")
    return "\n".join(lines)


def verified(folder: Path) -> tuple[str, bool]:
    """Every file that is no whole entry, a line each, and a last line that counts; whether none is broken."""
    found = contents(folder)
    lines = [f"{path}: no whole entry" for path in found.broken]
    lines += [f"{path}: left by a run that was killed" for path in found.left_over]
    lines.append(f"{folder}: {found.entries} whole entries, {len(lines)} files to prune")
    return "\n".join(lines), not found.broken


def bytes_of(text: str) -> int:
    """500M, 2G, 1.5 GiB as bytes; InputError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.I)
    if not found:
        raise InputError(f"must be a size such as 500M or 2G, got {text!r}", key="--size")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def in_words(count: float) -> str:
    """Bytes as a reader wants them: ``3.2 MiB``."""
    units = ["TiB", "GiB", "MiB", "KiB", "B"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop()
    return f"{count:.0f} B" if units[-1] == "B" else f"{count:.1f} {units[-1]}"
