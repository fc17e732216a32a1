"""Storage and cookies that are full, blocked, broken or somebody else's: neither leg is lost."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import CLICK_ID, Recorder, assert_pairs, wait_for_pixel_script


@pytest.mark.parametrize(
    "getter", ["throw new DOMException('no', 'SecurityError')", "return null", "return undefined"], ids=str
)
def test_storage_that_is_not_there_costs_no_leg(page: Page, shop: Recorder, getter: str) -> None:
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {{get() {{ {getter} }}}})")
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'}, {placed: 5e9})")
    assert_pairs(shop, "Pageview", "PlaceAnOrder")


def test_storage_that_is_full_costs_no_leg(page: Page, shop: Recorder) -> None:
    """The key cannot be remembered either, so that a second telling goes out, under the same id."""
    page.goto(shop.url + "/cart")
    page.evaluate(
        "for (let size = 2 ** 24, n = 0; size >= 1; size /= 2)"
        " try { for (;;) localStorage['full' + n++] = 'x'.repeat(size) } catch (_) {}"
    )
    assert "QuotaExceeded" in page.evaluate("try { localStorage.pixelpair = '{}' } catch (error) { error.name }")
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'}); pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "PlaceAnOrder", "Contact")
    page.goto(shop.url + "/thanks")
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    shop.wait_for_pixel("PlaceAnOrder", 2)
    shop.wait_for_reports("PlaceAnOrder", 2)
    assert {*shop.ids("PlaceAnOrder")} == {event["event_id"] for event in shop.pixel_events("PlaceAnOrder")} == {"A-1"}


def test_cookies_that_are_blocked_cost_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'cookie', {get: () => '', set() {}, configurable: true});"
        "Object.defineProperty(navigator, 'cookieEnabled', {get: () => false})"
    )
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")
    assert [report["ttclid"] for report in shop.events()] == [CLICK_ID] * 2


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
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'})")
    assert_pairs(shop, "Pageview", "PlaceAnOrder")


@pytest.mark.parametrize("email", ["amina@example.com", "amina%40example.com"])
def test_no_email_address_of_a_pages_address_waits_in_the_browser(page: Page, shop: Recorder, email: str) -> None:
    shop.answer = 503
    page.goto(f"{shop.url}/?email={email}&ttclid=E.C.P.12345678")
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    shop.wait_for_reports("PlaceAnOrder", 1)
    kept = page.evaluate("localStorage.pixelpair")
    assert "A-1" in kept
    assert "amina" not in kept
    assert shop.events("PlaceAnOrder")[0]["url"] == f"{shop.url}/?email=&ttclid=E.C.P.12345678"
