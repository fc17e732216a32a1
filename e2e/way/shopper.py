"""The steps of a shopper in the demo shop, and the questions about what TikTok received of them."""

import itertools
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

from playwright.sync_api import Page

from e2e.stack import Stack, wait_until

Pair = dict[str, Any]
Received = dict[str, Any]

BROWSER_ADDRESS = "8.8.8.8"
CLICK_ID = "E.C.P.v3fQ2RHacdksKfofPmlyuStIIFJ4Af1tKYxF9zz2c2PLx1Oaw15oHpcfl5AH"
EMAIL = "Fatima.Zahra@example.com"
PHONE = "+212 661-234567"


class Shop:
    """The demo shop at ``url``, and all that stands behind it."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.stack = stack
        self.url = url
        self._last = itertools.count(1)

    # ---- Steps ----

    def view_shirt(self, page: Page) -> None:
        self.view(page, "/products/shirt")

    def view(self, page: Page, path: str) -> None:
        """Opens a page of the shop as a shopper does who stays on it: until the Pixel is there."""
        page.goto(self.url + path)
        self.wait_for_pixel(page)

    def follow(self, page: Page, selector: str, to: str) -> None:
        """Clicks and waits until the Pixel of the next page is there: who leaves before has one leg."""
        page.click(selector)
        page.wait_for_url(to, wait_until="load")
        self.wait_for_pixel(page)

    def wait_for_pixel(self, page: Page) -> None:
        """Until TikTok's script runs, if this is the shop's page: the tag asks for it after the page's load."""
        page.wait_for_function("!window.pixelpair || window.ttq?._sandbox")

    def add_to_cart(self, page: Page) -> None:
        """From a product's page into the cart."""
        self.follow(page, "#add-to-cart", "**/cart")

    def check_out(self, page: Page) -> None:
        """From the cart to the checkout."""
        self.follow(page, "#to-checkout", "**/checkout")

    def place_order(self, page: Page, email: str = "", phone: str = "") -> str:
        """From the checkout to the thank-you page; returns the order's key."""
        self.fill_checkout(page, email, phone)
        self.follow(page, "#place-order", "**/orders/*")
        return page.url.rsplit("/", 1)[1]

    def fill_checkout(self, page: Page, email: str = "", phone: str = "") -> None:
        told = {"name": "Fatima Zahra", "email": email, "phone": phone, "city": "Fes", "address": "12 Rue de la Paix"}
        for name, value in told.items():
            page.fill(f"#{name}", value)

    def buy_shirt(self, page: Page, email: str = "", phone: str = "") -> str:
        """From the product's page to the thank-you page; returns the order's key."""
        self.view_shirt(page)
        self.add_to_cart(page)
        self.check_out(page)
        return self.place_order(page, email, phone)

    # ---- Answers ----

    def pair(self, event: str, page: Page | None = None) -> Pair:
        """The one pair of this event, once both its legs are there."""
        return self.pairs(event, 1, page)[0]

    def pairs(self, event: str, count: int, page: Page | None = None) -> list[Pair]:
        """The pairs of this event, once both legs of ``count`` of them are there; AssertionError if there are more."""

        def complete(received: Received) -> bool:
            return sum(has_both_legs(pair) for pair in pairs_of(received, event)) >= count

        found = pairs_of(self.stack.wait_for(complete, page=page), event)
        assert len(found) == count, found
        return found

    def after_all(self, page: Page) -> Received:
        """What TikTok received, once all that the page has told so far had its chance to arrive.

        The page goes on to one more view, whose Pageview is the last to come.
        """
        self.wait_for_pixel(page)
        last = f"{self.url}/return-policy?last={next(self._last)}"
        page.goto(last)

        def arrived(received: Received) -> bool:
            return all(map(has_both_legs, received["pairs"])) and any(
                pair["pixel"]["context"]["page"]["url"] == last for pair in pairs_of(received, "Pageview")
            )

        self.stack.wait_for(arrived)
        self.wait_until_delivered()
        return self.stack.received()

    def wait_until_delivered(self) -> None:
        """Until no event waits in the outbox."""
        wait_until(lambda: not self._unsent(), 30, lambda: f"all is delivered; {self._unsent()}\n{self.stack.log()}")

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """What the proxy's outbox answers to an SQL question."""
        path = self.stack.data / "pixelpair.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as outbox:
            return outbox.execute(question, values).fetchall()

    def _unsent(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT event, event_id, state FROM events WHERE state IN ('waiting', 'sending')")


def has_both_legs(pair: Pair) -> bool:
    return bool(pair["pixel"] and pair["server"])


def pairs_of(received: Received, event: str) -> list[Pair]:
    return [pair for pair in received["pairs"] if pair["event"] == event]


def actions(received: Received) -> Counter[str]:
    """How many pairs of each event TikTok holds, page views aside."""
    return Counter(pair["event"] for pair in received["pairs"] if pair["event"] != "Pageview")


def assert_counted_once(pair: Pair) -> None:
    """Both legs arrived under one event_id, say the same, and TikTok merged them into one action."""
    assert has_both_legs(pair), pair
    assert pair["event_id"]
    assert pair["pixel"]["event_id"] == pair["server"]["event_id"] == pair["event_id"]
    # Nothing empty is sent to the Events API.
    assert pair["pixel"]["properties"] == pair["server"].get("properties", {})
    assert (pair["counted"], pair["merged"]) == (1, True), pair
