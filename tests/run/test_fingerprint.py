"""A key moves with the code that its cell runs, and with nothing else."""

from __future__ import annotations

import ast
import functools
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import CodeType

import pytest

from sharpbound import chapters
from sharpbound.chapters.base import Cell, Measurement
from sharpbound.records.document import Row
from sharpbound.run import fingerprint, source
from sharpbound.run.fingerprint import cell_key
from whole_suite import CASES

FORWARD = {"schedule": "vp-linear"}
LINE = {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [-1.0, 1.0], "stds": [0.5, 0.5]}


def sampling(sampler: str, **target: object) -> Cell:
    params = {
        "target": target or LINE,
        "forward": FORWARD,
        "sampler": {"name": sampler},
        "T": 4,
        "quantity": "law",
    }
    return Cell("sampling-rate", params)


def suite_cells() -> list[Cell]:
    """The first cell of the first case of every kind, study and sampler of the suite."""
    found: dict[tuple[object, ...], Cell] = {}
    for case in CASES:
        cell = chapters.get(case.kind).cells(case)[0]
        sampler = (case.sampler or {}).get("name")
        found.setdefault((case.kind, cell.params.get("study"), sampler), cell)
    return list(found.values())


KINDS_TRACED = {"sampling-rate", "score-error", "diffusion-time", "erm-failure", "training"}


def _steps(cell: Cell) -> float:
    steps = (cell.params.get("point") or cell.params).get("T", 0)
    return float(max(steps) if isinstance(steps, list) else steps)


def _entered(measure: Callable[[Cell], object], cell: Cell) -> set[source.Definition]:
    """The definitions of the package in which functions were called while ``cell`` was measured."""
    codes: set[CodeType] = set()
    sys.setprofile(lambda frame, event, argument: codes.add(frame.f_code))
    try:
        measure(cell)
    finally:
        sys.setprofile(None)
    return {found for code in codes if (found := _definition(code))}


@functools.cache
def _statements(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text()).body


def _definition(code: CodeType) -> source.Definition | None:
    """The definition at the top of its module in whose lines a function of the package begins."""
    file = Path(code.co_filename)
    if not file.is_relative_to(source.PACKAGE) or code.co_name == "<module>":
        return None
    parts = file.relative_to(source.PACKAGE.parent).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for statement in _statements(file):
        first = min(node.lineno for node in (statement, *getattr(statement, "decorator_list", ())))
        if first <= code.co_firstlineno <= (statement.end_lineno or first):
            return module, min(source.bound(statement))
    raise AssertionError(code)


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    return suite_cells()


SOURCES: dict[tuple[str, bytes], source.Source] = {}
REAL = source.Source


def _taken_apart(module: str, file: Path) -> source.Source:
    """As the source of a module is, which depends on its text and on which modules there are: once for each text."""
    key = module, file.read_bytes()
    if key not in SOURCES:
        SOURCES[key] = REAL(module, file)
    return SOURCES[key]


def forget() -> None:
    """Read the source anew."""
    for module in (fingerprint, source):
        for function in vars(module).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package's source that keys are made of, to edit."""
    copy = tmp_path / "sharpbound"
    shutil.copytree(source.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "_data"))
    monkeypatch.setattr(source, "PACKAGE", copy)
    monkeypatch.setattr(source, "Source", _taken_apart)
    forget()
    yield copy
    monkeypatch.undo()
    forget()


def moved(cells: list[Cell], *edits: tuple[Path, str, str]) -> list[Cell]:
    """The cells whose key the edits (file, old, new) change."""
    before = [cell_key(cell) for cell in cells]
    texts = {file: file.read_text() for file, _, _ in edits}
    for file, old, new in edits:
        assert old in texts[file]
        file.write_text(texts[file].replace(old, new, 1))
    forget()
    after = [cell_key(cell) for cell in cells]
    for file, text in texts.items():
        file.write_text(text)
    forget()
    return [cell for cell, a, b in zip(cells, before, after, strict=True) if a != b]


def test_what_only_concludes_draws_or_hands_out_moves_no_key(cells: list[Cell], package: Path) -> None:
    edits = (
        ("chapters/score_error/figures.py", "One field, two samplers", "One field under two samplers"),
        (
            "chapters/learning/studies/sample_complexity_figures.py",
            "def learning_report(",
            "def report_learning(",
        ),
        ("chapters/sampling_rate/study.py", "return conclude_sweep(case, claim, rows)", "return None"),
        ("chapters/rate_verdict.py", "NO_FLOOR = ", "NO_FLOOR = 2 * "),
        ("chapters/training/studies/bell.py", "return Conclusion(", "return tuple("),
        ("report/site.py", "import ", "import this, "),
        ("run/execute.py", "ALONE_SECONDS = 2.0", "ALONE_SECONDS = 3.0"),
    )
    assert moved(cells, *((package / file, old, new) for file, old, new in edits)) == []


def test_comments_docstrings_and_layout_move_no_key(cells: list[Cell], package: Path) -> None:
    before = [cell_key(cell) for cell in cells]
    for file in sorted(package.rglob("*.py"))[::3]:
        tree = ast.parse(file.read_text())
        source.strip_docstrings(tree)
        file.write_text("# written anew\n\n" + ast.unparse(tree))
    forget()
    assert [cell_key(cell) for cell in cells] == before


def test_an_edited_sampler_moves_the_cells_that_name_it(package: Path) -> None:
    cells = [sampling("ddim"), sampling("pf-ode"), sampling("ddpm"), sampling("heun")]
    assert moved(cells, (package / "samplers/ddim.py", "    def ", "    extra = 1\n\n    def ")) == cells[:1]
    assert (
        moved(
            cells,
            (package / "samplers/base.py", "class Sampler", "class Extra:\n    x = 1\n\n\nclass Sampler"),
        )
        == []
    )
    assert (
        moved(cells, (package / "samplers/base.py", "name: ClassVar[str]", "name: ClassVar[str]\n    x = 1"))
        == cells
    )


def test_a_sampler_moves_with_what_it_is_made_of(package: Path) -> None:
    cells = [sampling("deis"), sampling("adams-bashforth"), sampling("ddim")]
    assert (
        moved(cells, (package / "samplers/multistep.py", "    def ", "    extra = 1\n\n    def "))
        == cells[:2]
    )


def test_every_sampler_counts_where_the_registry_is_walked_or_the_name_is_unknown(package: Path) -> None:
    unmutated = Cell("detection", {"runs": [0, 1], "T": [4, 8], "seed": 0})
    nested = Cell("sample-complexity", {"study": "routes", "tables": {"sampler": {"name": "mine:Sampler"}}})
    cells = [unmutated, sampling("mine:Sampler"), nested, sampling("ddpm")]
    assert moved(cells, (package / "samplers/heun.py", "    def ", "    extra = 1\n\n    def ")) == cells[:3]


def test_a_second_sampler_of_the_same_name_counts(package: Path) -> None:
    cells = [sampling("ddim"), sampling("pf-ode")]
    before = [cell_key(cell) for cell in cells]
    (package / "samplers/another.py").write_text('class Another:\n    name = "ddim"\n')
    SOURCES.clear()
    forget()
    assert [a == cell_key(cell) for a, cell in zip(before, cells, strict=True)] == [False, True]


def test_edited_quadrature_moves_every_sampling_cell(cells: list[Cell], package: Path) -> None:
    changed = moved(
        cells,
        (package / "numerics/quadrature.py", "flagged.sum() > max_panels", "flagged.sum() >= max_panels"),
    )
    assert {"sampling-rate", "score-error"} <= {cell.kind for cell in changed}
    assert [c for c in cells if c.kind == "sampling-rate" and c not in changed] == []


def test_a_study_moves_alone(cells: list[Cell], package: Path) -> None:
    file = package / "chapters/training/studies/bell.py"
    studies = {
        cell.params["study"] for cell in moved(cells, (file, "def measure(self, ", "def measure(self, *, "))
    }
    assert studies == {"bell"}


@pytest.mark.parametrize("name", ["numpy", "scipy", "torch"])
def test_another_version_of_a_library_moves_every_key(
    cells: list[Cell], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = {cell_key(cell) for cell in cells}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda one: "0.0.0" if one == name else real(one))
    fingerprint.versions.cache_clear()
    after = {cell_key(cell) for cell in cells}
    fingerprint.versions.cache_clear()
    assert len(before) == len(after) == len(cells)
    assert not before & after


def test_statements_that_run_on_import_count(package: Path) -> None:
    cells = [sampling("ddim")]
    file = package / "distances/base.py"
    assert moved(cells, (file, "class Measured", "print()\n\n\nclass Measured")) == cells


def test_all_code_that_a_measurement_enters_is_in_its_key(cells: list[Cell]) -> None:
    """Against the interpreter: no call may land in a definition that the key does not cover."""
    quick = {
        (cell.kind, cell.params.get("study")): cell
        for cell in sorted(cells, key=_steps, reverse=True)  # the smallest of each study stays
        if cell.kind in KINDS_TRACED and _steps(cell) <= 64
    }
    assert {kind for kind, _ in quick} == KINDS_TRACED
    for cell in quick.values():
        experiment = chapters.get(cell.kind).measuring(cell)
        entered = _entered(experiment.measure, cell)
        assert entered
        own = {(each.__module__, each.__name__) for each in type(experiment).__mro__}
        assert entered <= fingerprint.reached(cell) | own


def test_guarded_imports_count(package: Path) -> None:
    cells = [sampling("ddim")]
    file = package / "distances/base.py"
    guarded = (
        "try:\n    from sharpbound.rates.limits import limit_helper\nexcept ImportError:\n    pass\n\n\n"
    )
    (package / "rates/limits.py").write_text("def limit_helper():\n    return 1\n")
    text = file.read_text()
    file.write_text(
        text.replace("class Measured", guarded + "class Measured").rstrip() + "\n\n    x = limit_helper()\n"
    )
    SOURCES.clear()
    forget()
    assert moved(cells, (package / "rates/limits.py", "return 1", "return 2")) == cells


class Passes(Measurement):
    """Hands itself on, so that any member may be asked for."""

    def measure(self, cell: Cell) -> list[Row]:
        return helper(self)

    def other(self) -> float:
        return 1.0


class Asks(Measurement):
    def measure(self, cell: Cell) -> list[Row]:
        return [{"x": self.first()}]

    def first(self) -> float:
        return self.second() + 1.0

    def second(self) -> float:
        return 1.0

    def conclude(self) -> float:
        return 2.0


def helper(one: Passes) -> list[Row]:
    return [{"x": one.other()}]


def test_the_members_that_count() -> None:
    def members(kind: type[Measurement]) -> set[str]:
        return {
            name
            for _, node in fingerprint._members(kind)
            if isinstance(node, ast.FunctionDef)
            for name in (node.name,)
        }

    assert members(Asks) == {"measure", "first", "second"}
    assert members(Passes) == {"measure", "other"}
