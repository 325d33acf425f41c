"""The reference in docs/ is that of the code, and what its pages refer to is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"
ANEW = "docs/ is not that of the code; run: make docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def test_commands_are_those_of_the_program(maker: ModuleType) -> None:
    text = maker.commands()
    assert maker.COMMANDS.read_text(encoding="utf-8") == text, ANEW
    named = set(re.findall(r"^## `sharpbound ([a-z-]+)`$", text, re.M))
    assert named == {
        command.name or command.callback.__name__ for command in maker.cli.app.registered_commands
    }


def test_schema_is_that_of_the_models(maker: ModuleType) -> None:
    text = maker.schema()
    assert maker.SCHEMA.read_text(encoding="utf-8") == text, ANEW
    for model, left_out in (
        (maker.case.Case, set()),
        (maker.claim.Claim, {"paper"}),
        (maker.claim.Paper, set()),
    ):
        for name in set(model.model_fields) - left_out:
            assert re.search(rf"^\| `{name}` \|", text, re.M), name
    assert all(f"| `{kind}` |" in text for kind in maker.case.KINDS)


def test_powers_of_d_are_those_of_the_records(maker: ModuleType) -> None:
    text = maker.constants()
    assert maker.CONSTANTS.read_text(encoding="utf-8") == text, ANEW
    assert text.count("| `li2024.ode` |") == 1


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md")))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (DOCS / target).exists(), target
