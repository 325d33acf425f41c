"""The theorem that a case is about, as its document tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sharpbound.records.values import entries, finite, table
from sharpbound.report.wording import inequality
from sharpbound.suite.claim import TRUST


@dataclass(frozen=True)
class Claim:
    """The theorem a case is about, flattened from the JSON dump ``claim_info``."""

    info: dict[str, Any] = field(repr=False)
    id: str

    @property
    def paper_name(self) -> str:
        """The part of its id before the dot: the claims of a theory file share it."""
        return self.id.partition(".")[0]

    @cached_property
    def paper(self) -> dict[str, Any]:
        return table(self.info.get("paper"))

    @property
    def kind(self) -> str:
        return str(self.info.get("kind") or "")

    @property
    def metric(self) -> str:
        """What the formula bounds; a case may measure another metric that it transfers to."""
        return str(self.info.get("metric") or "")

    @property
    def title(self) -> str:
        return str(self.paper.get("title") or "")

    @property
    def note(self) -> str:
        return str(self.info.get("note") or "")

    @property
    def control(self) -> bool:
        return bool(self.info.get("control"))

    @property
    def word(self) -> str:
        """What its formula is to a measured error."""
        return "prediction" if self.kind == "equality" else "bound"

    @property
    def statement(self) -> str:
        return str(self.info.get("statement") or "")

    @property
    def source(self) -> str:
        """Theorem, equation or page."""
        return str(self.info.get("source") or "")

    @property
    def version(self) -> str:
        """The version of the paper whose statement is encoded."""
        return str(self.info.get("version") or "")

    @property
    def superseded(self) -> bool:
        return self.info.get("status") == "superseded"

    @property
    def versions(self) -> list[dict[str, Any]]:
        """What the paper's versions say, where they differ."""
        return [table(version) for version in entries(self.paper.get("versions"))]

    @property
    def assumptions(self) -> list[str]:
        """The text of each."""
        return [str(table(one).get("text") or "") for one in entries(self.info.get("assumptions"))]

    @property
    def paper_note(self) -> str:
        return str(self.paper.get("note") or "")

    @property
    def latex(self) -> str:
        return str(self.info.get("latex") or "")

    @property
    def formula(self) -> str:
        """What it says of its metric, as LaTeX; empty where its formula says nothing: of an ordering, or a constant."""
        if self.kind == "ordering" or self.latex in ("", "1"):
            return ""
        return inequality(self.kind, self.metric, self.latex, self.explicit)

    @property
    def trust(self) -> str:
        """How far the wording may be trusted, in words."""
        return {str(letter): words for letter, words in TRUST.items()}.get(str(self.info.get("trust")), "")

    @property
    def unverified(self) -> bool:
        return self.info.get("status") == "unverified-wording"

    @property
    def explicit(self) -> bool:
        """Whether the claim states its constant."""
        return self.info.get("constant") == "explicit"

    @property
    def why_unverified(self) -> str:
        """What of its wording was not read; empty for one that is verified."""
        return str(self.info.get("unverified") or self.trust) if self.unverified else ""

    @property
    def untested(self) -> str:
        """Why no case tests it; empty for one that has cases."""
        return str(self.info.get("untested") or "")

    @property
    def read(self) -> str:
        """What was read where: the trust in words, the place and the version."""
        version = str(self.info.get("version") or self.paper.get("version") or "")
        version = "" if version in ("", "unknown") else f"version {version}"
        return "; ".join(part for part in (self.trust, self.source, version) if part)

    @property
    def bibtex(self) -> str:
        return str(self.info.get("bibtex") or self.paper.get("bibtex") or "").strip()

    @property
    def key(self) -> str:
        """The BibTeX key, read from the entry itself so that it always resolves."""
        match = re.match(r"@\w+\s*\{\s*([^,\s]+)", self.bibtex)
        return match.group(1) if match else str(self.paper.get("key") or "")

    @property
    def arxiv(self) -> str:
        """Identifier with its version, e.g. ``2306.09251v3``; empty for a source that is not on arXiv."""
        if not self.paper.get("arxiv"):
            return ""
        version = re.fullmatch(r"v?(\d+)", str(self.paper.get("version") or ""))
        return str(self.paper["arxiv"]) + (f"v{version.group(1)}" if version else "")

    @property
    def citation(self) -> str:
        """Surnames, year, arXiv number and the place in the paper, as far as they are known."""
        names = [
            _surname(str(author)) for author in entries(self.paper.get("authors")) if str(author).strip()
        ]
        few = len(names) <= 2 and "others" not in names
        who = " & ".join(names) if few else f"{names[0]} et al."
        year = self.paper.get("year")
        arxiv = f"arXiv:{self.arxiv}" if self.arxiv else ""
        parts = [f"{who} ({year})" if who and year else who, arxiv, self.source]
        return ", ".join(part for part in parts if part) or self.title

    def decay(self, variable: str) -> tuple[float | None, float]:
        """The formula's exponent in ``variable``, positive where it falls, and the power of the logarithm."""
        exponents, logs = table(self.info.get("exponents")), table(self.info.get("log_powers"))
        return finite(exponents.get(variable)), finite(logs.get(variable)) or 0.0


def _surname(author: str) -> str:
    """Last name of ``First Last`` or ``Last, First``; a group, ``The …``, in full."""
    if author.startswith("The "):
        return author
    return author.split(",")[0].strip() if "," in author else author.split()[-1]
