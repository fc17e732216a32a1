"""Storage and cookies that are full, blocked, broken or somebody else's: neither leg is lost."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import CLICK_ID, Recorder, assert_pairs


def test_storage_that_throws_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'}, {placed: 5e9})")
    assert_pairs(shop, "Pageview", "PlaceAnOrder")


def test_cookies_that_throw_cost_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'cookie', {get() { throw 0 }, set() { throw 0 }, configurable: true})"
    )
    page.route("**/i18n/pixel/**", lambda route: route.abort())  # the sandbox's script does not survive it
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    assert shop.wait_for_reports("Pageview", 1)[0]["ttclid"] == CLICK_ID


@pytest.mark.parametrize("junk", ["null", "5", '"x"', '{"keys": 7}', "[]", "{"])
def test_junk_in_the_browsers_memory_costs_no_leg(page: Page, shop: Recorder, junk: str) -> None:
    page.add_init_script(f"if (location.host) localStorage.pixelpair = {junk!r}")
    page.goto(shop.url)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'})")
    assert_pairs(shop, "Pageview", "PlaceAnOrder")
