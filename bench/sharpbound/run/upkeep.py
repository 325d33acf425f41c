"""Looking after a cache: what lies in it, whether it is whole, and how to make it smaller."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from sharpbound.errors import InputError
from sharpbound.run.cache import read_entry
from sharpbound.run.fingerprint import versions
from sharpbound.run.progress import duration
from sharpbound.run.stores import Store

STALE_SECONDS = 3600.0
"""Age after which a file that was being written belongs to a process that was killed."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


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
    broken: list[str] = field(default_factory=list)
    """Files that are no entries, or not those that their names say."""
    left_over: list[str] = field(default_factory=list)
    """Files that killed processes were writing."""


def contents(store: Store) -> Contents:
    """Reads every entry: how many there are, of what, and which are not whole."""
    found = Contents()
    now = time.time()
    for each in store.files():
        if each.staged:
            if abs(now - each.used) > STALE_SECONDS:  # or the clock has jumped
                found.left_over.append(each.name)
            continue
        body = read_entry(store, each.name)
        if body is None or f"{body.get('key')}.json" != each.name.split("/")[-1]:
            found.broken.append(each.name)
            continue
        found.entries += 1
        found.bytes += each.bytes
        found.seconds += float(body["seconds"])
        found.of_kind[body["kind"]] = found.of_kind.get(body["kind"], 0) + 1
        found.of_other_versions += body["versions"] != versions()
    return found


def prune(store: Store, most: int) -> tuple[int, int]:
    """Remove what is broken or left over, then the entries unused longest, until ``most`` bytes remain.

    Returns how many files and bytes were removed.
    """
    files = store.files()
    whole = contents(store)
    removed = [*whole.broken, *whole.left_over]
    kept = [each for each in files if not each.staged and each.name not in removed]
    total = sum(each.bytes for each in kept)
    for each in sorted(kept, key=lambda each: each.used):
        if total <= most:
            break
        removed.append(each.name)
        total -= each.bytes
    for name in removed:
        store.remove(name)
    sizes = {each.name: each.bytes for each in files}
    return len(removed), sum(sizes.get(name, 0) for name in removed)


def info(store: Store) -> str:
    """What the cache holds, in a few lines."""
    found = contents(store)
    lines = [
        f"{store.place}: {found.entries} entries, {in_words(found.bytes)}, {duration(found.seconds)} of computing; "
        f"{len(found.broken) + len(found.left_over)} files to prune"
    ]
    lines += [f"  {kind}: {number}" for kind, number in sorted(found.of_kind.items())]
    if found.of_other_versions:
        lines.append(f"  made with other versions of numpy, scipy, torch or pot: {found.of_other_versions}")
    return "\n".join(lines)


def verified(store: Store) -> tuple[str, bool]:
    """Every file that is no whole entry, a line each, and a last line that counts; whether none is broken."""
    found = contents(store)
    lines = [f"{store.path(name)}: no whole entry" for name in found.broken]
    lines += [f"{store.path(name)}: left by a run that was killed" for name in found.left_over]
    lines.append(f"{store.place}: {found.entries} whole entries, {len(lines)} files to prune")
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
