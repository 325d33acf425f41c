"""The rules of the house: imports point down its floors, and no chapter knows another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sharpbound

PACKAGE = Path(sharpbound.__file__).parent

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "places", "bounds", "libraries"),
    ("numerics", "rates"),
    ("options", "formulas", "foreign"),
    ("targets", "processes"),
    ("marginals", "distances", "suite"),
    ("scores", "records"),
    ("samplers", "report", "gate", "audit"),
    ("laws",),
    ("chapters",),
    ("run",),
    ("api",),
    ("cli", "testing", "__main__"),
)
"""From the ground up; what stands on one floor may import what stands on it or below."""

FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}

ONLY: dict[str, set[str]] = {
    "numerics": {"numerics", "errors"},
    "rates": {"rates", "numerics", "errors"},
    "formulas": {"formulas", "options", "errors"},
    "report": {"report", "distances", "records", "suite", "formulas", "places", "errors"},
    "gate": {"gate", "records", "suite", "formulas", "rates", "places", "errors"},
}
"""Rooms that may know these and no others."""


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of the package that a file imports at run time, as parts below ``sharpbound``."""
    for node in _at_run_time(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "sharpbound":
                if len(parts) == 1:
                    yield from ((alias.name,) for alias in node.names if alias.name != "__version__")
                else:
                    yield tuple(parts[1:])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "sharpbound" and len(parts) > 1:
                    yield tuple(parts[1:])


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _at_run_time(node)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py" and "_data" not in p.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_arrows_point_down(path):
    here = room(path)
    for module in imports(path):
        there = module[0]
        assert FLOOR[there] <= FLOOR[here], f"{here} may not import {'.'.join(module)}"
        assert here not in ONLY or there in ONLY[here], f"{here} may not import {'.'.join(module)}"


def test_no_chapter_imports_another():
    for path in (PACKAGE / "chapters").glob("*/**/*.py"):
        chapter = path.relative_to(PACKAGE).parts[1]
        for module in imports(path):
            if module[0] == "chapters" and len(module) > 1 and (PACKAGE / "chapters" / module[1]).is_dir():
                assert module[1] == chapter, f"{path.relative_to(PACKAGE)} imports {'.'.join(module)}"


def test_reports_know_the_list_of_metrics_and_no_mathematics_of_distances():
    for path in (PACKAGE / "report").glob("*.py"):
        assert all(len(module) == 1 for module in imports(path) if module[0] == "distances"), path.name


def test_only_the_front_and_its_engines_file_choose_an_engine():
    """Elsewhere a law is asked for by `sharpbound.laws`: no file tells targets apart to pick an engine's function."""
    front = {"laws/__init__.py", "laws/engines.py", "laws/chains.py", "run/catalogue.py"}
    lists = re.compile(r"\b(ENGINES|CHAIN_ENGINES)\b")
    named = {path.relative_to(PACKAGE).as_posix() for path in FILES if lists.search(path.read_text())}
    assert named <= front


def test_nothing_asks_whether_a_score_is_of_the_exact_class():
    asked = re.compile(r"isinstance\([^)]*ExactScore|class \w+\(ExactScore\)")
    assert [path.name for path in FILES if asked.search(path.read_text())] == []
