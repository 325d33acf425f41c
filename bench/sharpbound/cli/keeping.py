"""The command that looks after the cache."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sharpbound.cli.app import FAILED, MEASURED, CachePlace, app
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
    place: CachePlace = None,
) -> None:
    """Look after the folder of kept results: info, verify (every entry is read), prune (longest unused first)."""
    from sharpbound.places import default_cache
    from sharpbound.run import upkeep
    from sharpbound.run.stores import store_at

    most, store = upkeep.bytes_of(size), store_at(place or default_cache())
    whole = True
    try:
        if not store.exists():
            raise InputError("there is no such folder", where=store.place)
        match what:
            case Upkeep.info:
                told = upkeep.info(store)
            case Upkeep.verify:
                told, whole = upkeep.verified(store)
            case Upkeep.prune:
                files, count = upkeep.prune(store, most)
                told = f"{store.place}: {files} files removed, {upkeep.in_words(count)}"
    except OSError as error:
        raise InputError(f"it cannot be read or written ({error.strerror})", where=store.place) from None
    print(told)  # where nobody takes it, the cache is not to blame
    raise typer.Exit(MEASURED if whole else FAILED)
