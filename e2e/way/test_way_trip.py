"""A shopper comes from an ad, buys a shirt and writes to the shop: what TikTok has received in the end."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from e2e.way.shopper import (
    BROWSER_ADDRESS,
    CLICK_ID,
    Pair,
    Received,
    Shop,
    actions,
    assert_counted_once,
    has_both_legs,
    pairs_of,
)

SHIRT = {
    "contents": [
        {"content_id": "1077218", "content_type": "product", "content_name": "shirt", "price": 349, "quantity": 1}
    ],
    "content_ids": ["1077218"],
    "content_type": "product",
    "value": 349,
    "currency": "MAD",
}
SEED_EVENTS = ["ViewContent", "InitiateCheckout", "PlaceAnOrder"]


@dataclass
class Trip:
    """One trip through the whole shop: what arrived of it, and what the browser complained of."""

    received: Received
    user_agent: str
    order: str
    complaints: list[str] = field(default_factory=list)

    def pair(self, event: str) -> Pair:
        (pair,) = pairs_of(self.received, event)
        return pair


@pytest.fixture(scope="module")
def trip(shared_shop: Shop, browser: Browser) -> Iterator[Trip]:
    context = browser.new_context()
    page = context.new_page()
    complaints = _listen(page)
    order = _whole_trip(shared_shop, page)
    user_agent = page.evaluate("navigator.userAgent")
    yield Trip(shared_shop.after_all(page), user_agent, order, complaints)
    context.close()


def _listen(page: Page) -> list[str]:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def _whole_trip(shop: Shop, page: Page) -> str:
    shop.view(page, f"/?ttclid={CLICK_ID}")
    page.fill("#q", "linen")
    page.press("#q", "Enter")
    page.wait_for_url("**/search?q=linen")
    shop.wait_for_pixel(page)
    shop.follow(page, "#product-1077218", "**/products/shirt")
    shop.add_to_cart(page)
    shop.check_out(page)
    order = shop.place_order(page)
    shop.view(page, "/contact")
    page.fill("#name", "Fatima")
    page.fill("#reply_to", "0661234567")
    page.fill("#message", "When does my shirt come?")
    page.click("#send-message")
    page.wait_for_selector("#contact-sent")
    page.wait_for_load_state("load")
    shop.wait_for_pixel(page)
    # As single-page shops move on. The Pixel would tell of it by itself, and without an id, if the tag let it.
    page.evaluate("history.pushState({}, '', '/contact?thanks')")
    return order


@pytest.mark.parametrize("event", SEED_EVENTS)
def test_the_event_of_the_seed_is_one_pair_that_tiktok_counts_once(trip: Trip, event: str) -> None:
    assert_counted_once(trip.pair(event))


@pytest.mark.parametrize("event", [*SEED_EVENTS, "AddToCart"])
def test_both_legs_tell_the_product_its_value_and_currency(trip: Trip, event: str) -> None:
    more = {"order_id": trip.order} if event == "PlaceAnOrder" else {}
    pair = trip.pair(event)
    assert pair["pixel"]["properties"] == pair["server"]["properties"] == SHIRT | more


def test_the_order_goes_by_its_own_key(trip: Trip) -> None:
    assert trip.pair("PlaceAnOrder")["event_id"] == trip.order


@pytest.mark.parametrize("event", ["Search", "AddToCart", "Contact"])
def test_the_other_actions_are_pairs_counted_once_too(trip: Trip, event: str) -> None:
    assert_counted_once(trip.pair(event))


def test_a_search_tells_its_words_on_both_legs(trip: Trip) -> None:
    search = trip.pair("Search")
    assert search["pixel"]["properties"] == search["server"]["properties"]
    assert search["server"]["properties"]["search_string"] == "linen"


def test_every_page_is_one_pageview_counted_once(trip: Trip, shop: Shop) -> None:
    views = pairs_of(trip.received, "Pageview")
    for pair in views:
        assert_counted_once(pair)
    paths = [pair["pixel"]["context"]["page"]["url"].removeprefix(shop.url).partition("?")[0] for pair in views]
    walked = ["/", "/search", "/products/shirt", "/cart", "/checkout", f"/orders/{trip.order}"]
    assert Counter(paths) == Counter([*walked, *["/contact"] * 3, "/return-policy"])


def test_in_the_whole_trip_nothing_is_lost_and_nothing_counted_twice(trip: Trip) -> None:
    expected = dict.fromkeys([*SEED_EVENTS, "Search", "AddToCart", "Contact"], 1)
    assert actions(trip.received) == expected
    assert all(map(has_both_legs, trip.received["pairs"]))
    assert [pair["counted"] for pair in trip.received["pairs"]] == [1] * len(trip.received["pairs"])
    assert trip.received["totals"]["counted"] == len(trip.received["pairs"])


def test_no_event_of_the_pixel_is_without_an_id(trip: Trip) -> None:
    assert [event["event"] for event in trip.received["pixel_events"] if not event["event_id"]] == []


def test_tiktok_has_nothing_to_object_to(trip: Trip) -> None:
    assert [pair["pixel"]["warnings"] for pair in trip.received["pairs"] if pair["pixel"]["warnings"]] == []
    noted = {(pair["event"], text) for pair in trip.received["pairs"] for text in pair["server"]["warnings"]}
    assert noted == set()
    assert {request["status"] for request in trip.received["requests"]} == {200}
    assert {request["code"] for request in trip.received["requests"] if request["code"] is not None} == {0}


def test_the_browsers_console_stays_empty(trip: Trip) -> None:
    assert trip.complaints == []


# ---- Whom TikTok recognises ----


def test_every_event_carries_the_click_from_the_landing_to_the_last_page(trip: Trip) -> None:
    for pair in trip.received["pairs"]:
        assert pair["server"]["user"]["ttclid"] == CLICK_ID, pair
        assert pair["pixel"]["context"]["user"]["ttclid"] == CLICK_ID, pair


def test_every_event_carries_the_browsers_own_user_agent_and_public_address(trip: Trip) -> None:
    for pair in trip.received["pairs"]:
        assert pair["server"]["user"]["user_agent"] == trip.user_agent
        assert pair["server"]["user"]["ip"] == BROWSER_ADDRESS


def test_from_the_second_page_on_both_legs_carry_one_ttp(trip: Trip, shop: Shop) -> None:
    later = [pair for pair in trip.received["pairs"] if "ttclid=" not in pair["pixel"]["context"]["page"]["url"]]
    assert later
    told = [(pair["server"]["user"]["ttp"], pair["pixel"]["context"]["user"]["ttp"]) for pair in later]
    assert told == [(told[0][0], told[0][0])] * len(told)
