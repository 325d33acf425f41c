"""Pages as a test reads them: elements with their attributes, text, and where links lead."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Elements with their attributes; fails on an element that is not closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.text: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.stack == [], path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, f"{self.path.name}: </{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    @property
    def ids(self) -> list[str]:
        return [a["id"] or "" for _, a in self.elements if a.get("id")]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    @property
    def links(self) -> list[tuple[Path, str]]:
        """(file, fragment) of everything that the page refers to."""
        found = []
        for _, attributes in self.elements:
            for name in ("href", "src"):
                if (reference := attributes.get(name)) is not None:
                    target, _, fragment = reference.partition("#")
                    path = (self.path.parent / unquote(target)).resolve() if target else self.path.resolve()
                    found.append((path, unquote(fragment)))
        return found
