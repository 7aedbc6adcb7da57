"""The documentation site builds without warnings, and each page works in a browser: links, widths, formulas, search."""

import os
import re
import subprocess
import sys
from html import unescape
from importlib import import_module
from inspect import getmembers, isclass, isroutine
from itertools import product
from pathlib import Path

import pytest
from browser import INSTALL, chromium
from factories import ROOT

import cupynn

pytestmark = pytest.mark.slow
for package in ("mkdocs", "mkdocstrings", "nbconvert", "latex2mathml"):
    pytest.importorskip(package, reason=f"the site needs {package}: {INSTALL}")

LINKS = "[...document.querySelectorAll('[href], [src]')].map(each => each.href?.baseVal ?? (each.href || each.src))"
NAMES = "[...document.querySelectorAll('[id], [name]')].flatMap(each => [each.id, each.getAttribute('name')])"
WIDTHS = (390, 1400)
SCHEMES = {"light": "default", "dark": "slate"}  # of the system, and of the theme


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


def test_every_notebook_is_a_page(site):
    names = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert names == {path.stem for path in (site / "notebooks").glob("*.html")} - {"index"}


def test_every_public_class_and_function_has_an_entry(site):
    for name in cupynn._MODULES:
        text = (site / "interface" / f"{name}.html").read_text(encoding="utf-8")
        module = import_module(f"cupynn.{name}")
        for public in getattr(module, "__all__", ()):
            thing = getattr(module, public)
            assert not (isroutine(thing) or isclass(thing)) or f'.{public}" class="doc doc-heading"' in text, (name, public)
    text = (site / "interface" / "cupynn.html").read_text(encoding="utf-8")
    assert [name for name in cupynn._HOMES if f'.{name}" class="doc doc-heading"' not in text] == []
    methods = [name for name, method in getmembers(cupynn.Sequential) if name[0] != "_" and isroutine(method)]
    assert {"fit", "load", "record"} <= set(methods)
    assert [name for name in methods if f'id="cupynn.sequential.Sequential.{name}"' not in text] == []


def test_types_keep_their_quotes(site):
    """Griffe would print the strings of a choice as names, and make a tuple of what has a comma."""
    pages = [unescape(path.read_text(encoding="utf-8")) for path in (site / "interface").glob("*.html")]
    assert any('one of "auto", "cpu", "cuda"' in text.replace("\u200b", "") for text in pages)
    assert not any(re.search(r"\(<code>\([^<]*, ", text) for text in pages)


def test_formulas_are_mathml(site):
    text = (site / "notebooks" / "2_spsp.html").read_text(encoding="utf-8")
    assert text.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 5
    assert "arithmatex" not in text
    assert "merror" not in text


def test_links_resolve(site, pages, browser):
    """Also those of the theme; mkdocs checks only what is written in Markdown."""
    page, links, anchors = browser.new_page(), {}, {}
    for path in pages:
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        links[path.as_uri()] = page.evaluate(LINKS)
        anchors[path.as_uri()] = set(page.evaluate(NAMES))
    page.close()
    for uri, found in links.items():
        for link in found:
            target, _, anchor = link.partition("#")
            if target.startswith("file:"):
                assert Path(target.removeprefix("file://")).is_file(), f"{uri} links to {link}"
                assert not anchor or anchor.startswith("__") or anchor in anchors[target], f"{uri} links to {link}"
            else:
                assert target.startswith(("https://", "data:image/")) or not target, f"{uri} links to {link:.100}"


def test_pages_fit_the_screen_and_load_nothing_from_elsewhere(pages, browser):
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    page, requests, errors = browser.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    for path in pages:
        page.goto(path.as_uri())
        for width, (scheme, shown) in product(WIDTHS, SCHEMES.items()):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.body.dataset.mdColorScheme === '{shown}'")
            try:  # the theme moves its bars for some tenths of a second after the width has changed
                page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=5000)
            except PlaywrightTimeout:
                needed = page.evaluate("document.documentElement.scrollWidth")
                pytest.fail(f"{path.name}, {scheme}: {needed} pixels wide on a screen of {width}")
    page.close()
    assert not errors
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_search_works_without_a_server(site, browser):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.locator("input.md-search__input").press_sequentially("lateral_inhibition", delay=50)
    page.locator(".md-search-result__link").first.wait_for(state="attached", timeout=20_000)
    page.close()
