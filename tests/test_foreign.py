"""Modules of the user's: which source they have, whose module is found, what is told of a bad one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sharpbound import foreign
from sharpbound.errors import InputError
from sharpbound.foreign import load, source_of


def test_the_stamp_is_of_all_that_is_reached_and_of_no_path(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text("def f():\n    from near import x\n    return x")
        (tmp_path / name / "near.py").write_text("import math\nx = 1")
        (tmp_path / name / "apart.py").write_text("x = 2")
    a, b = tmp_path / "a", tmp_path / "b"
    stamp = source_of("mine:f", a)
    assert len(stamp) == 64 and stamp == source_of("mine:f", b)
    (b / "apart.py").write_text("x = 3")
    assert stamp == source_of("mine:f", b)
    (b / "near.py").write_text("import math\nx = 2")
    assert stamp != source_of("mine:f", b)
    assert source_of("no_such:f", a) == ""


def test_namesakes_of_two_folders_are_two_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_folders", [])
    for who in ("a", "b"):
        (tmp_path / who).mkdir()
        (tmp_path / who / "mine.py").write_text("from near import who")
        (tmp_path / who / "near.py").write_text(f"who = {who!r}")
        foreign.remember(str(tmp_path / who))
    for who in ("a", "b", "a"):
        assert load("mine:who", source_of("mine", tmp_path / who)) == who
    assert "mine" not in sys.modules and "near" not in sys.modules
    (tmp_path / "a" / "near.py").write_text("who = 'c'")
    old = "0" * 64
    with pytest.raises(InputError, match="the source of mine has changed"):
        load("mine:who", old)


def test_tables_are_stamped_where_they_name_a_module(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    plain = {"family": "laplace", "scale": 1.0}
    own = {"family": "mine:T"}
    table = foreign.stamped({"family": "product", "factors": [plain, own]}, "family", tmp_path)
    assert table["factors"][0] == plain
    assert table["factors"][1] == own | {"@source": source_of("mine", tmp_path)}
    assert list(foreign.stamps([table])) == [source_of("mine", tmp_path)]


def test_a_module_that_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken_one.py").write_text("import a_library_that_is_not_there")
    with pytest.raises(
        InputError,
        match=r"fails: broken_one.py:1: ModuleNotFoundError: No module named 'a_lib",
    ):
        load("broken_one:f")
    (tmp_path / "broken_three.py").write_text("raise SystemExit(4)")
    with pytest.raises(InputError, match=r"importing broken_three fails: broken_three.py:1: SystemExit: 4"):
        load("broken_three:f")
    (tmp_path / "broken_two.py").write_text("def f(:")
    with pytest.raises(InputError, match=r"importing broken_two fails: broken_two.py:1: SyntaxError"):
        load("broken_two:f")


@pytest.mark.parametrize("name", ["queue", "sharpbound", "numpy", "statistics"])
def test_neither_shadows_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A module of the user's that is called like one in use is found; ours stays in place."""
    monkeypatch.chdir(tmp_path)
    __import__(name)
    ours, path = sys.modules[name], list(sys.path)
    (tmp_path / f"{name}.py").write_text("who = 'theirs'")
    assert load(f"{name}:who") == "theirs"
    assert sys.modules[name] is ours
    assert sys.path == path
    assert __import__(name) is ours


def test_packages_and_neighbours_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").write_text("")
    (tmp_path / "my_package" / "deep.py").write_text("from . import base\nclass A:\n    who = base.who")
    (tmp_path / "my_package" / "base.py").write_text("import my_neighbour\nwho = my_neighbour.who")
    (tmp_path / "my_neighbour.py").write_text("who = 'theirs'")
    assert load("my_package.deep:A.who") == "theirs"
