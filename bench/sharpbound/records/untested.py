"""The record of the claims that no case tests, each with the reason: beside a run of the whole suite."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.records.files import read_json, strict_json, write_atomically

if TYPE_CHECKING:
    from sharpbound.suite.claim import Claim

FILE = "untested.json"
REMEDY = "make it with: sharpbound run --all"


def write_untested(folder: Path, claims: Iterable[Claim]) -> None:
    """Write ``untested.json``, whole or not at all: of the ``claims`` those that say why no case tests them.

    Where there is none there is no file, nor one of an earlier run.
    """
    told = {claim.id: claim.describe() for claim in claims if claim.untested}
    if told:
        write_atomically(folder / FILE, strict_json(told, indent=1) + "\n")
    else:
        (folder / FILE).unlink(missing_ok=True)


def read_untested(folder: Path) -> dict[str, dict[str, Any]]:
    """The claims by id, told as in a case's ``claim_info``; none where the folder has no such file.

    Raises InputError for a file that is wrong.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    told = read_json(path, REMEDY)
    if not isinstance(told, dict) or not all(isinstance(one, dict) for one in told.values()):
        raise InputError(f"is not a table of claims; {REMEDY}", where=str(path))
    return told
