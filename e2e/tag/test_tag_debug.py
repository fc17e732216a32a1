"""``?pixelpair_debug=1``: what the tag does, told in the console; and the log behind it."""

import re

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import PIXEL, Recorder, document

pytestmark = pytest.mark.one_engine


@pytest.fixture
def said(page: Page) -> list[str]:
    texts: list[str] = []
    page.on("console", lambda message: texts.append(message.text))
    return texts


def wait_for_word(page: Page, said: list[str], pattern: str) -> None:
    """Asks the page all the while: what it says arrives with its answers."""
    word = re.compile(pattern)
    wait_until(lambda: page.evaluate("1") and any(map(word.search, said)), 20, lambda: f"{pattern} among {said}")


def test_each_event_is_told_with_both_its_legs(page: Page, shop: Recorder, said: list[str]) -> None:
    page.goto(shop.url + "?pixelpair_debug=1&ttclid=E.C.P.landing1")
    page.evaluate("pixelpair('AddToCart', {value: 5, currency: 'EUR', contents: {content_id: 1}}, {key: 'k-1'})")
    wait_for_word(page, said, r"^pixelpair Pageview: pixel (sent|unknown), server accepted \(202\)$")
    wait_for_word(page, said, r"^pixelpair AddToCart: pixel (sent|unknown), server accepted \(202\)$")
    assert [text for text in said if "without" in text] == []


@pytest.mark.parametrize(
    ("call", "warning"),
    [
        ("pixelpair('AddToCart', {value: 5})", "a value without a currency"),
        ("pixelpair('AddToCart', {currency: 'EUR'})", "a currency without a value"),
        ("pixelpair('Purchase', {value: 5, currency: 'EUR'})", "an order without a key"),
        ("pixelpair('AddToCart', {contents: {price: 5}})", "contents without content_id"),
    ],
)
def test_what_is_odd_is_warned_of(page: Page, shop: Recorder, said: list[str], call: str, warning: str) -> None:
    page.goto(shop.url + "?pixelpair_debug=1")
    page.evaluate(call)
    wait_for_word(page, said, warning)


def test_unknown_attributes_are_named(page: Page, shop: Recorder, said: list[str]) -> None:
    shop.pages["/"] = document(
        "<b data-pixelpair-event=AddToCart data-pixelpair-vaule=5 data-pixelpair-currency=EUR>x</b>"
    )
    page.goto(shop.url + "?pixelpair_debug=1")
    wait_for_word(page, said, "the attribute data-pixelpair-vaule names no field")
    assert not any("data-pixelpair-currency" in text for text in said)


def test_a_refusal_a_wait_and_a_missing_consent_are_told(page: Page, shop: Recorder, said: list[str]) -> None:
    shop.answer = 403
    page.goto(shop.url + "?pixelpair_debug=1")
    wait_for_word(page, said, r"Pageview: .*refused \(403\)")
    shop.answer = 503
    page.evaluate("pixelpair('Lead')")
    wait_for_word(page, said, r"Lead: .*503: waits in this browser")
    page.evaluate("pixelpair('consent', 'held'); pixelpair('Contact')")
    wait_for_word(page, said, r"Contact: pixel held, server held back: no consent yet")


def test_another_sender_of_the_same_pixel_is_told_here_and_to_the_proxy(
    page: Page, shop: Recorder, said: list[str]
) -> None:
    snippet = f"window.ttq = Object.assign([], {{_i: {{{PIXEL}: []}}, instance: code => ttq._i[code]}});"
    shop.pages["/"] = document(head=f"<script>{snippet}</script>")
    page.goto(shop.url + "?pixelpair_debug=1")
    (report,) = shop.wait_for_reports("Pageview", 1)
    assert report["other_sender"] is True
    wait_for_word(page, said, "another script on this page loads the same pixel")


def test_another_sender_that_comes_later_is_told_once_it_is_seen(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    assert shop.wait_for_reports("Pageview", 1)[0]["other_sender"] is False
    source = f"{shop.settings['pixelScript']}?sdkid={PIXEL}&lib=ttq"
    page.evaluate("src => document.head.append(Object.assign(document.createElement('script'), {src}))", source)
    page.evaluate("pixelpair('Contact')")  # whose answer is when it looks around
    wait_until(lambda: page.evaluate("pixelpair.log.at(-1).status") == 202, 10, lambda: "the answer is there")
    page.evaluate("pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0]["other_sender"] is True


def test_a_page_view_of_the_pixel_alone_is_said_to_be_one(page: Page, shop: Recorder, said: list[str]) -> None:
    shop.settings["pageViewLegs"] = 1
    page.goto(shop.url + "?pixelpair_debug=1")
    wait_for_word(page, said, r"Pageview: .*server off: the site's page views go to the Pixel alone")


def test_without_the_word_in_the_address_nothing_is_loaded_or_said(page: Page, shop: Recorder, said: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(shop.url)
    shop.settle(page, 1)
    assert not any("debug" in url for url in asked)
    assert said == []


def test_the_log_holds_the_last_fifty_events(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("for (let n = 1; n <= 60; n++) pixelpair('Lead', {n})")
    log = page.evaluate("pixelpair.log.map(report => report.properties.n)")
    assert log == list(range(11, 61))
    wait_until(lambda: page.evaluate("pixelpair.log.every(report => report.status == 202)"), 20, lambda: "all answered")
