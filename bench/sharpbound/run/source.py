"""The source of a module, taken apart: which names it binds, to what, and what it runs on import."""

from __future__ import annotations

import ast
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ALL = "*"
Definition = tuple[str, str]
"""A module and a name that it binds; ``ALL`` for all of its names, ``""`` for what it runs on import."""


class Source:
    """One module without its comments, docstrings and layout."""

    def __init__(self, module: str, file: Path) -> None:
        self.module = module
        self.definitions: dict[str, list[ast.stmt]] = {}
        """By name: the statements that bind it."""
        self.bindings: dict[str, tuple[str, ...]] = {}
        """By name: the module of the package that it was imported as, or the module and a name in it."""
        self.imported = set(_parents(module))
        """The modules of the package that importing this one imports."""
        self.on_import: list[ast.stmt] = []
        """Statements that do more than to bind names."""
        self._texts: dict[str, str] = {}
        tree = ast.parse(file.read_bytes())
        strip_docstrings(tree)
        for statement in tree.body:
            self._read(statement)

    def _read(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            for each in statement.orelse:
                self._read(each)
            return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name, target in imports(statement, self.module):
                self.bindings[name] = target
                self.imported |= {*_parents(target[0]), target[0]}
                if len(target) > 1 and file_of(".".join(target)):
                    self.imported.add(".".join(target))
            return
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            for node in ast.walk(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    self._read(node)
        for name in bound(statement):
            self.definitions.setdefault(name, []).append(statement)
        if not _only_binds(statement):
            self.on_import.append(statement)

    def statements(self, name: str) -> Sequence[ast.stmt]:
        """Those that bind ``name``; those that run on import for ``""``."""
        return self.on_import if name == "" else self.definitions.get(name, ())

    def text(self, name: str) -> str:
        """Canonical text of `statements`: the same for the same code."""
        if name not in self._texts:
            self._texts[name] = "\n".join(map(ast.dump, self.statements(name)))
        return self._texts[name]


@cache
def source(module: str) -> Source:
    """A module that has one; KeyError of another."""
    file = file_of(module)
    if file is None:
        raise KeyError(module)
    return Source(module, file)


def submodules(package: str) -> list[str]:
    """The modules that lie in a package's folder."""
    folder = PACKAGE.joinpath(*package.split(".")[1:])
    return [f"{package}.{each.name}" for each in pkgutil.iter_modules([str(folder)])]


def resolved(module: str, *names: str) -> set[Definition]:
    """What ``module.a.b...`` may be: a definition of the deepest module on the way, or that module as a whole."""
    if not file_of(module):
        return set()
    here, found = source(module), {(module, "")}
    if not names:
        return {*found, (module, ALL)}
    first, *rest = names
    if first in here.definitions:
        found.add((module, first))
    if here.bindings.get(first, (module, first)) != (module, first):
        found |= resolved(*here.bindings[first], *rest)
    elif first not in here.definitions:
        inner = resolved(f"{module}.{first}", *rest)
        found |= inner or {(module, ALL)}  # made at run time, as by a module's __getattr__
    return found


def imports(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name, what it is bound to) for each name that an import takes from the package."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if file_of(alias.name):
                top = alias.name.split(".")[0]
                yield (alias.asname, (alias.name,)) if alias.asname else (top, (top,))
        return
    origin = node.module or ""
    if node.level:
        above = module.split(".")
        keep = len(above) - node.level + ((file := file_of(module)) is not None and file.stem == "__init__")
        origin = ".".join([*above[:keep], *([origin] if origin else [])])
    if file_of(origin):
        yield from ((alias.asname or alias.name, (origin, alias.name)) for alias in node.names)


def bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds in its own scope."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    found: set[str] = set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.split(".")[0])
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            waiting += ast.iter_child_nodes(node)
    return found


def dotted(node: ast.AST) -> tuple[str, ...] | None:
    """("a", "b", "c") of the expression a.b.c; None of any other node."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def _only_binds(statement: ast.stmt) -> bool:
    """Whether a statement is a definition that touches nothing else, as a decorator or ``TABLE[key] = ...`` might."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return not statement.decorator_list or all(map(_is_plain, statement.decorator_list))
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return all(isinstance(target, (ast.Name, ast.Tuple)) for target in targets)
    return isinstance(statement, ast.Pass)


def _is_plain(decorator: ast.expr) -> bool:
    """Decorators of the standard library that keep no register."""
    path = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ("",)
    return path[-1] in (
        "dataclass",
        "cache",
        "lru_cache",
        "contextmanager",
        "runtime_checkable",
        "total_ordering",
    )


def strip_docstrings(tree: ast.Module) -> None:
    """Take the texts that stand as statements out of a tree."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [each for each in body if not _is_text(each)]
            body[:] = kept or ([ast.Pass()] if not isinstance(node, ast.Module) else [])


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


@cache
def file_of(module: str) -> Path | None:
    """Where the source of a module lies: one of the package, or a loaded one that is installed nowhere; else None."""
    top, *rest = module.split(".")
    if top != PACKAGE.name:
        return _file_of_guest(module)
    path = PACKAGE.joinpath(*rest)
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _file_of_guest(module: str) -> Path | None:
    """Of a module that registered an experiment of its own."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or not file.endswith(".py") or "site-packages" in file or module in sys.stdlib_module_names:
        return None
    return Path(file) if not file.startswith(sys.base_prefix) else None
