"""Reads ``theory/`` and ``cases/``. Every fault is one InputError line: file, key, what is wrong, the fix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError
from sharpbound.places import default_directory
from sharpbound.suite.case import Case
from sharpbound.suite.claim import Claim, Paper
from sharpbound.suite.validation import brief, did_you_mean, read_toml, shown, validated


def load_case(path: str | Path, *, full: bool = False) -> Case:
    """The case in the TOML file ``path``; InputError for anything wrong with it.

    ``full`` : with the changes of its [full] table, if it has one: a larger sweep for long runs.
    """
    path = Path(path)
    spec = read_toml(path)
    larger = spec.pop("full", {})
    try:
        case = validated(Case, spec)
        if larger:
            spec_full = _merged(spec, larger)
            case_full = validated(Case, spec_full)  # checked even where the default size is asked for
            if full:
                case, spec = case_full, spec_full
    except InputError as error:
        raise error.at(where=shown(path)) from None
    case._file, case._spec, case._full = path, spec, full and bool(larger)
    return case


def _merged(tables: dict[str, Any], changes: Any) -> dict[str, Any]:
    """``tables`` with the tables of ``changes`` laid over them, key by key."""
    if not isinstance(changes, dict) or not all(isinstance(table, dict) for table in changes.values()):
        raise InputError("must hold tables, such as [full.sweep]", key="full")
    return tables | {name: tables.get(name, {}) | table for name, table in changes.items()}


def load_cases(directory: str | Path | None = None, *, full: bool = False) -> list[Case]:
    """All cases below ``directory`` (default: the suite's own), in the order of their paths."""
    cases: dict[str, Case] = {}
    for path in _toml_files(Path(directory) if directory else default_directory("cases")):
        case = load_case(path, full=full)
        if case.id in cases:
            raise InputError(
                f"the id {case.id!r} is taken by {shown(cases[case.id].file)}; choose another",
                key="case.id",
                where=shown(path),
            )
        cases[case.id] = case
    return list(cases.values())


def load_theory(directory: str | Path | None = None) -> dict[str, Claim]:
    """All claims below ``directory`` (default: the suite's own) by id."""
    claims: dict[str, Claim] = {}
    files: dict[str, str] = {}
    for path in _toml_files(Path(directory) if directory else default_directory("theory")):
        where = shown(path)
        for claim in load_claims(path):
            if claim.id in claims:
                message = f"the id {claim.id!r} is taken in {files[claim.id]}; choose another"
                raise InputError(message, key="claim.id", where=where)
            claims[claim.id], files[claim.id] = claim, where
    return claims


def load_claims(path: str | Path) -> list[Claim]:
    """The claims of one theory file: a [paper] table and [[claim]] tables."""
    path = Path(path)
    where = shown(path)
    tables = read_toml(path)
    try:
        for name in sorted(tables.keys() - {"paper", "claim"}):
            raise InputError(f"unknown table{did_you_mean(name, ['paper', 'claim'])}", key=brief(name))
        paper = validated(Paper, _table(tables.get("paper"), "paper"), prefix=("paper",))
        claims = tables.get("claim")
        if not isinstance(claims, list) or not claims:
            raise InputError("is missing; write each claim under [[claim]]", key="claim")
        return [_claim(claim, paper, i) for i, claim in enumerate(claims)]
    except InputError as error:
        raise error.at(where=where) from None


def _claim(value: Any, paper: Paper, i: int) -> Claim:
    table = _table(value, f"claim[{i}]")
    if "paper" in table:
        raise InputError("unknown key; the paper has its own table", key=f"claim[{i}].paper")
    return validated(Claim, table | {"paper": paper}, prefix=("claim", i))


def _table(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("is missing; add it" if value is None else "is not a table", key=key)
    return value


def find_claim(theory: Mapping[str, Claim], id: str) -> Claim:
    """The claim ``id``; InputError names the one that was probably meant."""
    if id not in theory:
        raise InputError(f"there is no claim {id!r} in theory/{did_you_mean(id, theory)}", key="case.claim")
    return theory[id]


def _toml_files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise InputError("no such folder; check the path", where=shown(directory))
    files = sorted(directory.rglob("*.toml"))
    if not files:
        raise InputError("has no .toml files", where=shown(directory))
    return files
