"""How long a reader waits for a page: from the file to what can be read, in a browser of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

SITE = Path(__file__).parents[2] / "reports" / "latest"
PAGES = ("index.html", "constants.html", "claims/li2024.ddpm.html", "papers/li2024.html")


@pytest.mark.benchmark(group="pages of the last run, opened")
@pytest.mark.parametrize("name", PAGES)
def test_pages_open(benchmark: Any, name: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None or not (SITE / name).is_file():
        pytest.skip("needs Chromium, and a report in reports/latest")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        benchmark.pedantic(page.goto, ((SITE / name).as_uri(),), rounds=10, warmup_rounds=1)
        browser.close()
