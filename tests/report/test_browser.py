"""The pages in a real browser, read as people read them: by mouse, by keys alone, on a phone, in the dark, by a screen
reader (axe-core), on paper.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = (360, 768, 1600)
KINDS = (
    "cases/design-space.html",
    "cases/ddpm-gaussian-tv.html",
    "claims/li2024.ddpm.html",
    "papers/li2024.html",
)
"""Pages beside those at the top: one of each kind."""

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is installed: the pages are checked as HTML only")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield launched
        launched.close()


def opened(browser: Browser, width: int = 1200, scheme: str = "light") -> tuple[Page, list[str]]:
    """A window so many pixels wide, and what goes wrong in it: errors, messages, requests that leave the folder."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith("file:") else faults.append(request.url)
    )
    return page, faults


def names(site: Path) -> list[str]:
    return [path.name for path in sorted(site.glob("*.html"))] + list(KINDS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_window_and_raise_no_fault(
    browser: Browser, site: Path, width: int, scheme: str
) -> None:
    page, faults = opened(browser, width, scheme)
    for name in names(site):
        page.goto((site / name).as_uri())
        sizes = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        whole, seen = page.evaluate(sizes)
        assert whole == seen, name
        broken = (
            "[...document.images].filter((one) => one.complete && !one.naturalWidth).map((one) => one.src)"
        )
        assert page.evaluate(broken) == [], name
        assert faults == [], name
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1600, "dark")])
def test_axe_finds_nothing_serious(browser: Browser, site: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page, _ = opened(browser, width, scheme)
    for name in names(site):
        page.goto((site / name).as_uri())
        found = axe.run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS] == [], name
    page.close()


def test_the_index_is_filtered_and_sorted(browser: Browser, site: Path) -> None:
    page, faults = opened(browser)
    page.goto((site / "index.html").as_uri())
    rows = page.locator("table.sortable tbody tr:not(.group)").filter(visible=True)
    shown, box = page.locator(".shown").first, page.locator(".filter").first
    assert rows.count() == 5
    box.fill("ddpm")
    assert (rows.count(), shown.text_content()) == (1, "1 of 5")
    box.fill("")
    chip = page.locator(".chip").first
    chip.click()
    assert (rows.count(), chip.text_content()) == (1, "1 contradicted")
    chip.click()
    head = page.locator("table.sortable thead th").nth(3)
    for order in ("ascending", "descending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        per_paper = "(body) => [...body.rows].slice(1).map((row) => Number(row.cells[3].textContent))"
        for body in page.locator("table.sortable tbody").all():
            counts = body.evaluate(per_paper)
            assert counts == sorted(counts, reverse=order == "descending")
    assert faults == []
    page.close()


def test_everything_is_reached_by_keys_alone(browser: Browser, site: Path) -> None:
    page, faults = opened(browser)
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("wang design")
    results = page.locator("#results a")
    results.nth(2).wait_for()
    found = [link.get_attribute("href") for link in results.all()]
    assert found == ["claims/wang2024.design.html", "papers/wang2024.html", "cases/design-space.html"]
    page.keyboard.press("ArrowDown")
    assert page.locator("#search").get_attribute("aria-activedescendant") == "result-0"
    page.keyboard.press("Escape")
    assert page.locator("#results").is_hidden()
    page.keyboard.type("wang design")
    results.nth(2).wait_for()
    page.keyboard.press("ArrowUp")  # from the top to the last one
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/design-space.html")
    assert faults == []
    page.close()


def test_what_is_scrolled_sideways_is_reached_by_keys(browser: Browser, site: Path) -> None:
    page, _ = opened(browser, 360)
    for name in names(site):
        page.goto((site / name).as_uri())
        beyond = """[...document.querySelectorAll("main *")].filter((one) => one.tabIndex < 0
            && one.scrollWidth > one.clientWidth && /auto|scroll/.test(getComputedStyle(one).overflowX))
            .map((one) => one.outerHTML)"""
        assert page.evaluate(beyond) == [], name
    page.close()


def test_a_permanent_address_leads_from_the_index_to_the_case(browser: Browser, site: Path) -> None:
    page, _ = opened(browser)
    page.goto((site / "index.html").as_uri() + "#li2024.ode@unknown/pf-ode-mixture/tv")
    page.wait_for_url("**/cases/pf-ode-mixture.html*")
    assert page.title() == "Pf ode mixture (pf-ode-mixture) – Sharpbound"
    page.close()


def test_print_leaves_out_what_paper_cannot_do(browser: Browser, site: Path) -> None:
    page, _ = opened(browser, 760)
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((site / "index.html").as_uri())
    assert [page.locator(one).first.is_visible() for one in ("header.top", ".tools", "h1")] == [
        False,
        False,
        True,
    ]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
