"""One action, two reports: both legs tell one event under one id, with the same properties."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, wait_for_pixel_script


def test_both_legs_tell_one_id_and_the_same_properties(page: Page, shop: Recorder) -> None:
    page.goto(shop.url + "/shirt?size=m", referer="http://127.0.0.1/before")
    page.evaluate(
        "pixelpair('ViewContent', {contents: [{content_id: 1077218, price: '19.90'}], content_type: 'product',"
        " value: '19.90', currency: 'mad', since: new Date(0), none: undefined})"
    )
    assert_pairs(shop, "Pageview", "ViewContent")
    (report,) = shop.events("ViewContent")
    assert report["properties"] == {
        "contents": [{"content_id": "1077218", "price": 19.9, "content_type": "product"}],
        "content_ids": ["1077218"],
        "content_type": "product",
        "value": 19.9,
        "currency": "MAD",
        "since": "1970-01-01T00:00:00.000Z",
    }
    assert report["_type"] == "text/plain;charset=UTF-8"
    assert (report["v"], report["site"], report["n"], report["consent"]) == (1, "main", 1, "granted")
    assert report["url"] == shop.url + "/shirt?size=m"
    assert 0 <= report["sent"] - report["time"] < 1000
    for absent in ("key", "placed", "ticket", "ttclid", "user", "retry"):
        assert absent not in report
    (page_view,) = shop.events("Pageview")
    assert page_view["view"] == report["view"]
    assert page_view["properties"] == {}


def test_a_key_and_a_ticket_ride_along(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('Lead', {}, {key: ' form-7 ', ticket: 'sig', placed: Math.floor(Date.now() / 1000)})")
    assert_pairs(shop, "Lead")
    (report,) = shop.events("Lead")
    assert (report["key"], report["ticket"]) == ("form-7", "sig")
    assert abs(report["placed"] - report["time"] / 1000) < 5


def test_an_order_is_named_by_its_id(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 1043, value: 5, currency: 'MAD'})")
    assert_pairs(shop, "PlaceAnOrder")
    assert shop.events("PlaceAnOrder")[0]["key"] == "1043"


@pytest.mark.parametrize(
    ("legs", "reports", "pixel_events"), [(2, 1, 1), (1, 0, 1), (0, 0, 0)], ids=["both", "pixel", "off"]
)
def test_the_site_says_where_page_views_go(
    page: Page, shop: Recorder, legs: int, reports: int, pixel_events: int
) -> None:
    shop.settings["pageViewLegs"] = legs
    page.goto(shop.url)
    shop.settle(page, reports)
    assert len(shop.pixel_events("Pageview")) == pixel_events


def test_a_page_view_that_the_page_tells_itself_goes_both_ways(page: Page, shop: Recorder) -> None:
    shop.settings["pageViewLegs"] = 0
    page.goto(shop.url)
    page.evaluate("pixelpair('Pageview')")
    assert_pairs(shop, "Pageview")


def test_two_clicks_a_second_apart_are_two_events(page: Page, shop: Recorder) -> None:
    page.add_init_script("performance.now = () => window.clock || 0")
    page.goto(shop.url)
    for clock in (0, 999, 1000):
        page.evaluate(f"clock = {clock}; pixelpair('AddToCart', {{value: 5}})")
    shop.settle(page, 3)


def test_odd_calls_do_not_throw_into_the_page(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "pixelpair(); pixelpair(null); pixelpair({}); pixelpair('identify'); pixelpair('consent');"
        " pixelpair('consent', 'granted'); pixelpair('Contact', {a: 1n}, null); pixelpair('Lead', 'x', 5);"
        " const ring = {}; ring.self = ring; pixelpair('Schedule', ring)"
    )
    assert_pairs(shop, "Pageview", "Contact", "Lead", "Schedule")
    shop.settle(page, 4)


@pytest.mark.one_engine
def test_an_event_may_have_any_name(page: Page, shop: Recorder) -> None:
    names = ("constructor", "toString", "__proto__", "hasOwnProperty")
    page.goto(shop.url)
    for name in names:
        page.evaluate("name => pixelpair(name, {value: 5, currency: 'EUR'})", name)
    assert_pairs(shop, "Pageview", *names)


def test_half_an_emoji_does_not_cost_the_report(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('ViewContent', {description: 'Mug \\ud83d', value: 5})")
    assert_pairs(shop, "ViewContent")
    assert shop.events("ViewContent")[0]["properties"] == {"value": 5}
