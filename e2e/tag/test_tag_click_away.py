"""A click that ends the page, or the tab: its event arrives all the same, once, and so does the page view before it.

Every way out is tried ten times, fifty times with ``--long``, without a pause between click and leaving.
"""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document, id_of, wait_for_pixel_script

TRACKED = "data-pixelpair-event=AddToCart"
LINK = f"<a href=/ {TRACKED}>Add</a>"
NEW_TAB = f"<a href=/next target=_blank {TRACKED}>Add</a>"
FORM = f"<form action=/ method=post {TRACKED}><button>Add</button></form>"
# Not deferred, so that the tag is there before there is anything to click.
AT_ONCE = '<script src="/t/tag.js"></script>'


@pytest.fixture
def times(is_long: bool) -> int:
    return 50 if is_long else 10


def _assert_all_once(shop: Recorder, name: str, count: int) -> None:
    reports = shop.wait_for_reports(name, count)
    ids = [id_of(report) for report in reports]
    assert len(set(ids)) == len(ids) == count
    events = shop.wait_for_pixel(name, count)
    # A set: the stand-in for TikTok's script posts again what the leaving page tells it has failed.
    assert {event["event_id"] for event in events} == {*ids}


@pytest.mark.parametrize("way", [LINK, FORM], ids=["link", "form"])
def test_a_click_that_leaves_the_page_loses_nothing(page: Page, shop: Recorder, times: int, way: str) -> None:
    shop.pages["/"] = document(way, tag=AT_ONCE)
    page.goto(shop.url)
    for count in range(1, times + 1):
        wait_for_pixel_script(page)
        page.evaluate("window.left = false")
        page.click("a, button")
        page.wait_for_function("!('left' in window)")
        shop.wait_for_reports("AddToCart", count)
    _assert_all_once(shop, "AddToCart", times)
    _assert_all_once(shop, "Pageview", times + 1)


@pytest.mark.parametrize("way", ["_blank", "ctrl", "middle"])
def test_a_click_into_another_tab_loses_nothing(page: Page, shop: Recorder, times: int, way: str) -> None:
    shop.pages["/"] = document(NEW_TAB if way == "_blank" else LINK.replace("href=/", "href=/next"), tag=AT_ONCE)
    shop.pages["/next"] = document(tag="")
    page.add_init_script("performance.now = () => window.clock")  # each click in a second of its own
    page.goto(shop.url)
    wait_for_pixel_script(page)
    for count in range(1, times + 1):
        page.evaluate(f"clock = {count} * 1000")
        with page.context.expect_page() as opened:
            page.click("a", button="middle" if way == "middle" else "left", modifiers=["Control"] * (way == "ctrl"))
        opened.value.close()
        shop.wait_for_reports("AddToCart", count)
    _assert_all_once(shop, "AddToCart", times)
    shop.settle(page, times + 1)


def test_a_tab_that_closes_after_the_click_loses_nothing(page: Page, shop: Recorder, times: int) -> None:
    shop.pages["/"] = document(LINK.replace("href=/", "href=#"), tag=AT_ONCE)
    for count in range(1, times + 1):
        tab = page.context.new_page()
        tab.goto(shop.url)
        wait_for_pixel_script(tab)
        tab.click("a", no_wait_after=True)
        tab.close(run_before_unload=False)
        shop.wait_for_reports("AddToCart", count)
    _assert_all_once(shop, "AddToCart", times)
    _assert_all_once(shop, "Pageview", times)


def test_an_event_made_while_the_page_is_left_loses_nothing(page: Page, shop: Recorder, times: int) -> None:
    """The page sends in its own `pagehide`, the last moment there is."""
    shop.pages["/"] = document("<script>addEventListener('pagehide', () => pixelpair('Contact'))</script>", tag=AT_ONCE)
    for _ in range(times):
        page.goto(shop.url)
        wait_for_pixel_script(page)
    page.goto(shop.url + "/next")
    _assert_all_once(shop, "Contact", times)
