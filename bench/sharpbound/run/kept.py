"""What is made of measured cells and kept like them: documents of cases, quantities of published numbers.

A product's key covers its content: what it is made of, the source of all that has a hand in it, the versions below. So
a case of which nothing changed is read: not planned, not validated, not concluded, and nothing numerical is loaded.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from sharpbound import chapters
from sharpbound.places import relative
from sharpbound.records.document import CaseDocument
from sharpbound.records.document import versions as documented
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.fingerprint import making, versions

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DOCUMENT, QUANTITY = "document", "quantity"
"""Kinds of the entries."""


def kept_document(case: Case, theory: Mapping[str, Claim], cache: Cache) -> CaseDocument | None:
    """The document of a case that was concluded before, where its content, claim and code are the same."""
    claim = theory.get(case.claim)
    if cache.store is None or claim is None or not _keeps(case):
        return None
    found = cache.find(_of_document(case, claim))
    return CaseDocument.read(found.rows[0]) if found and len(found.rows) == 1 else None


def keep_document(case: Case, claim: Claim, document: CaseDocument, seconds: float, cache: Cache) -> None:
    """Keep the document of a case that was concluded whole, in ``seconds``; figures that failed are tried again."""
    if cache.store is not None and _keeps(case) and "figures_note" not in document.details:
        cache.keep(_of_document(case, claim), Entry([document.as_json()], seconds))


def kept_quantity(name: str, options: Mapping[str, Any], make: Callable[[], float], cache: Cache) -> float:
    """What ``make`` returns, or what it returned before for the same name and options."""
    told = identity(QUANTITY, {"name": name, "options": dict(options)})
    found = cache.find(told)
    if found and len(found.rows) == 1 and isinstance(value := found.rows[0].get("value"), float):
        return value
    start = time.perf_counter()
    value = make()
    cache.keep(told, Entry([{"value": value}], time.perf_counter() - start))
    return value


def identity(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of a product says of itself; its key covers the code and the versions too."""
    text = json.dumps([making(), _installed(), kind, params], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    return {"key": key, "kind": kind, "params": params, "versions": versions()}


def _of_document(case: Case, claim: Claim) -> dict[str, Any]:
    """Of a case's document, by a digest of all that its file and its claim say and where the file lies.

    The tables of the case hold the source of the user's modules that they name.
    """
    tables, spec = case.model_dump(mode="json"), case.spec
    said = [tables, spec, relative(case.file), case.command, claim.model_dump(mode="json")]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return identity(DOCUMENT, {"case": case.id, "claim": claim.id, "content": digest})


def _keeps(case: Case) -> bool:
    """Whether the case's experiment is of this package: of another the key does not cover the code."""
    found = chapters.EXPERIMENTS.get(case.kind, "")
    module = found if isinstance(found, str) else type(found).__module__
    return module.startswith("sharpbound.")


@lru_cache(maxsize=1)
def _installed() -> dict[str, str]:
    """The versions that a document names or an audit is of."""
    found = documented() | versions()
    for package, _ in chapters.EXTRAS.values():
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = ""
    return found
