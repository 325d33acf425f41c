"""The command that looks after the cache."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sharpbound.cli.app import FAILED, MEASURED, CacheFolder, app
from sharpbound.errors import InputError
from sharpbound.run.help import examples


class Upkeep(StrEnum):
    """What can be done to a cache."""

    info = "info"
    verify = "verify"
    prune = "prune"


@app.command(epilog=examples("cache"))
def cache(
    what: Annotated[Upkeep, typer.Argument(help="Say what it holds, check it, or make it smaller.")],
    size: Annotated[
        str, typer.Option("--size", metavar="SIZE", help="Of prune: the most that remains, such as 500M.")
    ] = "1G",
    folder: CacheFolder = None,
) -> None:
    """Look after the folder of kept results: info, verify (every entry is read), prune (longest unused first)."""
    from sharpbound.places import default_folder
    from sharpbound.run import upkeep

    folder, most = folder or default_folder(), upkeep.bytes_of(size)
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder))
    match what:
        case Upkeep.info:
            print(upkeep.info(folder))
        case Upkeep.verify:
            told, whole = upkeep.verified(folder)
            print(told)
            raise typer.Exit(MEASURED if whole else FAILED)
        case Upkeep.prune:
            files, count = upkeep.prune(folder, most)
            print(f"{folder}: {files} files removed, {upkeep.in_words(count)}")
