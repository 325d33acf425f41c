"""The site: an index that says what was learnt, a page for each paper, claim and case, and tables across all of them.

Every page works from a folder without a network: figures are SVG files that a reader loads when they come into view,
and the index of the search box is a script of its own that is loaded when the box is used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from sharpbound.records.files import strict_json
from sharpbound.records.numbers import Reproduction
from sharpbound.records.powers import PowerOfD, unsampled
from sharpbound.records.values import entries, flatten, table
from sharpbound.report.addresses import case_page, claim_page, paper_page, permanent
from sharpbound.report.citation import bibliography
from sharpbound.report.claims import Claim
from sharpbound.report.constants import comparisons, given_away, truths
from sharpbound.report.documents import Document
from sharpbound.report.drawings import Drawn, says
from sharpbound.report.engines import agreements, engines, methods
from sharpbound.report.lessons import STANDINGS, Paper, learnt
from sharpbound.report.numbers import BADGES, agreement, by_paper, ours
from sharpbound.report.order import by_hypotheses
from sharpbound.report.rivals import contests
from sharpbound.report.snapshot import Snapshot
from sharpbound.report.typeset import formula, prose
from sharpbound.report.wording import METRICS, VERDICTS, estimate, named, number, setting, short
from sharpbound.suite.claim import TRUST

PAGES = {
    "constants": "Sharp constants",
    "numbers": "Published numbers",
    "rivals": "Theorems compared",
    "audits": "Audits",
    "corrections": "Versions",
    "untested": "Without a case",
    "engines": "Engines",
    "references": "References",
}
"""Those across all papers, in the order of the menu."""
FOLLOWS = {
    "sharp": "The rate of the bound is attained, up to logarithms: no better one is possible in this variable.",
    "loose": "The bound holds here and gives something away.",
    "confirmed": "What the claim states is what is measured.",
    "violated": "No constant saves the bound on this case, or the error is beyond one that names its constant.",
    "refuted": "What is measured is not what the claim states, by more than intervals and floors.",
    "inconclusive": "Nothing follows: the rows do not decide it.",
    "failed": "Nothing follows: the case failed while it was computed.",
}


@dataclass(frozen=True)
class Site:
    """All that the pages are made of; ``figures`` are those of a case or a claim's group, under its anchor."""

    papers: Sequence[Paper]
    documents: Sequence[Document]
    environment: Mapping[str, Any]
    figures: Mapping[str, Sequence[Drawn]]
    scorecard: Drawn
    numbers: Sequence[Reproduction] = ()
    """Published ones beside ours."""
    untested: Sequence[Claim] = ()
    """Claims that no case of the run tests, each with the reason."""
    powers: Mapping[str, PowerOfD] = field(default_factory=dict)
    """Powers of d by claim."""

    def files(self) -> dict[str, str]:
        """Every page, style sheet and script, by its path."""
        lessons = [(paper, lesson) for paper in self.papers for lesson in paper.lessons]
        found = {"index.html": self._page("index", "", taught=learnt(self.papers))}
        found |= {f"{name}.html": self._page(name, "", **self._across(name)) for name in PAGES}
        found |= {paper_page(paper.name): self._page("paper", "../", paper=paper) for paper in self.papers}
        for paper, lesson in lessons:
            found[claim_page(lesson.claim.id)] = self._page("claim", "../", paper=paper, lesson=lesson)
            for document in lesson.documents:
                found[case_page(document)] = self._page("case", "../", paper=paper, case=document)
        found |= {
            claim_page(claim.id): self._page("unmeasured", "../", claim=claim) for claim in self.untested
        }
        templates = Path(__file__).parent / "templates"
        for asset in ("style.css", "page.js"):
            found[f"assets/{asset}"] = (templates / asset).read_text(encoding="utf-8")
        found["assets/search.js"] = f"window.searchIndex = {strict_json(self._search())};\n"
        return found

    def _page(self, template: str, root: str, **values: Any) -> str:
        """One page; ``root`` leads from its folder to that of the index."""
        html = self._jinja.get_template(f"{template}.html.j2").render(
            site=self, root=root, pages=PAGES, here=template, **values
        )
        return re.sub(r"\n\s*\n+", "\n", html)

    def _across(self, name: str) -> dict[str, Any]:
        """What a page across all papers shows."""
        match name:
            case "constants":
                return {
                    "compared": comparisons(truths(self.tests), self.powers),
                    "in_d": list(self.powers.values()),
                    "paged": {d.claim.id for d in self.documents} | {claim.id for claim in self.untested},
                    "not_in_d": unsampled({claim.id: claim.info for claim in self.untested}),
                }
            case "numbers":
                return {"numbers": by_paper(self.numbers), "read": {one.trust for one in self.numbers}}
            case "rivals":
                return {"contests": contests(self.tests)}
            case "audits":
                return {"cases": [d for d in self.documents if d.kind == "audit"]}
            case "engines":
                return {"engines": engines(self.documents), "methods": methods(), "agreements": agreements()}
            case "references":
                return {"bibliography": bibliography(self.documents, self.numbers)}
        return {}

    def _search(self) -> list[list[str]]:
        """[what it is, title, page, further words] of everything that has a page."""
        found = [["paper", p.citation, paper_page(p.name), f"{p.name} {p.title}"] for p in self.papers]
        for paper in self.papers:
            found += [
                ["claim", one.claim.id, claim_page(one.claim.id), f"{one.claim.statement} {one.standing}"]
                for one in paper.lessons
            ]
        found += [
            ["claim", claim.id, claim_page(claim.id), f"{claim.statement} untested"]
            for claim in self.untested
        ]
        for d in self.documents:
            found.append(["case", d.title, case_page(d), f"{d.id} {d.claim.id} {d.metric} {d.verdict}"])
        return found + [["page", title, f"{name}.html", ""] for name, title in PAGES.items()]

    @cached_property
    def snapshot(self) -> Snapshot:
        return Snapshot.of(self.documents, self.environment)

    @property
    def settings(self) -> list[tuple[str, str]]:
        """The environment, one line each."""
        return [(key, setting(value)) for key, value in flatten(self.environment)]

    @cached_property
    def tests(self) -> list[Document]:
        return [d for d in self.documents if not d.claim.control]

    @cached_property
    def controls(self) -> list[Document]:
        return [d for d in self.documents if d.claim.control]

    @cached_property
    def _jinja(self) -> Environment:
        jinja = Environment(
            loader=PackageLoader("sharpbound.report"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        jinja.filters |= {
            "spoken": spoken, "cell": cell,
            "displayed": displayed, "entries": entries, "estimate": estimate, "metric": metric_markup,
            "judged_by_rows": judged_by_rows, "worded": worded,
            "number": number, "prose": prose, "row_table": row_table, "setting": setting, "table": table,
            "case_page": case_page, "claim_page": claim_page, "paper_page": paper_page, "permanent": permanent,
            "says": says, "settings": settings, "metric_rows": metric_rows,
            "rerun": rerun, "counts": count_verdicts, "given_away": given_away, "agreement": agreement,
            "ours": ours, "short": short, "by_hypotheses": by_hypotheses, "formula": formula,
        }  # fmt: skip
        jinja.globals |= {
            "named": named,
            "STANDINGS": STANDINGS,
            "FOLLOWS": FOLLOWS,
            "TRUST": TRUST,
            "BADGES": BADGES,
        }
        return jinja


def count_verdicts(documents: Sequence[Document]) -> list[tuple[str, int]]:
    """Verdicts that occur where the theorem may speak of the case, from good to bad, with their numbers."""
    counts = Counter(d.verdict for d in documents if not d.outside)
    order = {verdict: k for k, verdict in enumerate(VERDICTS)}
    return sorted(counts.items(), key=lambda item: (order.get(item[0], len(VERDICTS)), item[0]))


def spoken(sentence: str) -> Markup:
    """A sentence in which the claims in backticks are links."""
    parts = sentence.split("`")
    link = Markup('<a href="{}"><code>{}</code></a>')
    return Markup("").join(
        link.format(claim_page(part), part) if odd % 2 else escape(part) for odd, part in enumerate(parts)
    )


def displayed(claim: Claim) -> Markup:
    """The claim's formula, typeset, as an inequality or equality for its metric."""
    return formula(claim.formula)


def metric_markup(metric: str) -> Markup:
    """Name of a metric with its symbols typeset."""
    return prose(METRICS.get(metric, metric))


def rerun(document: Document) -> str:
    """The command that measures the case again, by its id where it is of the package's own suite."""
    file = document.record.file
    return document.command.replace(file, document.id) if file.startswith("cases/") else document.command


def metric_rows(document: Document) -> list[dict[str, Any]]:
    """Of each metric its last measured value, with floor, kind and engine."""
    found = []
    for metric in document.record.metrics:
        rows = [row for row in document.record.rows if row.measured[metric].value is not None]
        if rows:
            found.append({"metric": metric, "at": rows[-1].point, "quantity": rows[-1].measured[metric]})
    return found


def cell(value: Any, digits: int = 4) -> Markup:
    """A table cell: numbers aligned by class, text with formulas typeset."""
    if isinstance(value, (int, float)) or value is None:
        return Markup('<td class="number">{}</td>').format(number(value, digits))
    return Markup("<td>{}</td>").format(prose(setting(value)))


def judged_by_rows(document: Document) -> bool:
    """Whether a rate was to be read from the rows, so that it matters which were fitted."""
    return document.predicted is not None or any(point.fitted for point in document.points)


def worded(document: Document) -> list[tuple[str, bool]]:
    """The columns of the rows, each with whether it holds numbers."""
    return [
        (c, all(not isinstance(row.get(c), (str, list, dict)) for row in document.rows))
        for c in document.columns
    ]


def row_table(document: Document) -> list[tuple[list[Markup], str]]:
    """Each row's cells in the order of ``document.columns`` and why it was not fitted, if so."""
    digits = {c: 2 if c.endswith("floor") else 4 for c in document.columns}
    return [
        ([cell(row.get(c), digits[c]) for c in document.columns], point.reason)
        for row, point in zip(document.rows, document.points, strict=True)
    ]


def settings(document: Document) -> list[tuple[str, str]]:
    """The case file's tables, one line each, without the head that the page shows anyway."""
    return [(name, setting(content)) for name, content in document.spec.items() if name != "case"]
