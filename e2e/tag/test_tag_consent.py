"""One decision for both legs: what is held, released, limited and forgotten."""

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, STUB, Recorder, assert_pairs, document, wait_for_pixel_script
from e2e.tag.waiting import pass_time

HELD = '<script src="/t/tag.js" data-consent="held" defer></script>'


def test_held_sends_stores_and_loads_nothing_and_then_releases(page: Page, shop: Recorder) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart>Add</button>", tag=HELD)
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678", wait_until="networkidle")
    page.click("button")
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    made = page.evaluate("Date.now()")
    page.wait_for_timeout(300)
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length, typeof ttq]") == [
        "",
        0,
        0,
        "undefined",
    ]
    assert [url for url in asked if "/t/e" in url or shop.sandbox in url] == []
    page.evaluate("pixelpair('consent', 'granted')")
    names = ["Pageview", "AddToCart", "PlaceAnOrder"]
    for name in names:
        report = shop.wait_for_reports(name, 1)[0]
        (event,) = shop.wait_for_pixel(name, 1)
        assert event["event_id"] == report.get("key", f"{report['view']}.{report['n']}")
        assert report["ttclid"] == "E.C.P.12345678"
        assert report["time"] <= made <= report["sent"]
    assert list(dict.fromkeys(report["event"] for report in shop.events())) == names  # the order is told once more
    assert "ttclid=E.C.P.12345678" in page.evaluate("document.cookie")


def test_consent_denied_forgets_what_was_held(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(tag=HELD)
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact'); pixelpair('consent', 'denied'); pixelpair('Lead')")
    page.evaluate("pixelpair('consent', 'granted'); pixelpair('Schedule')")
    shop.settle(page, 1)
    assert shop.events()[0]["event"] == "Schedule"


def test_consent_told_before_the_tag_comes_first(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(head=f"<script>{STUB} pixelpair('Contact'); pixelpair('consent', 'held')</script>")
    page.goto(shop.url, wait_until="networkidle")
    page.wait_for_timeout(300)
    assert (shop.reports, shop.pixel_events()) == ([], [])
    page.evaluate("pixelpair('consent', 'granted')")
    assert [report["event"] for report in shop.wait_for_reports(None, 2)] == ["Pageview", "Contact"]


@pytest.mark.parametrize("how", ["attribute", "call", "site", "gpc"])
def test_limited_holds_on_both_legs(page: Page, shop: Recorder, how: str) -> None:
    if how == "attribute":
        shop.pages["/"] = document(tag='<script src="/t/tag.js" data-consent="limited" defer></script>')
    elif how == "call":
        shop.pages["/"] = document(head=f"<script>{STUB} pixelpair('consent', 'limited')</script>")
    elif how == "site":
        shop.settings["consent"] = "limited"
    else:
        page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(shop.url)
    assert shop.wait_for_reports("Pageview", 1)[0]["consent"] == "limited"
    assert shop.wait_for_pixel("Pageview", 1)[0]["limited_data_use"] is True
    assert page.evaluate("Object.values(ttq._o)") == [{"historyObserver": False, "limited_data_use": True}]


def test_consent_that_becomes_limited_limits_the_pixels_next_event(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('consent', 'limited'); pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["consent"] == "limited"
    assert shop.wait_for_pixel("Contact", 1)[0]["limited_data_use"] is True


def test_an_event_that_the_page_limits_itself_stays_limited(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact', {limited_data_use: true})")
    assert shop.wait_for_pixel("Contact", 1)[0]["limited_data_use"] is True


@pytest.mark.parametrize("query", ["", "?pixelpair_debug=1"], ids=["after a while", "with debug"])
def test_a_shopper_who_takes_long_to_answer_has_both_legs_and_no_cookie_is_read_before(
    page: Page, shop: Recorder, query: str
) -> None:
    page.add_init_script(
        """{
          window.reads = 0;
          const own = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
          const get = function () { reads++; return own.get.call(this); };
          Object.defineProperty(Document.prototype, 'cookie', {...own, get});
        }"""
    )
    page.clock.install()
    shop.pages["/"] = document(tag=HELD)
    page.goto(shop.url + query, wait_until="networkidle")
    pass_time(page, 45)
    assert page.evaluate("reads") == 0
    page.evaluate("pixelpair('consent', 'granted')")
    assert_pairs(shop, "Pageview")
    assert page.evaluate("reads") > 0


def test_a_site_may_drop_what_a_private_browser_does(page: Page, shop: Recorder) -> None:
    shop.settings["privateConsent"] = "denied"
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(shop.url, wait_until="networkidle")
    page.evaluate("pixelpair('Contact'); pixelpair('consent', 'granted')")
    page.wait_for_timeout(300)
    assert (shop.reports, shop.pixel_events()) == ([], [])
    assert page.evaluate("[typeof ttq, document.cookie]") == ["undefined", ""]


def test_consent_that_is_given_taken_and_given_again(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(tag=HELD)
    page.goto(shop.url)
    for name, consent in (("Contact", "granted"), ("Lead", "denied"), ("Search", "held"), ("Schedule", "granted")):
        if consent == "denied":  # what TikTok's script has not sent by then, it forgets
            assert_pairs(shop, "Pageview", "Contact")
            page.evaluate("pixelpair('Lead')")
            assert_pairs(shop, "Lead")
            page.evaluate("pixelpair('consent', 'denied')")
            continue
        page.evaluate("([name, consent]) => { pixelpair(name); pixelpair('consent', consent) }", [name, consent])
    page.evaluate("pixelpair('Download')")
    assert_pairs(shop, "Pageview", "Contact", "Lead", "Schedule", "Download")
    shop.settle(page, 5)
    assert shop.pixel_events("Search") == []


def test_a_private_browser_stays_limited_whatever_the_page_says(page: Page, shop: Recorder) -> None:
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(shop.url)
    page.evaluate("pixelpair('consent', 'granted'); pixelpair('Contact'); pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    shop.wait_for_reports("PlaceAnOrder", 1)
    shop.wait_for_pixel("PlaceAnOrder", 1)
    assert {report["consent"] for report in shop.events()} == {"limited"}
    assert [event["limited_data_use"] for event in shop.pixel_events()] == [True] * 3


def _cookies(page: Page) -> set[str]:
    return {cookie["name"] for cookie in page.context.cookies()}


def test_tiktoks_own_consent_follows(page: Page, shop: Recorder) -> None:
    """What the page itself tells TikTok's script is held, released and dropped with ours."""
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678")
    assert_pairs(shop, "Pageview")
    page.evaluate("pixelpair('consent', 'held'); ttq.track('Search'); pixelpair('Contact')")
    page.evaluate("pixelpair('consent', 'granted'); ttq.track('Download')")
    shop.wait_for_pixel("Download", 1)
    shop.wait_for_pixel("Search", 1)
    assert_pairs(shop, "Contact")
    page.evaluate("pixelpair('consent', 'denied'); ttq.track('Subscribe'); pixelpair('Lead')")
    page.evaluate("pixelpair('consent', 'granted'); ttq.track('Schedule')")
    shop.wait_for_pixel("Schedule", 1)
    assert shop.pixel_events("Subscribe") == shop.pixel_events("Lead") == shop.events("Lead") == []


def test_what_was_held_before_tiktoks_script_came_is_released_by_it(page: Page, shop: Recorder) -> None:
    with page.expect_event("request", lambda request: "events.js" in request.url):
        page.goto(shop.url, wait_until="commit")
    page.evaluate("pixelpair('consent', 'held'); ttq.track('Search'); pixelpair('Contact')")
    shop.wait_for_reports("Pageview", 1)
    wait_for_pixel_script(page)
    assert shop.events("Contact") == shop.pixel_events("Search") == shop.pixel_events("Contact") == []
    page.evaluate("pixelpair('consent', 'granted')")
    assert_pairs(shop, "Contact")
    shop.wait_for_pixel("Search", 1)


def test_consent_that_is_denied_takes_the_cookies_along(page: Page, shop: Recorder) -> None:
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678")
    assert_pairs(shop, "Pageview")
    wait_until(lambda: _cookies(page) == {"ttclid", "_ttp"}, PATIENCE, lambda: "both cookies are there")
    page.evaluate("pixelpair('consent', 'denied')")
    wait_until(lambda: _cookies(page) == set(), PATIENCE, lambda: f"no cookies, not {_cookies(page)}")
    page.goto(shop.url + "/two")
    assert "ttclid" not in shop.wait_for_reports("Pageview", 2)[1]
