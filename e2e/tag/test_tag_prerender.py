"""Pages that are prepared before anybody sees them tell nothing, and their page view once they are seen."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request
from playwright.sync_api import BrowserType, Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, Recorder, document

CLICK_ID = "E.C.P.12345678"
RULES = """<script type=speculationrules>
{"prerender": [{"urls": ["/next?ttclid=E.C.P.12345678", "/never"], "eagerness": "immediate"}]}</script>"""
LANDING = "<a id=a href='/next?ttclid=E.C.P.12345678'>Next</a><script>fetch('/go').then(() => a.click())</script>"
PREPARED = "<script>if (document.prerendering) fetch('/prepared?page=' + location.pathname)</script>"


def test_a_page_that_says_it_is_prepared_waits(page: Page, shop: Recorder) -> None:
    """In every engine, with the browser's word for it set by hand."""
    page.add_init_script(
        "window.hidden_ = true; Object.defineProperty(Document.prototype, 'prerendering', {get: () => window.hidden_})"
    )
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}", wait_until="networkidle")
    page.evaluate("pixelpair('ViewContent')")
    page.wait_for_timeout(300)
    assert (shop.reports, page.evaluate("document.cookie")) == ([], "")
    page.evaluate("hidden_ = false; document.dispatchEvent(new Event('prerenderingchange'))")
    assert [report["event"] for report in shop.wait_for_reports(None, 2)] == ["Pageview", "ViewContent"]


@pytest.fixture
def open_alone(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], browser_name: str, tmp_path: Path
) -> Iterator[Callable[[str], None]]:
    """Opens an address in a browser that nobody drives, since a driven one prepares no page."""
    if browser_name != "chromium":
        pytest.skip("only Chromium prepares pages by speculation rules")
    program = browser_type_launch_args.get("executable_path", browser_type.executable_path)
    options = [*browser_type_launch_args.get("args", []), "--headless", "--no-sandbox", "--remote-debugging-port=0"]
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> None:
        command = [program, *options, f"--user-data-dir={tmp_path / 'profile'}", url]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


def test_a_page_prepared_by_the_browser_counts_when_it_is_seen(
    open_alone: Callable[[str], None], shop: Recorder
) -> None:
    prepared: list[str] = []
    go = threading.Event()

    def tell_prepared() -> Response:
        prepared.append(request.args["page"])
        return Response(status=204)

    def wait_to_go() -> Response:
        go.wait(PATIENCE)
        return Response(status=204)

    shop.pages |= {"/prepared": tell_prepared, "/go": wait_to_go, "/": document(LANDING, RULES)}
    for path in ("/next", "/never"):
        shop.pages[path] = document(f"<script>onload = () => pixelpair('ViewContent')</script>{PREPARED}")
    open_alone(shop.url)
    wait_until(lambda: {*prepared} == {"/next", "/never"}, PATIENCE, lambda: f"both are prepared, not only {prepared}")
    shop.wait_for_pixel("Pageview", 1)
    before = [report["url"] for report in shop.events()]
    go.set()
    shop.wait_for_reports("ViewContent", 1)
    shop.wait_for_pixel("ViewContent", 1)
    assert before == [shop.url + "/"]
    told = [(report["event"], report["url"].removeprefix(shop.url), report.get("ttclid")) for report in shop.events()]
    seen = f"/next?ttclid={CLICK_ID}"
    assert told == [("Pageview", "/", None), ("Pageview", seen, CLICK_ID), ("ViewContent", seen, CLICK_ID)]
    assert shop.events("ViewContent")[0]["referrer"] == shop.url + "/"
    assert len(prepared) == 2  # what is seen is what was prepared, not a second load
    assert [event["event"] for event in shop.pixel_events()].count("Pageview") == 2
