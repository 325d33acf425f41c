"""Which code computed a number: a cached result is only as good as the code that made it.

A cell's key covers the definitions that measuring it can reach, found in the source without running it: from
``measure`` of what measures the cell, through every name that a definition mentions, across the
modules of the package. What only validates, concludes or draws is not reached, so a new caption costs nothing;
comments, docstrings and layout are not part of it either. Wherever the source leaves open what runs, more is
taken in rather than less:

- a class counts as a whole (of the experiment itself, the members that ``measure`` reaches by name);
- a module that is passed on as an object counts as a whole;
- statements that a module runs on import count for everything that imports it;
- samplers are found by name at run time: those count whose name stands in the cell or in code that it
  reaches, and all of them where code walks through the registry or the cell names one that is not known.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from sharpbound.run.source import (
    ALL,
    PACKAGE,
    Definition,
    bound,
    dotted,
    file_of,
    imports,
    resolved,
    source,
    submodules,
)

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell, Measurement

PACKAGES = ("numpy", "scipy", "torch", "pot")
"""Whose versions numbers depend on. What an audit measures belongs to a version of diffusers too, which stands in
the cells of audits."""
READERS = frozenset({"api", "cli", "gate", "report", "testing"})
"""Rooms of the package that take documents as they are."""
SAMPLERS = "sharpbound.samplers"
"""The package whose modules are found by themselves, and the registry of that name in it."""


@lru_cache(maxsize=1)
def engine() -> str:
    """SHA-256 over the source of the whole package: which state of the code a document was written by."""
    return _tree()


@lru_cache(maxsize=1)
def making() -> str:
    """The same without the rooms that only read: what documents and their numbers may depend on."""
    return _tree(READERS)


def _tree(without: Collection[str] = ()) -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] in without:
            continue
        digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cell_key(cell: Cell) -> str:
    """Content address: SHA-256 of the canonical JSON of the cell, the code that it runs and the versions below it."""
    parts = [code(cell), versions(), cell.kind, cell.params]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def code(cell: Cell) -> str:
    """SHA-256 of the definitions that measuring ``cell`` can reach."""
    return _digest(
        _experiment(cell), frozenset(_texts(cell.params)) & _sampler_names(), _unknown_sampler(cell)
    )


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """The installed versions of the packages that numbers depend on."""
    return {name: metadata.version(name) for name in PACKAGES}


def reached(cell: Cell) -> set[Definition]:
    """The definitions that ``cell``'s key covers, for tests and for the curious."""
    names = frozenset(_texts(cell.params)) & _sampler_names()
    return set(_reach(_experiment(cell), names, _unknown_sampler(cell))[1])


# -- from a cell to where its code begins ----------------------------------------------------------


def _experiment(cell: Cell) -> type[Measurement] | None:
    """The class whose ``measure`` measures ``cell``; None where nothing does, as in a store used by itself."""
    from sharpbound import chapters
    from sharpbound.errors import InputError

    try:
        return type(chapters.get(cell.kind).measuring(cell))
    except InputError:
        return None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _unknown_sampler(cell: Cell) -> bool:
    """Whether the cell names a sampler that the source does not tell where to find."""
    return not {table.get("name") for table in _tables(cell.params, "sampler")} <= _sampler_names()


def _tables(value: Any, name: str) -> Iterator[dict[str, Any]]:
    """Every table of that name in a JSON value."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, dict):
                yield each
            yield from _tables(each, name)


@cache
def _sampler_names() -> frozenset[str]:
    return frozenset(_samplers())


@cache
def _samplers() -> dict[str, list[Definition]]:
    """By the name of a sampler: the classes that carry it."""
    found: dict[str, list[Definition]] = {}
    for module in submodules(SAMPLERS):
        for statements in source(module).definitions.values():
            for statement in statements:
                if isinstance(statement, ast.ClassDef):
                    for name in _named(statement):
                        found.setdefault(name, []).append((module, statement.name))
    return found


def _named(statement: ast.ClassDef) -> Iterator[str]:
    """The value of ``name = "..."`` in a class."""
    for each in statement.body:
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        value = getattr(each, "value", None)
        if any(isinstance(t, ast.Name) and t.id == "name" for t in targets) and isinstance(
            value, ast.Constant
        ):
            yield str(value.value)


# -- what it reaches -------------------------------------------------------------------------------


@cache
def _digest(experiment: type[Measurement] | None, samplers: frozenset[str], unknown: bool) -> str:
    members, definitions = _reach(experiment, samplers, unknown)
    digest = hashlib.sha256()
    for text in sorted(members):
        digest.update(text.encode() + b"\0")
    for module, name in sorted(definitions):
        digest.update(f"{module}:{name}={source(module).text(name)}\0".encode())
    return digest.hexdigest()


def _reach(
    experiment: type[Measurement] | None, samplers: frozenset[str], unknown: bool
) -> tuple[list[str], set[Definition]]:
    """The members of ``experiment`` that ``measure`` needs, as text, and the definitions that they reach."""
    members = list(_members(experiment)) if experiment else []
    waiting = [each for module, member in members for each in _mentions(module, member)]
    waiting += [each for name in samplers for each in _samplers()[name]]
    waiting += _every_sampler() if unknown else ()
    found: set[Definition] = set()
    while waiting:
        definition = waiting.pop()
        if definition not in found:
            found.add(definition)
            waiting += _next(definition)
    return [f"{module}:{ast.dump(member)}" for module, member in members], found


def _members(experiment: type[Measurement]) -> Iterator[tuple[str, ast.AST]]:
    """``measure``, the members that it mentions, and all that makes and shapes the object."""
    classes = [(each.__module__, each.__name__) for each in experiment.__mro__ if file_of(each.__module__)]
    bodies = [
        (module, statement)
        for module, name in classes
        for statement in source(module).definitions.get(name, ())
        if isinstance(statement, ast.ClassDef)
    ]
    wanted = ["measure"]
    for module, body in bodies:
        yield from ((module, node) for node in (*body.bases, *body.keywords, *body.decorator_list))
        wanted += [name for each in body.body for name in bound(each) if name.startswith("__")]
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            for module, body in bodies:
                for each in body.body:
                    if name in bound(each):
                        yield module, each
                        wanted += _asked(each) or [
                            name for _, one in bodies for s in one.body for name in bound(s)
                        ]


def _asked(member: ast.stmt) -> list[str]:
    """The attributes that a member of a class mentions; none where it passes ``self`` on, which may ask for any."""
    nodes = list(ast.walk(member))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    owners = {id(node.value) for node in attributes}
    if any(isinstance(node, ast.Name) and node.id == "self" and id(node) not in owners for node in nodes):
        return []
    return [node.attr for node in attributes] or [""]


@cache
def _next(definition: Definition) -> frozenset[Definition]:
    """What a definition mentions, and what its module runs on import."""
    module, name = definition
    here = source(module)
    found = {(module, "")}
    if name == "":
        found |= {(other, "") for other in here.imported}
    if name == ALL:
        found |= {(module, each) for each in here.definitions}
        found |= {each for target in here.bindings.values() for each in resolved(*target)}
    for statement in here.statements(name):
        found |= _mentions(module, statement)
    return frozenset(found - {definition})


def _mentions(module: str, statement: ast.AST) -> set[Definition]:
    """The definitions of the package that a statement of ``module`` names."""
    here = source(module)
    bindings, found = here.bindings, set[Definition]()
    paths: set[tuple[str, ...]] = set()
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        if path := dotted(node):
            paths.add(path)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                found |= _named_in(node.value)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            local = dict(imports(node, module))
            bindings = {**bindings, **local}
            found |= {(target[0], "") for target in local.values()}
        else:
            waiting += ast.iter_child_nodes(node)
    for first, *rest in paths:
        if first in bindings:
            found |= resolved(*bindings[first], *rest)
        if first in here.definitions:
            found.add((module, first))
    if (SAMPLERS, "SAMPLERS") in found and module != SAMPLERS:
        found |= set(_every_sampler())
    return found


def _named_in(text: str) -> set[Definition]:
    """A sampler of this name, or what ``text`` names as ``sharpbound.module`` or ``sharpbound.module:name``."""
    found = set(_samplers().get(text, ()))
    path, _, name = text.partition(":")
    if path.startswith("sharpbound.") and file_of(path):
        found |= resolved(path, name) if name else resolved(path)
    return found


@cache
def _every_sampler() -> tuple[Definition, ...]:
    return tuple(each for classes in _samplers().values() for each in classes)
