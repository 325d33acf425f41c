"""Imports MODULE:OBJECT from the user's folder, which shadows nothing of ours, nor we anything of theirs."""

from __future__ import annotations

import contextlib
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sharpbound.errors import InputError


def load_object(named: str, folder: Path | None = None) -> Any:
    """The object that ``named`` = "module:object" names; modules of ``folder`` (default: here) come first.

    The folder is on ``sys.path`` only while the module is imported. A module of the folder is taken even if
    another one of its name is loaded already; ours stays what ``import`` finds afterwards.
    Raises InputError for a name that is not written so, and for an import or a look-up that fails.
    """
    module_name, colon, path = named.partition(":")
    if not colon or not path or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError("name it MODULE:OBJECT, e.g. my_samplers:heun", where=named)
    found: Any = _import(module_name, folder or Path.cwd(), named)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InputError(f"{module_name} has no {path}", where=named) from None
    return found


def _import(name: str, folder: Path, named: str) -> ModuleType:
    top = name.split(".")[0]
    ours = {key: module for key, module in sys.modules.items() if key == top or key.startswith(f"{top}.")}
    theirs = (folder / f"{top}.py").is_file() or (folder / top).is_dir()
    if theirs:
        for key in ours:
            del sys.modules[key]
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(f"there is no module {name} in this folder or installed", where=named) from None
        raise InputError(f"importing it fails: {error}", where=named) from error
    except (Exception, SystemExit) as error:
        raise InputError(f"importing it fails: {type(error).__name__}: {error}", where=named) from error
    finally:
        sys.path.remove(str(folder))
        if theirs and ours:
            for key in [key for key in sys.modules if key == top or key.startswith(f"{top}.")]:
                del sys.modules[key]
            sys.modules.update(ours)
