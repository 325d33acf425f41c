"""Modules of the user's: ``name = "my_module:MySampler"`` in a case file, MODULE:OBJECT on the command line.

A module is looked up in the folder of the case file first, then on ``sys.path``. What a case file names is
*stamped* when the file is read: the table gains ``"@source"``, the SHA-256 of the module's source and of what
it imports from the same folder. Results so depend on that source, not on a path or the current folder; the
stamp is part of the table, hence of a cell's key. A worker process is told the folder (`remember`) and loads what
has that stamp there, so that modules of one name in two folders are two modules.

A module is imported with its folder first on the path and out of ``sys.modules`` again: it shadows nothing of
ours, nor we anything of theirs. It must therefore import its neighbours at its top, not inside functions.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sharpbound.errors import InputError

STAMP = "@source"
"""Key of a table: which source the module that it names has."""
NAMES = {
    "target": "family",
    "forward": "schedule",
    "sampler": "name",
    "score_error": "field",
    "audit": "scheduler",
}
"""Tables of a case file that may name a module's object, and the key that does."""

_folders: list[Path] = []
_present: list[Path] = []
"""The folder of the file that a command names, if it names one."""
_loaded: dict[tuple[str, str], ModuleType] = {}
_files: set[str] = set()


def is_foreign(name: Any) -> bool:
    """Whether ``name`` is written MODULE:OBJECT."""
    return isinstance(name, str) and ":" in name


# -- which source ------------------------------------------------------------------------------


def stamped(table: Mapping[str, Any], key: str, folder: Path) -> dict[str, Any]:
    """``table``, and the tables in it, with a stamp where ``key`` names an object of a module."""
    out: dict[str, Any] = {name: _stamped_item(value, key, folder) for name, value in table.items()}
    if is_foreign(table.get(key)):
        out[STAMP] = source_of(table[key], folder)
    return out


def _stamped_item(value: Any, key: str, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return stamped(value, key, folder)
    return [_stamped_item(item, key, folder) for item in value] if isinstance(value, list) else value


def stamps(table: Any) -> Iterator[str]:
    """The stamps in ``table`` and the tables in it."""
    if isinstance(table, Mapping):
        if STAMP in table:
            yield table[STAMP]
        table = list(table.values())
    if isinstance(table, list):
        for item in table:
            yield from stamps(item)


def source_of(named: str, folder: Path) -> str:
    """SHA-256 of the module that ``named`` = "module:object" means to a file in ``folder``, with its neighbours.

    Empty where there is no such module: loading it then says so.
    """
    module = named.partition(":")[0]
    found = _found(module, folder)
    return found.digest() if found else ""


@dataclass(frozen=True)
class _Found:
    """Where a module is: ``own`` if in the folder of the file that names it, else on ``sys.path``."""

    root: Path
    own: bool
    files: dict[str, Path]
    """What importing it runs: of the folder; of an installed module, what lies in its own package."""

    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()


def _found(module: str, folder: Path) -> _Found | None:
    return _in_folder(module, folder) or _installed(module)


def _in_folder(module: str, folder: Path) -> _Found | None:
    if _file(module, folder):
        return _Found(folder.resolve(), True, _reached(module, folder.resolve(), ""))
    return None


def _installed(module: str) -> _Found | None:
    for entry in filter(None, sys.path):
        if _file(module, Path(entry)):
            return _Found(Path(entry), False, _reached(module, Path(entry), module.split(".")[0]))
    return None


def _file(module: str, root: Path) -> Path | None:
    """The source file of ``module`` below ``root``."""
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    path = root.joinpath(*module.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        with contextlib.suppress(OSError):
            if candidate.is_file():
                return candidate
    return None


def _reached(module: str, root: Path, within: str) -> dict[str, Path]:
    """By name, the files below ``root`` that importing ``module`` runs, as its source tells."""
    found: dict[str, Path] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        path = _file(name, root)
        if name in found or path is None or (within and name.split(".")[0] != within):
            continue
        found[name] = path
        queue += [name.rpartition(".")[0]] if "." in name else []
        queue += _imports(path, name if path.name == "__init__.py" else name.rpartition(".")[0])
    return found


def _imports(path: Path, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # importing it will tell
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


# -- loading -----------------------------------------------------------------------------------


def remember(folder: str | None) -> None:
    """Look for stamped modules in ``folder`` too: that of a case file."""
    if folder is not None and (path := Path(folder)) not in _folders:
        _folders.append(path)


def load(named: str, stamp: str | None = None) -> Any:
    """The object that ``named`` = "module:object" names: the one whose source has the ``stamp``.

    Without a stamp, the module of the present folder (`here`), or else on ``sys.path``, as it is now. Raises InputError
    for a name that is not written so, and for an import or a look-up that fails; a module that raises is told
    with its own file and line.
    """
    module_name, colon, path = named.partition(":")
    if not colon or not path or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(f"name it MODULE:OBJECT, e.g. my_module:MySampler, not {named!r}")
    found: Any = _module(module_name, stamp)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InputError(f"{named}: {module_name} has no {path}") from None
    return found


def named_in_file(named: str) -> str:
    """MODULE:OBJECT of a name written PATH/MODULE.py:OBJECT, whose folder is then the present one to `load`.

    Other names are as they are. InputError where there is no such file.
    """
    file, colon, rest = named.partition(":")
    path = Path(file)
    _present.clear()
    if not colon or path.suffix != ".py":
        return named
    if not path.is_file():
        raise InputError(f"there is no file {file}")
    _present.append(path.resolve().parent)
    return f"{path.stem}:{rest}"


def here() -> Path:
    """The folder in which modules are looked up that no file names."""
    return _present[0] if _present else Path.cwd()


def _module(name: str, stamp: str | None) -> ModuleType:
    if stamp is None:
        stamp = source_of(name, here())
    if (name, stamp) not in _loaded:
        # found by its content, so it does not matter which of the folders has it
        beside = (_in_folder(name, folder) for folder in (*_folders, here()))
        # an installed package is large: read last, and once
        for found in itertools.chain(beside, map(_installed, [name])):
            if found and found.digest() == stamp:
                _loaded[name, stamp] = _imported(name, found)
                break
        else:
            if stamp:
                raise InputError(f"the source of {name} has changed since it was read; run again")
            _loaded[name, stamp] = _imported(name, None)  # no source: a compiled module, or none at all
    return _loaded[name, stamp]


def _imported(name: str, found: _Found | None) -> ModuleType:
    """The module imported: anew, and with its neighbours in the place of ours, where it is the file's own."""
    if found:
        _files.update(map(str, found.files.values()))
    with _before_ours(found.root, name) if found and found.own else contextlib.nullcontext():
        try:
            with contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise InputError(f"there is no module {name} in this folder or installed") from None
            raise InputError(f"importing {name} fails: {told(error)}") from error
        except (Exception, SystemExit) as error:
            raise InputError(f"importing {name} fails: {told(error)}") from error


@contextlib.contextmanager
def _before_ours(root: Path, name: str) -> Iterator[None]:
    """``root`` comes first on the path, and modules that have a namesake there are out of the way."""
    # their samplers are of our classes, so this package is never loaded twice
    spared = {"sharpbound"} - {name.split(".")[0]}

    def of_root() -> dict[str, ModuleType]:
        tops = {key: key.split(".")[0] for key in sys.modules}
        taken = {top for top in set(tops.values()) - spared if _file(top, root)}
        return {key: sys.modules[key] for key, top in tops.items() if top in taken}

    ours = of_root()
    for key in ours:
        del sys.modules[key]
    sys.path.insert(0, str(root))
    try:
        importlib.invalidate_caches()
        yield
    finally:
        sys.path.remove(str(root))
        for key in of_root():
            del sys.modules[key]
        sys.modules.update(ours)


def own(thing: Any) -> None:
    """Note that ``thing``, a function, class or object handed over in Python, lies in a module of the user's."""
    with contextlib.suppress(TypeError, OSError):
        plain = inspect.isroutine(thing) or isinstance(thing, type)
        file = inspect.getsourcefile(thing if plain else type(thing))
        if file and not Path(file).is_relative_to(Path(__file__).parent):
            _files.add(file)


def is_own(file: str) -> bool:
    """Whether ``file``, as code objects name it, is of a module of the user's."""
    return file in _files


# -- what a user's object does wrong -----------------------------------------------------------


def told(error: BaseException) -> str:
    """What a user's module raised, with its own file and line where the error came from one."""
    line = " ".join(f"{type(error).__name__}: {_text(error)}".split())
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}: {type(error).__name__}: {error.msg}"
    place = _place(error)
    return f"{place}: {line}" if place else line


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its text is the user's code too
        return "an error without a text"


def blamed(error: BaseException) -> InputError | None:
    """The mistake that ``error`` is if a user's module raised it, or had a hand in it; else None."""
    return InputError(told(error)) if _place(error) else None


def _place(error: BaseException) -> str | None:
    """File and line of the innermost frame that lies in a user's module."""
    place, trace = None, error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in _files:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
