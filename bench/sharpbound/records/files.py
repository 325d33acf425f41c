"""Files that are whole or absent, and JSON that every parser reads."""

from __future__ import annotations

import errno
import json
import lzma
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError

DOCUMENTS = ("cases.json", "cases.json.xz")
"""The documents of a run, as it writes them and as a release keeps them."""


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` so that a reader, or a crash at any moment, sees the old file or the new.

    The bytes go to a temporary file of the same folder, reach the disk, and then take the name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_together(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below ``folder``, but those that lie there already: all are written before the first takes its name.

    Where the folder cannot be written to, or something else has the name of a file or folder, InputError says so in
    one line; where the disk is full OSError names the folder. The files that were there are as they were.
    """
    staged: Path | None = None
    left = "nothing there was changed"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
        fresh = []
        for name, content in files.items():
            data = content.encode(errors="replace") if isinstance(content, str) else content
            if _is(folder / name, data):
                continue
            path = staged / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            fresh.append(name)
        for name in fresh:
            _make_way(folder, name)
        left = "some files there are new"
        for name in fresh:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, folder / name)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # no mistake of the user's
            raise OSError(error.errno, error.strerror, str(folder)) from None
        why = error.strerror or str(error)
        raise InputError(
            f"cannot be written to ({why}); {left}: name another folder with --output DIR", where=str(folder)
        ) from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _make_way(folder: Path, name: str) -> None:
    """OSError where a file ``name`` cannot take its place below ``folder``, for a folder or a file is in its way."""
    for parent in (folder / name).relative_to(folder).parents[:-1]:
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise OSError(errno.ENOTDIR, f"{parent} is a file")
    if (folder / name).is_dir():
        raise OSError(errno.EISDIR, f"{name} is a folder")


def _is(path: Path, data: bytes) -> bool:
    """Whether the file is there with these bytes."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def try_folder(folder: Path, option: str) -> None:
    """Make ``folder`` and write in it, before work whose result is to go there; InputError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
            file.flush()
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}); name another folder with {option} DIR", where=str(folder)
        ) from None


def parse_json(text: str) -> Any:
    """The JSON value; ValueError for all that is none, and for nesting beyond reason."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path, remedy: str) -> Any:
    """The content of a JSON file, unpacked if it is named ``.xz``; InputError, with the ``remedy``, if it is none."""
    try:
        data = path.read_bytes()
        return parse_json((lzma.decompress(data) if path.suffix == ".xz" else data).decode())
    except (ValueError, OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"is not readable as JSON ({error}); {remedy}", where=str(path)) from error


def documents_file(folder: Path) -> Path | None:
    """Where the case documents of a result folder or of a frozen snapshot lie; None where it has none."""
    return next((path for name in DOCUMENTS if (path := folder / name).is_file()), None)


def strict_json(value: Any, *, indent: int | None = None) -> str:
    """JSON without the NaN and Infinity of Python's dialect: non-finite numbers become null."""
    return json.dumps(finite(value), allow_nan=False, ensure_ascii=False, indent=indent)


def finite(value: Any) -> Any:
    """A copy of a JSON value with null in place of every NaN and infinity."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
