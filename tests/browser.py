"""A browser for tests of pages, or a skip that says what is missing."""

import shutil

import pytest

INSTALL = 'pip install -e ".[docs]"'


def chromium():
    """Yield Chromium, run by Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason=f"the browser is run by playwright: {INSTALL}")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: apt-get install -y chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
