"""The site that ``nox -s docs`` has built: every public name, no broken link, and a search that finds what one wants.

Nothing is asked of another host than loopback: links that lead outside are not followed.
"""

from __future__ import annotations

import functools
import http.server
import importlib
import os
import shutil
import tempfile
import threading
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
PUBLIC = (
    "sagemaker_async",
    "sagemaker_async.async_inference",
    "sagemaker_async.aws.credentials",
    "sagemaker_async.bulk",
    "sagemaker_async.deserializers",
    "sagemaker_async.dialects",
    "sagemaker_async.errors",
    "sagemaker_async.integrations.client_side_monitoring",
    "sagemaker_async.integrations.fastapi",
    "sagemaker_async.integrations.openai",
    "sagemaker_async.integrations.opentelemetry",
    "sagemaker_async.integrations.ray",
    "sagemaker_async.iterators",
    "sagemaker_async.local",
    "sagemaker_async.serializers",
)
NOT_OBJECTS = {"__version__", "Format", "OnMalformed", "Record"}
"""A string and names of types, which the reference shows where they are used."""


class Anchors(HTMLParser):
    """What a page links to, and what of it can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value is None:
                continue
            if name == "id":
                self.names.add(value)
            elif name in {"href", "src"}:
                self.links.append(value)


@functools.cache
def anchors_of(page: Path) -> Anchors:
    anchors = Anchors()
    anchors.feed(page.read_text("utf-8"))
    return anchors


def test_every_link_within_the_site_leads_somewhere() -> None:
    broken, followed = [], 0
    for page in SITE.rglob("*.html"):
        if page.name == "404.html":  # whose links begin at the root of a host
            continue
        for link in anchors_of(page).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            followed += 1
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (
                parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors_of(target).names
            ):
                broken.append(f"{page.relative_to(SITE)}: {link}")
    print(followed, "links")
    assert followed > 1000
    assert not broken


def documented() -> set[str]:
    """Return the names of the site's inventory (https://sphobjinv.readthedocs.io/en/stable/syntax.html)."""
    compressed = (SITE / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split()[0] for line in zlib.decompress(compressed).decode().splitlines()}


def test_every_public_name_has_its_place_in_the_reference() -> None:
    names = documented()
    missing, found = [], 0
    for module in map(importlib.import_module, PUBLIC):
        for name in set(module.__all__) - NOT_OBJECTS:
            value = getattr(module, name)
            home = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
            found += 1
            if not {f"{module.__name__}.{name}", home} & names:
                missing.append(f"{module.__name__}.{name}")
    print(found, "public names;", len(names), "entries in the reference")
    assert not missing


def test_every_guide_is_on_the_site() -> None:
    package = ROOT / "sagemaker_async"
    guides = {guide.relative_to(package).with_suffix(".html") for guide in package.rglob("GUIDE*.md")}
    assert guides
    assert not [guide for guide in guides if not (SITE / guide).is_file()]
    assert {str(guide) for guide in guides} <= set(anchors_of(SITE / "index.html").links)


@pytest.fixture
def url() -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        reason = "needs a Chromium and its chromedriver on the PATH (Debian: chromium, chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
            options.add_argument(argument)
        options.add_argument(f"--user-data-dir={profile}")
        options.add_argument("--window-size=1400,1000")
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        yield driver
        driver.quit()


def test_who_searches_predict_stream_lands_there(browser: webdriver.Chrome, url: str) -> None:
    browser.get(f"{url}/index.html")
    wait = WebDriverWait(browser, 30, poll_frequency=0.05)
    field = browser.find_element(By.CSS_SELECTOR, "input.md-search__input")
    browser.execute_script("arguments[0].focus()", field)
    field.send_keys("predict_stream")
    wanted = "sagemaker_async.Predictor.predict_stream"
    found = wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, f".md-search-result__link[href$='#{wanted}']"))
    results = browser.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
    print("result", results.index(found[0]) + 1, "of", len(results))
    browser.execute_script("arguments[0].click()", found[0])
    wait.until(lambda _: browser.current_url.endswith(f"#{wanted}"))
    heading = wait.until(lambda _: browser.find_element(By.ID, wanted))
    wait.until(lambda _: heading.is_displayed())
    assert "predict_stream" in heading.text
    wait.until(lambda _: 0 <= heading.rect["y"] - browser.execute_script("return window.scrollY") < 1000)
