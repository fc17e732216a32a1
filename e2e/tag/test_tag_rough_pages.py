"""Pages whose scripts have changed the browser's own functions: neither leg is lost."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document, id_of


def test_a_patched_fetch_that_throws_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "{const own = fetch; window.fetch = (url, ...more) => {"
        " if (String(url).endsWith('/t/e')) throw new Error('patched'); return own(url, ...more)}}"
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")


def test_a_fetch_that_promises_nothing_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "{const own = fetch; window.fetch = (url, ...more) => {"
        " const sent = own(url, ...more); if (!String(url).endsWith('/t/e')) return sent}}"
    )
    page.goto(shop.url)
    shop.wait_for_reports("Pageview", 1)
    assert len({(report["view"], report["n"]) for report in shop.events("Pageview")}) == 1


def test_a_browser_without_keepalive_sends_a_beacon(page: Page, shop: Recorder) -> None:
    page.add_init_script("delete Request.prototype.keepalive")
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")


ORDER = "pixelpair('ViewContent', {contents: [{content_id: 5, price: '19.90'}, {content_id: 6}], value: 5})"
# What MooTools, Prototype.js and home-made polyfills have left of the language, in shops that still run.
PATCHES = {
    "Array.prototype.reduce": "Array.prototype.reduce = function () { return this.length > 1 ? this : this[0] }",
    "Array.prototype.each": "Array.prototype.each = Array.prototype.clone = function () { throw 0 }",
    "Object.prototype.extend": "Object.prototype.extend = Object.prototype.keys = function () { throw 0 }",
    "String.prototype.toJSON": "String.prototype.toJSON = function () { return '\"' + this + '\"' }",
    "Object.entries": "Object.entries = object => { const all = []; for (const name in object) all.push([name,"
    " object[name]]); return all }",
}


def _assert_told_whole(page: Page, shop: Recorder, patch: str) -> None:
    """The page calls by itself: the test's own calls would stumble over the patch."""
    shop.pages["/"] = document(f"<script>onload = () => {ORDER}</script>", head=f"<script>{patch}</script>")
    page.goto(shop.url)
    (view,) = shop.wait_for_reports("Pageview", 1)
    (report,) = shop.wait_for_reports("ViewContent", 1)
    assert report["properties"] == {
        "contents": [{"content_id": "5", "price": 19.9}, {"content_id": "6"}],
        "content_ids": ["5", "6"],
        "value": 5,
    }
    assert id_of(report) == view["view"] + ".1"
    assert len(view["view"]) == 24
    assert view["view"].isalnum()


@pytest.mark.parametrize("patch", PATCHES)
def test_a_patched_language_costs_no_leg(page: Page, shop: Recorder, patch: str) -> None:
    _assert_told_whole(page, shop, PATCHES[patch])
    assert shop.wait_for_pixel("ViewContent", 1)[0]["event_id"] == shop.ids("ViewContent")[0]


PROTOTYPE_JS = (
    "Array.from = list => { const all = []; for (let i = 0; i < list.length; i++) all.push(list[i]); return all }"
)


def test_a_language_patched_as_by_prototype_js_costs_no_report(page: Page, shop: Recorder) -> None:
    """Of the pixel leg nothing is asked here: TikTok's script has to see to itself."""
    _assert_told_whole(page, shop, PROTOTYPE_JS)


def test_another_scripts_pending_requests_cost_no_leg(page: Page, shop: Recorder) -> None:
    """The page's 64 KiB of keepalive requests are used up, so that the first try fails before it is sent."""
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
    shop.use_up_keepalive(page)
    page.evaluate("pixelpair('Contact'); pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    assert_pairs(shop, "Contact", "PlaceAnOrder")
