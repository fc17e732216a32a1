"""Two tags on one page: the first does it all, the second nothing, wherever it comes from."""

import pytest
from flask import Response
from playwright.sync_api import Page

from e2e.tag.recorder import STUB, Recorder, document, script, wait_for_start

pytestmark = pytest.mark.one_engine

TAG = "<script src=/t/tag.js></script>"
SECONDS = {
    "the same": TAG,
    "deferred": TAG.replace("src", "defer src"),
    "asynchronous": TAG.replace("src", "async src"),
    "of another version": "<script src=/t/tag.0123456789abcdef.js defer></script>",
    "pasted into the page": "<script>INLINE</script>",
    "held": TAG.replace("src", "data-consent=held src"),
}


@pytest.mark.parametrize("second", SECONDS)
def test_a_second_tag_does_nothing(page: Page, shop: Recorder, second: str) -> None:
    def copy() -> Response:
        return script(shop.tag())

    shop.pages["/t/tag.0123456789abcdef.js"] = copy
    shop.pages["/"] = document(
        "<button data-pixelpair-event=AddToCart>Add</button>",
        head=f"<script>{STUB} pixelpair('Search', {{query: 'mug'}})</script>",
        tag=TAG + SECONDS[second].replace("INLINE", shop.tag()),
    )
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url) if "events.js" in request.url else None)
    page.goto(shop.url)
    page.add_script_tag(url="/t/tag.js?again")
    page.click("button")
    wait_for_start(page)
    page.evaluate("history.pushState(1, '', '/b')")
    shop.settle(page, 4)
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "AddToCart", "Pageview", "Last"]
    assert len(shop.pixel_events()) == 5
    assert len(loads) == 1
