"""From a TOML file to validated tables; every fault becomes one InputError line with file, key and fix."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from sharpbound.errors import Collected, InputError, InputErrors, brief, did_you_mean

MAX_BYTES = 1 << 16
MAX_DEPTH = 12
MAX_INTEGER = 2**53
"""Beyond it an integer has no exact float64."""

Key = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


class Table(BaseModel):
    """A TOML table: unknown keys are refused, nothing is converted, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, made of plain JSON values only."""
    raw = read_text(path)
    try:
        return tables_of(raw)
    except InputError as error:
        raise error.at(where=shown(path)) from None


def read_text(path: Path) -> bytes:
    """What a TOML file holds, if it is no larger than one may be."""
    where = shown(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError("no such file; check the path", where=where) from None
    except IsADirectoryError:
        raise InputError("is a folder, not a file; name a .toml file", where=where) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from None
    except ValueError:
        raise InputError("has a null byte in its name; check the path", where=where) from None
    if len(raw) > MAX_BYTES:
        raise InputError("is larger than 64 KiB; a case or a theory file is a few kilobytes", where=where)
    return raw


def tables_of(raw: bytes) -> dict[str, Any]:
    """The tables of a TOML text."""
    try:
        tables = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except RecursionError:
        raise InputError(f"is nested too deeply; use at most {MAX_DEPTH} levels") from None
    except ValueError as error:  # TOMLDecodeError, and Python's limit on the digits of an integer
        raise InputError(f"is not valid TOML: {error}") from None
    _check_plain(tables, ())
    return tables


def _check_plain(value: Any, key: Key) -> None:
    """Refuse what is no JSON (dates, NaN, huge integers) and what is nested beyond all need."""
    if len(key) > MAX_DEPTH:
        raise InputError(f"is nested deeper than {MAX_DEPTH} levels", key=dotted(key[:3]) + "...")
    if isinstance(value, dict):
        for name, item in value.items():
            _check_plain(item, (*key, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_plain(item, (*key, i))
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"must be a finite number, got {value}", key=dotted(key))
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InputError("is an integer beyond 2**53; write a smaller number", key=dotted(key))
    elif not isinstance(value, (str, int, float)):
        raise InputError(f"is a {type(value).__name__}; quote it to make it a string", key=dotted(key))


def validated(model: type[_Model], tables: Mapping[str, Any], *, prefix: Key = ()) -> _Model:
    """``model`` made from ``tables``; every fault as an InputError, unknown keys first.

    An unknown key is most often a missing one misspelt, so it is told before what is missing.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    with Collected() as mistakes:
        for fault in faults:
            with mistakes.caught():
                key, found = _explain(model, fault)
                raise InputErrors(
                    [
                        InputError(each.message, key=dotted(prefix + key + ((each.key,) if each.key else ())))
                        for each in found.mistakes
                    ]
                )
    raise AssertionError("pydantic refused without saying why")


def _explain(model: type[BaseModel], fault: Any) -> tuple[Key, InputError]:
    """The key of one of pydantic's faults, and what is wrong with the fix."""
    key = tuple(part for part in fault["loc"] if part != "[key]")
    error = fault.get("ctx", {}).get("error")
    if isinstance(error, InputError):
        return key, error
    if fault["type"] == "missing":
        return key, InputError("is missing; add it")
    if fault["type"] == "extra_forbidden":
        return key, InputError(f"unknown key{did_you_mean(str(key[-1]), _keys(model, key[:-1]))}")
    if fault["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
        text = f"unknown value {brief(fault['input'])}{did_you_mean(str(fault['input']), choices)}"
        return key, InputError(text)
    said = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return key, InputError(f"{said[:1].lower() + said[1:]}, got {brief(fault['input'])}")


def _keys(model: type[BaseModel], key: Key) -> list[str]:
    """Names of the fields of the table at ``key`` below ``model``."""
    for part in key:
        if isinstance(part, int):
            continue
        annotations = [model.model_fields[part].annotation]
        while annotations and not _is_model(annotations[-1]):
            annotations[-1:] = get_args(annotations[-1])
        if not annotations:
            return []
        model = annotations[-1]  # type: ignore[assignment]
    return list(model.model_fields)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def dotted(key: Key) -> str:
    """``claim[0].formula``; parts that are no bare TOML keys are quoted, so the line stays one line."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if re.fullmatch(r"[\w.\[\]-]{1,80}", part) else brief(part)
            text += f".{bare}" if text else bare
    return text


def shown(path: Path) -> str:
    """The path as text that stays on one line."""
    text = str(path)
    return text if text.isprintable() else repr(text)
