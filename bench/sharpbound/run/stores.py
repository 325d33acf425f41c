"""Where the entries of a cache lie: a folder, or a URL of any file system that fsspec reaches (s3, gs, ssh, ...).

A store holds files by names such as ``ab/ab12....json``. They appear in it whole or not at all: an object store takes
an object whole; a folder, and a file system elsewhere, get them under another name first.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sharpbound.errors import InputError
from sharpbound.records.files import write_atomically

Value = TypeVar("Value")

NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.json")
PASSWORD = re.compile(r"(://[^/@]*:)[^/@]*@")
STAGED = re.compile(r"[0-9a-f]{2}/\.[0-9a-f]{64}\.json\..+")
FULL_OR_READ_ONLY = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    getattr(errno, "EDQUOT", errno.ENOSPC),
}
"""What a store may have that is in its place and cannot be written."""
OBJECT_STORES = {"memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci"}
"""Protocols of stores where an object is there whole or not at all, and where a rename is a copy."""
INSTEAD = "name another with --cache DIR, or keep none with --no-cache"
MOST_FAILURES = 3
"""Calls in a row that a store elsewhere may fail before it is let alone, as each may take until it gives up."""


@dataclass(frozen=True)
class Stored:
    """One file of a store: an entry, or what a killed process left of one."""

    name: str
    bytes: int
    used: float
    """When a run last read or wrote it, as a time stamp; elsewhere than in a folder, when it was written."""

    @property
    def staged(self) -> bool:
        """Whether it was being written."""
        return STAGED.fullmatch(self.name) is not None


class Store(ABC):
    """Files by name. What cannot be done is an OSError with the reason as its ``strerror``."""

    place: str
    """As the user names it."""

    @abstractmethod
    def begin(self) -> None:
        """Make it ready to be written."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is such a place."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes | None:
        """The bytes of a file, or None where there are none or more than ``most``."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place, whole."""

    @abstractmethod
    def used(self, name: str) -> None:
        """Note that a file was of use now, where that can be noted."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, which may be gone."""

    @abstractmethod
    def path(self, name: str) -> str:
        """Where a file is, as a reader finds it."""

    @abstractmethod
    def _files(self) -> Iterator[Stored]: ...

    def files(self) -> list[Stored]:
        """The files in the order of their names, without foreign ones; the store may change meanwhile."""
        wanted = (each for each in self._files() if each.staged or NAME.fullmatch(each.name))
        return sorted(wanted, key=lambda each: each.name)


def store_at(place: Path | str) -> Store:
    """The store that ``place`` names, a folder or a URL; InputError for a URL that cannot be understood here."""
    if isinstance(place, Path) or "://" not in place:
        return Folder(Path(place))
    shown = PASSWORD.sub(r"\1***@", place)
    try:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem
    except ImportError:
        raise InputError(
            "a URL needs an extra: pip install 'sharpbound[remote]'", key="--cache", where=shown
        ) from None
    try:
        files, path = url_to_fs(place)
    except Exception as error:  # of the packages that speak its protocol: each has its own
        raise InputError(f"{_said(error)}; {INSTEAD}", where=shown) from None
    for package in ("asyncssh", "google", "paramiko", type(files).__module__.split(".")[0]):
        logging.getLogger(package).addHandler(
            logging.NullHandler()
        )  # what they complain of is told here, in a line
    return Folder(Path(path)) if type(files) is LocalFileSystem else Remote(shown, files, path)


class Folder(Store):
    """A folder of this machine, or one that is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, str(folder)

    def begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        return self.folder.is_dir()

    def read(self, name: str, most: int) -> bytes | None:
        try:
            path = self.folder / name
            return path.read_bytes() if path.stat().st_size <= most else None
        except OSError:  # as if it were not there
            return None

    def write(self, name: str, data: bytes) -> None:
        write_atomically(self.folder / name, data)

    def used(self, name: str) -> None:
        with suppress(OSError):
            os.utime(self.folder / name)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def _files(self) -> Iterator[Stored]:
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(OSError):
                found = path.stat()
                yield Stored(path.relative_to(self.folder).as_posix(), found.st_size, found.st_mtime)


class Remote(Store):
    """A folder, or prefix, of a file system of fsspec's."""

    def __init__(self, place: str, files: Any, root: str) -> None:
        self.place, self._fs, self._root, self._failed = place, files, root.rstrip("/"), 0
        self._renames = _renames(files)

    def begin(self) -> None:
        if self._renames:
            self._ask(lambda: self._fs.makedirs(self._root, exist_ok=True))
        else:  # has no folders, and no bucket is made that was not there
            self.exists()

    def exists(self) -> bool:
        return bool(self._ask(lambda: self._fs.exists(self._root)))

    def read(self, name: str, most: int) -> bytes | None:
        try:
            data: bytes = self._ask(lambda: self._fs.cat_file(self._path(name), start=0, end=most + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:  # what s3 says of any range of an empty object
                return None
            raise
        return data if len(data) <= most else None

    def write(self, name: str, data: bytes) -> None:
        self._ask(lambda: self._put(self._path(name), data))

    def _put(self, path: str, data: bytes) -> None:
        if not self._renames:
            self._fs.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        staged = f"{folder}/.{name}.{uuid.uuid4().hex}"
        self._fs.makedirs(folder, exist_ok=True)
        try:
            self._fs.pipe_file(staged, data)
            self._fs.mv(staged, path)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(staged)
            raise

    def used(self, name: str) -> None:
        """Nothing: few of these file systems can."""

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._ask(lambda: self._fs.rm_file(self._path(name)))

    def path(self, name: str) -> str:
        return f"{self.place.rstrip('/')}/{name}"

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _files(self) -> Iterator[Stored]:
        self._fs.invalidate_cache()
        found: Mapping[str, Any] = self._ask(lambda: self._fs.find(self._root, detail=True))
        for path, info in found.items():
            yield Stored("/".join(path.split("/")[-2:]), int(info.get("size") or 0), _written(info))

    def _ask(self, call: Callable[[], Value]) -> Value:
        """What ``call`` returns; OSError where it fails, or too many before it did."""
        if self._failed >= MOST_FAILURES:
            raise OSError(errno.EIO, "it does not answer")
        try:
            value = call()
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, _said(error)) from None
        except Exception as error:  # each file system has its own
            self._failed += 1
            number = getattr(error, "errno", None)
            raise OSError(number if isinstance(number, int) else errno.EIO, _said(error)) from None
        self._failed = 0
        return value


def _renames(files: Any) -> bool:
    """Whether a file system gives a file another name at once; fsspec's own way is to copy it."""
    from fsspec.spec import AbstractFileSystem

    protocols = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
    own = type(files).mv is not AbstractFileSystem.mv or hasattr(type(files), "_mv")
    return own and not protocols & OBJECT_STORES


def _written(info: Mapping[str, Any]) -> float:
    """When a file was written, which each file system says under a key of its own; now, where it does not."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        match info.get(key):
            case datetime() as moment:
                return moment.timestamp()
            case int() | float() as stamp:
                return float(stamp)
            case str() as text:
                with suppress(ValueError):
                    return datetime.fromisoformat(text).timestamp()
    return time.time()


def _said(error: BaseException) -> str:
    """The error in a short line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if isinstance(error, FileNotFoundError) and line and " " not in line:  # a mere address
        line = f"there is no {line}"
    return (line or type(error).__name__)[:300]
