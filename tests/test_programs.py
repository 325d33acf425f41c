"""Programs beside the package (timings, campaigns, makers of pages) name what the package has."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = [
    *sorted((ROOT / "bench" / "perf").glob("*.py")),
    *sorted((ROOT / "bench" / "torture").glob("*.py")),
    *sorted((ROOT / "docs").glob("make_*.py")),
    ROOT / "docs" / "second_routes.py",
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_program_imports_and_asks_of_a_module_is_there(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # some add folders of their own
    spec = importlib.util.spec_from_file_location(f"program_{program.stem}", program)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    ours = {
        name: each
        for name, each in vars(module).items()
        if isinstance(each, ModuleType) and each.__name__.startswith("sharpbound")
    }
    for node in ast.walk(ast.parse(program.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            assert hasattr(ours[node.value.id], node.attr), f"line {node.lineno}: {ast.unparse(node)}"
