"""BibTeX of the papers whose claims were tested, and of Sharpbound itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sharpbound.records.numbers import Reproduction
from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.numbers import source
from sharpbound.report.snapshot import Snapshot
from sharpbound.report.tex import accented

TITLE = "Sharpbound: measuring diffusion-model convergence theorems"
AUTHORS = "The Sharpbound developers"
YEAR = 2026
KEY = "sharpbound"
"""Of Sharpbound's own entry."""


def cite(claim: Claim) -> str:
    r"""``~\cite{key}``; keys with characters that are special to TeX are read as they are written."""
    key = claim.key if claim.bibtex else ""
    if re.fullmatch(r"[A-Za-z0-9:.+/-]+", key):
        return rf"~\cite{{{key}}}"
    sound = key.isascii() and key.isprintable() and not re.search(r"[%{}\\ ]", key)
    return rf"~\cite{{\detokenize{{{key}}}}}" if key and sound else ""


def bibliography(documents: Iterable[Document], numbers: Iterable[Reproduction] = ()) -> str:
    """BibTeX of exactly the papers whose claims were tested or whose numbers recomputed, sorted, each once."""
    sources = [*(d.claim for d in documents), *map(source, numbers)]
    found = {claim.key or claim.bibtex: claim.bibtex for claim in sources if claim.bibtex}
    return "\n\n".join(found[key] for key in sorted(found)) + ("\n" if found else "")


def references(documents: Iterable[Document], snapshot: Snapshot) -> str:
    """The same with Sharpbound's own entry first, all in ASCII."""
    return own_entry(snapshot) + "\n" + accented(bibliography(documents))


def own_entry(snapshot: Snapshot) -> str:
    """Sharpbound as the snapshot used it: version, revision and the digest of its engines."""
    lines = [
        f"@misc{{{KEY},",
        f"  title = {{{{{TITLE}}}}},",
        f"  author = {{{{{AUTHORS}}}}},",
        f"  year = {{{YEAR}}},",
        f"  note = {{{snapshot}}},",
        *([f"  version = {{{snapshot.version}}},"] if snapshot.version else []),
        "}",
    ]
    return accented("\n".join(lines)) + "\n"
