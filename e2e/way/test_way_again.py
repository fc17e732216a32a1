"""What is told again, or told while the page is left: TikTok counts it once, and loses none."""

import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page

from e2e.way.shopper import Shop, actions, assert_counted_once, has_both_legs, pairs_of

TIMES = 20
DAY = 86_400


def test_the_thank_you_page_loaded_again_fires_nothing_again(shop: Shop, page: Page) -> None:
    shop.buy_shirt(page)
    assert_counted_once(shop.pair("PlaceAnOrder"))
    for _ in range(2):
        page.reload()
        shop.wait_for_pixel(page)
    received = shop.after_all(page)
    (order,) = pairs_of(received, "PlaceAnOrder")
    assert (order["counted"], order["pixel_arrivals"], order["server_arrivals"]) == (1, 1, 1)
    assert len(pairs_of(received, "Pageview")) == len(["shirt", "cart", "checkout", *["thanks"] * 3, "last"])


@pytest.mark.one_engine
def test_the_thank_you_page_in_another_browser_counts_nothing_again(shop: Shop, page: Page, other_page: Page) -> None:
    key = shop.buy_shirt(page)
    shop.pair("PlaceAnOrder")
    other_page.goto(page.url)
    (order,) = pairs_of(shop.after_all(other_page), "PlaceAnOrder")
    assert_counted_once(order)
    # The other browser cannot know of the first, so it tells again: under the same id, by which both sides know it.
    assert (order["event_id"], order["pixel_arrivals"], order["server_arrivals"]) == (key, 2, 1)


@pytest.mark.one_engine
def test_days_later_the_thank_you_page_fires_neither_leg_in_any_browser(
    shop: Shop, page: Page, other_page: Page
) -> None:
    key = shop.buy_shirt(page)
    shop.pair("PlaceAnOrder")
    _make_older(shop, key, 2 * DAY)
    before = _order_reports(shop, key)
    shop.stack.forget()  # as TikTok does after 48 hours: now it would count the order anew
    other_page.goto(page.url)
    page.reload()
    shop.after_all(other_page)
    assert actions(shop.after_all(page)) == {}
    assert _order_reports(shop, key) == before


def _make_older(shop: Shop, key: str, seconds: int) -> None:
    with closing(sqlite3.connect(shop.stack.data / "shop.db")) as orders, orders:
        changed = orders.execute("UPDATE orders SET placed = placed - ? WHERE key = ?", (seconds, key))
        assert changed.rowcount == 1


def _order_reports(shop: Shop, key: str) -> list[tuple[object, ...]]:
    return shop.rows("SELECT event_id, reports FROM events WHERE key = ?", key)


def test_a_double_click_on_placing_the_order_is_one_order(shop: Shop, page: Page) -> None:
    shop.view_shirt(page)
    shop.add_to_cart(page)
    shop.check_out(page)
    shop.fill_checkout(page)
    page.dblclick("#place-order")
    page.wait_for_url("**/orders/*")
    assert_counted_once(shop.pair("PlaceAnOrder"))
    assert actions(shop.after_all(page))["PlaceAnOrder"] == 1


def test_adding_to_the_cart_is_never_lost_though_the_click_leaves_the_page(shop: Shop, page: Page) -> None:
    """20 of 20, on both legs."""
    for turn in range(TIMES):
        # A cart takes ten of one kind.
        shop.view(page, f"/products/{('shirt', 'trousers')[turn % 2]}")
        shop.add_to_cart(page)
    received = shop.after_all(page)
    added = pairs_of(received, "AddToCart")
    assert len(added) == TIMES
    for pair in added:
        assert_counted_once(pair)
    assert all(map(has_both_legs, received["pairs"]))


def test_calling_the_shop_is_never_lost_though_the_tab_is_closed_at_once(shop: Shop, page: Page) -> None:
    """20 of 20, on both legs. Each call has a tab of its own: Chromium lets a page hand over one number only."""
    for _ in range(TIMES):
        tab = page.context.new_page()
        shop.view(tab, "/contact")
        # Firefox waits for a navigation that a telephone number never becomes.
        tab.click("a.phone >> nth=0", no_wait_after=True)
        tab.close()
    received = shop.after_all(page)
    calls = pairs_of(received, "Contact")
    assert len(calls) == TIMES
    for pair in calls:
        assert_counted_once(pair)
    assert all(map(has_both_legs, received["pairs"]))
