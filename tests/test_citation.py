"""CITATION.cff follows the rules of its schema, version 1.2.0, and says what the package and the BibTeX entry say."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

import sharpbound
from sharpbound.report import citation

FILE = Path(__file__).parents[1] / "CITATION.cff"
KNOWN = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords",
    "license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "title", "type", "url", "version",
}  # fmt: skip
ENTITY = {
    "address", "alias", "city", "country", "date-end", "date-start", "email", "fax", "location", "name", "orcid",
    "post-code", "region", "tel", "website",
}  # fmt: skip
PERSON = {
    "address", "affiliation", "alias", "city", "country", "email", "family-names", "fax", "given-names",
    "name-particle", "name-suffix", "orcid", "post-code", "region", "tel", "website",
}  # fmt: skip


@pytest.fixture(scope="module")
def cff() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def test_it_has_what_the_schema_requires_and_nothing_else(cff: dict[str, Any]) -> None:
    assert set(cff) <= KNOWN
    assert {"cff-version", "message", "title", "authors"} <= set(cff)
    assert cff["cff-version"] == "1.2.0"
    assert cff["type"] in ("software", "dataset")
    assert len(cff["authors"]) >= 1
    for author in cff["authors"]:
        assert set(author) <= (ENTITY if "name" in author else PERSON)
    assert all(
        isinstance(cff[key], str) and cff[key].strip() for key in ("message", "title", "abstract", "version")
    )
    assert len(set(cff["keywords"])) == len(cff["keywords"]) >= 1
    assert cff["license"] == "Apache-2.0"  # of the SPDX list, as pyproject.toml has it


def test_the_date_is_a_day(cff: dict[str, Any]) -> None:
    day = cff["date-released"]
    assert isinstance(day, datetime.date), "YAML reads YYYY-MM-DD as a date"
    assert day.year == citation.YEAR


def test_it_says_what_the_package_says(cff: dict[str, Any]) -> None:
    assert str(cff["version"]) == sharpbound.__version__
    assert cff["title"] == citation.TITLE
    assert [author["name"] for author in cff["authors"]] == [citation.AUTHORS]
    project = (FILE.parent / "pyproject.toml").read_text()
    assert re.search(r'^license = "(.*)"$', project, re.M)[1] == cff["license"]  # type: ignore[index]
