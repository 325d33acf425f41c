"""Where things stand on the site, and the permanent anchors of its numbers."""

from __future__ import annotations

from sharpbound.records.values import slug
from sharpbound.report.documents import Document


def case_page(document: Document) -> str:
    return f"cases/{document.anchor}.html"


def claim_page(id: str) -> str:
    return f"claims/{slug(id)}.html"


def paper_page(name: str) -> str:
    return f"papers/{slug(name)}.html"


def permanent(document: Document, metric: str) -> str:
    """``claim@version/case/metric``: the anchor of a number, whatever page it comes to stand on.

    The version is that of the paper whose statement is encoded.
    """
    version = slug(document.claim.version or "unknown")
    return f"{slug(document.claim.id)}@{version}/{document.anchor}/{slug(metric)}"
