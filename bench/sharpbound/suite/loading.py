"""Reads ``theory/`` and ``cases/``. Every fault is one line: file, key, what is wrong, the fix; all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sharpbound import foreign
from sharpbound.errors import Collected, InputError, InputErrors, brief, did_you_mean
from sharpbound.places import default_directory
from sharpbound.suite.case import Case
from sharpbound.suite.claim import Claim, Paper
from sharpbound.suite.validation import read_text, read_toml, shown, tables_of, validated

NUMBERS = "numbers"
"""The folder inside a folder of claims that holds published numbers (`sharpbound.suite.numbers`), and no claims."""


def load_case(path: str | Path, *, full: bool = False) -> Case:
    """The case in the TOML file ``path``; raises every mistake in it.

    ``full`` : with the changes of its [full] table, if it has one: a larger sweep for long runs.
    """
    path = Path(path)
    spec = read_toml(path)
    larger = spec.pop("full", {})
    try:
        with Collected() as mistakes:
            with mistakes.caught():
                case = _case(spec, path)
            if larger != {}:
                with mistakes.caught():  # checked even where the default size is asked for
                    spec_full = _merged(spec, larger)
                    case_full = _case(spec_full, path)
    except InputError as error:
        raise error.at(where=shown(path)) from None
    if larger and full:
        case, spec = case_full, spec_full
    case._file, case._spec, case._full = path, spec, full and bool(larger)
    return case


def case_of(spec: dict[str, Any]) -> Case:
    """The case of tables that stand in no file, as those of a case file; raises every mistake in them.

    Modules of the user's are looked up in the working folder.
    """
    path = Path("case.toml")
    tables = {key: value for key, value in spec.items() if key != "full"}
    case = _case(tables, path)
    case._file, case._spec = path, tables
    return case


def _case(spec: dict[str, Any], path: Path) -> Case:
    """The case of the tables ``spec``, its modules of the user's stamped with their source."""
    named = {
        table: foreign.stamped(spec[table], key, path.parent)
        for table, key in foreign.NAMES.items()
        if isinstance(spec.get(table), dict)
    }
    case = validated(Case, spec | named)
    if any(True for _ in foreign.stamps(list(named.values()))):
        foreign.remember(str(path.resolve().parent))
    return case


def _merged(tables: dict[str, Any], changes: Any) -> dict[str, Any]:
    """``tables`` with the tables of ``changes`` laid over them, key by key."""
    if not isinstance(changes, dict) or not all(isinstance(table, dict) for table in changes.values()):
        raise InputError("must hold tables, such as [full.sweep]", key="full")
    for name in changes:
        if not isinstance(tables.get(name, {}), dict):
            raise InputError("is no table, so [full] cannot change it", key=name)
    return tables | {name: tables.get(name, {}) | table for name, table in changes.items()}


def load_cases(directory: str | Path | None = None, *, full: bool = False) -> list[Case]:
    """All cases below ``directory``, in the order of their paths; raises every mistake in them.

    By default the suite's own, and then those in ``cases/`` of the working folder.
    """
    cases, mistakes = read_cases(directory, full=full)
    if mistakes:
        raise InputErrors(mistakes) if len(mistakes) > 1 else mistakes[0]
    return cases


def read_cases(
    directory: str | Path | None = None, *, full: bool = False
) -> tuple[list[Case], list[InputError]]:
    """As `load_cases`: the cases that can be read, and what is wrong with the others."""
    cases: dict[str, Case] = {}
    found = Collected()
    for path in _files("cases", [Path(directory)] if directory else []):
        with found.caught():
            case = load_case(path, full=full)
            if case.id in cases:
                raise InputError(
                    f"the id {case.id!r} is taken by {shown(cases[case.id].file)}; choose another",
                    key="case.id",
                    where=shown(path),
                )
            cases[case.id] = case
    return list(cases.values()), [each for mistake in found.found for each in mistake.mistakes]


class Theory(dict[str, Claim]):
    """Claims by id, and what is wrong with the files that could not be read: it stops who needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.mistakes: list[InputError] = []


def load_theory(directory: str | Path | None = None) -> Theory:
    """All claims below ``directory``, by id; raises every mistake in them. By default as `read_theory`'s."""
    theory = read_theory(only=Path(directory) if directory else None)
    if theory.mistakes:
        raise InputErrors(theory.mistakes) if len(theory.mistakes) > 1 else theory.mistakes[0]
    return theory


def read_theory(*more: Path, only: Path | None = None) -> Theory:
    """The claims of the suite, of ``theory/`` in the working folder, and of the folders ``more``, by id.

    A file that is wrong is left out and its mistakes are kept. Raises InputError for a folder without files.
    ``only``: this folder, and no other.
    """
    theory = Theory()
    files: dict[str, str] = {}
    found = Collected()
    for path in _files("theory", [only] if only else [], more):
        with found.caught():
            where = shown(path)
            claims = load_claims(path)
            for claim in claims:
                if claim.id in theory:
                    message = f"the id {claim.id!r} is taken in {files[claim.id]}; choose another"
                    raise InputError(message, key="claim.id", where=where)
            for claim in claims:
                theory[claim.id], files[claim.id] = claim, where
    theory.mistakes = [each for mistake in found.found for each in mistake.mistakes]
    return theory


def load_claims(path: str | Path) -> list[Claim]:
    """The claims of one theory file: a [paper] table and [[claim]] tables."""
    path = Path(path)
    text = read_text(path)
    try:
        return list(_claims(text))
    except InputError as error:
        raise error.at(where=shown(path)) from None


@lru_cache(maxsize=256)
def _claims(text: bytes) -> tuple[Claim, ...]:
    """Those of a file with this text: a session asks for the same files at every call, and claims never change."""
    tables = tables_of(text)
    with Collected() as mistakes:
        for name in sorted(tables.keys() - {"paper", "claim"}):
            with mistakes.caught():
                raise InputError(f"unknown table{did_you_mean(name, ['paper', 'claim'])}", key=brief(name))
        paper = None
        with mistakes.caught():
            paper = validated(Paper, _table(tables.get("paper"), "paper"), prefix=("paper",))
        claims = tables.get("claim")
        if not isinstance(claims, list) or not claims:
            claims = []
            with mistakes.caught():
                raise InputError("is missing; write each claim under [[claim]]", key="claim")
        found = []
        for i, claim in enumerate(claims):
            with mistakes.caught():
                found.append(_claim(claim, paper or _ANY_PAPER, i))
    return tuple(_distinct(found))


_ANY_PAPER = Paper(
    title="unknown",
    authors=["unknown"],
    year=2000,
    bibtex="@misc{unknown, title = {unknown}, author = {unknown}}",
)
"""Stands in for one that is wrong, so that the claims are checked all the same."""


def _distinct(claims: list[Claim]) -> list[Claim]:
    ids = [claim.id for claim in claims]
    for i, id in enumerate(ids):
        if id in ids[:i]:
            raise InputError(
                f"{id!r} is also the id of claim[{ids.index(id)}]; choose another", key=f"claim[{i}].id"
            )
    return claims


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
    if id not in theory and (mistakes := getattr(theory, "mistakes", None)):
        unread = ", ".join(sorted({mistake.where or "" for mistake in mistakes}))
        raise InputError(f"there is no claim {id!r} in what could be read; mend {unread}", key="case.claim")
    if id not in theory:
        raise InputError(f"there is no claim {id!r} in theory/{did_you_mean(id, theory)}", key="case.claim")
    return theory[id]


def _files(kind: str, only: Sequence[Path], more: Sequence[Path] = ()) -> list[Path]:
    """The TOML files of ``only`` these folders; else of the suite's, the working folder's and ``more``."""
    if only:
        return [path for folder in only for path in _toml_files(folder, kind)]
    files = _toml_files(default_directory(kind), kind)
    for folder in more:
        files += _toml_files(folder, kind)
    here = Path(kind)
    files += _below(here, kind) if here.is_dir() else []
    distinct: dict[Path, Path] = {}
    for path in files:
        distinct.setdefault(path.resolve(), path)
    return list(distinct.values())


def number_folders() -> list[Path]:
    """Where published numbers lie: of the suite, and of the working folder."""
    return [default_directory("theory") / NUMBERS, Path("theory") / NUMBERS]


def _toml_files(directory: Path, kind: str) -> list[Path]:
    if not directory.is_dir():
        raise InputError("no such folder; check the path", where=shown(directory))
    files = _below(directory, kind)
    if not files:
        raise InputError("has no .toml files", where=shown(directory))
    return files


def _below(directory: Path, kind: str) -> list[Path]:
    """All TOML files of a folder of cases; of a folder of claims all but the published numbers in it."""
    files = sorted(directory.rglob("*.toml"))
    if kind != "theory":
        return files
    return [path for path in files if path.relative_to(directory).parts[0] != NUMBERS]
