"""One reader of TOML tables: the keys that a table may have are the parameters of a function or a class.

    read(vp_linear, {"beta_max": 20}, table="forward", who="vp-linear", skip=("T",))

A parameter's type is its annotation, or else the type of its default; a parameter without a default must be
given. A whole number will do for a float, a truth value for no number; numbers are finite unless the annotation
is ``Annotated[float, pydantic.AllowInfNan(True)]``. All mistakes of a table are told at once.
"""

from __future__ import annotations

import inspect
import json
import math
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from sharpbound.bounds import bounded
from sharpbound.errors import Collected, InputError, brief, did_you_mean

_REQUIRED = inspect.Parameter.empty

_WORDS = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "finite_number": "must be finite",
}
"""Pydantic's faults in the words of this house."""


@dataclass(frozen=True)
class Option:
    """One key that a table may have."""

    name: str
    kind: Any
    """Its type; ``Any`` leaves the value to whoever uses it."""
    default: Any = _REQUIRED

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    def fitted(self, value: Any, key: str) -> Any:
        """``value`` as ``kind`` has it (a whole number as a float, a list as a tuple); InputError at ``key``."""
        if self.kind is Any:
            return value
        try:
            adapter = _adapter(self.kind)
        except TypeError:  # a type that has no hash
            adapter = _adapter.__wrapped__(self.kind)
        try:
            fitted = adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            faults = error.errors(include_url=False)
        except (TypeError, ValueError, RecursionError):
            raise InputError(f"must be a plain value, got {brief(value)}", key=key) from None
        else:
            _check_bounds(fitted, key)
            return fitted
        with Collected() as mistakes:
            for fault in faults:
                with mistakes.caught():
                    at = key + "".join(
                        f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]
                    )
                    raise InputError(_said(fault), key=at)
        raise AssertionError("pydantic refused without saying why")


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(kind, config=_STRICT)
    except PydanticUserError:  # a dataclass or a model has a configuration of its own
        return TypeAdapter(kind)


def _check_bounds(value: Any, key: str) -> None:
    """Raise InputError for a number in ``value`` that is too large or too small to compute with."""
    if isinstance(value, float) and math.isfinite(value):
        bounded(value, key)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _check_bounds(item, f"{key}[{i}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_bounds(item, f"{key}.{name}")


_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def _said(fault: Any) -> str:
    if fault["type"] == "literal_error":
        return f"must be one of {fault['ctx']['expected']}, got {brief(fault['input'])}"
    words = _WORDS.get(fault["type"], fault["msg"][0].lower() + fault["msg"][1:])
    return f"{words}, got {brief(fault['input'])}"


def options_of(call: Callable[..., Any], skip: Collection[str] = ()) -> dict[str, Option] | None:
    """The keys that ``call``, a function or a class, takes, but for ``skip``; None where it takes any."""
    parameters = inspect.signature(call).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    names = getattr(call.__init__ if isinstance(call, type) else call, "__globals__", {})  # type: ignore[misc]
    return {
        p.name: Option(p.name, _kind(p.annotation, p.default, names), p.default)
        for p in parameters
        if p.name not in skip and p.kind is not p.VAR_POSITIONAL
    }


def options_like(defaults: Mapping[str, Any]) -> dict[str, Option]:
    """Optional keys whose types are those of their defaults."""
    return {name: Option(name, _kind_like(default), default) for name, default in defaults.items()}


def _kind(annotation: Any, default: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, {**vars(typing), **names})
        except Exception:  # a name that only type checkers see
            annotation = _REQUIRED
    if annotation is _REQUIRED:
        return Any if default is _REQUIRED else _kind_like(default)
    return annotation


def _kind_like(default: Any) -> Any:
    if default is None:
        return Any
    if isinstance(default, (list, tuple)):
        kinds = {type(item) for item in default}
        plain = len(kinds) == 1 and kinds <= {int, float, str, bool}
        return list[kinds.pop()] if plain else list  # type: ignore[misc]
    return type(default)


def check(
    table: Mapping[str, Any],
    options: Mapping[str, Option] | None,
    *,
    name: str,
    who: str,
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """The values of ``table``, [name] of a file, as the ``options`` of ``who`` have them.

    ``also``: keys that are read elsewhere, for the list of what there is. Raises every mistake, each at
    ``name.key``: an unknown key with what was probably meant, a missing one, a value of another type.
    """
    found: dict[str, Any] = {}
    with Collected() as mistakes:
        for key, value in table.items():
            at = f"{name}.{key}"
            with mistakes.caught():
                if options is None:
                    found[key] = value
                elif key not in options:
                    raise InputError(_unknown(key, who, [*also, *options]), key=at)
                else:
                    found[key] = options[key].fitted(value, at)
        for key, option in (options or {}).items():
            with mistakes.caught():
                if option.required and key not in table:
                    takes = ", ".join(options or {})
                    raise InputError(f"is missing; {who} takes {takes}", key=f"{name}.{key}")
    return found


def _unknown(key: str, who: str, known: Sequence[str]) -> str:
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    meant = did_you_mean(key, known) if known else ""
    return f"{who} has no such key; {takes}" + (meant if meant.startswith("; did") else "")


def made(
    call: Callable[..., Any],
    table: Mapping[str, Any],
    *,
    name: str,
    who: str,
    first: Sequence[Any] = (),
    also: Sequence[str] = (),
) -> Any:
    """``call(*first, **table)``, once `check` has found the table to fit its parameters.

    Where keys are wrong, what ``call`` has to say of the right ones is told with them.
    """
    skip = list(inspect.signature(call).parameters)[: len(first)]
    options = options_of(call, skip)
    with Collected() as mistakes:
        values: dict[str, Any] | None = None
        with mistakes.caught():
            values = check(table, options, name=name, who=who, also=also)
        if values is None:
            right = {key: value for key, value in table.items() if options and key in options}
            with mistakes.caught():
                call(*first, **check(right, options, name=name, who=who))
        else:
            with mistakes.caught():
                return call(*first, **values)
    raise AssertionError("unreachable")
