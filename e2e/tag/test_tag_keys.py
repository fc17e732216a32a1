"""An order is told once: reloads, other pages and the next day fire neither leg again."""

import time

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import Recorder, wait_for_pixel_script
from e2e.tag.waiting import wait_for_queue
from proxy.events.reading import Rules, read_report

pytestmark = pytest.mark.one_engine

DAY = 86400


def _order(page: Page, **options: object) -> None:
    wait_for_pixel_script(page)
    page.evaluate("options => pixelpair('PlaceAnOrder', {order_id: 'A-1', value: 5}, options)", options)


def test_a_key_that_the_proxy_has_accepted_fires_neither_leg_again(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    _order(page)
    known = "JSON.parse(localStorage.pixelpair || '{}').keys?.length"
    wait_until(lambda: page.evaluate(known), 10, lambda: "the tag remembers the key")
    page.goto(shop.url + "/again")
    _order(page)
    page.evaluate("pixelpair('Purchase', {order_id: 'A-1'}); pixelpair('PlaceAnOrder', {order_id: 'A-2'})")
    shop.settle(page, 5)
    assert [report["key"] for report in shop.events("PlaceAnOrder")] == ["A-1", "A-2"]
    assert len(shop.pixel_events("PlaceAnOrder")) == 2
    assert len(shop.events("Purchase")) == 1


def test_an_order_too_large_for_the_queue_is_remembered_all_the_same(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1', description: 'x'.repeat(33000)})")
    known = "JSON.parse(localStorage.pixelpair || '{}').keys?.length"
    wait_until(lambda: page.evaluate(known), 10, lambda: "the tag remembers the key")
    _order(page)
    shop.settle(page, 2)


@pytest.mark.parametrize("answer", [400, 200])
def test_a_key_that_was_not_accepted_fires_both_legs_again_under_the_same_id(
    page: Page, shop: Recorder, answer: int
) -> None:
    shop.answer = answer
    page.goto(shop.url)
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 1)
    wait_for_queue(page)  # its answer is read
    page.goto(shop.url + "/again")
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 2)
    events = shop.wait_for_pixel("PlaceAnOrder", 2)
    assert {event["event_id"] for event in events} == {"A-1"}
    forgotten = {"keys": [], "queue": [], "off": False}
    stored = "JSON.parse(localStorage.pixelpair)"
    wait_until(
        lambda: page.evaluate(stored) == forgotten, 10, lambda: f"nothing is remembered: {page.evaluate(stored)}"
    )


@pytest.mark.parametrize("answer", [429, 503])
def test_a_key_that_waits_in_the_queue_fires_neither_leg_again_but_is_told_again(
    page: Page, shop: Recorder, answer: int
) -> None:
    shop.answer = answer
    page.goto(shop.url)
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 1)
    _order(page, key="A-1", placed=1)
    reports = shop.wait_for_reports("PlaceAnOrder", 3)
    assert {report["n"] for report in reports} == {1}
    assert {report.get("retry") for report in reports} >= {1, 2}
    assert len(shop.pixel_events("PlaceAnOrder")) == 1
    queue = page.evaluate("JSON.parse(localStorage.pixelpair).queue")
    assert [one["key"] for one in queue if one["event"] == "PlaceAnOrder"] == ["A-1"]


def test_the_last_hundred_keys_are_remembered(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "localStorage.pixelpair = JSON.stringify({keys: Array.from({length: 100}, (_, i) => 'main\\nLead\\n' + i)})"
    )
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('Lead', {}, {key: '99'}); pixelpair('Lead', {}, {key: '100'})")
    wait_until(
        lambda: page.evaluate("JSON.parse(localStorage.pixelpair).keys.slice(-1)[0]") == "main\nLead\n100",
        10,
        lambda: "the newest key is remembered",
    )
    assert page.evaluate("JSON.parse(localStorage.pixelpair).keys.length") == 100
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.evaluate("pixelpair('Lead', {}, {key: '1'}); pixelpair('Lead', {}, {key: '0'})")
    shop.settle(page, 4)
    assert [report["key"] for report in shop.events("Lead")] == ["100", "0"]


@pytest.mark.parametrize(("age", "count"), [(DAY + 60, 0), (DAY - 60, 1), (0, 1), (-DAY, 1)])
def test_an_order_older_than_a_day_fires_neither_leg(page: Page, shop: Recorder, age: int, count: int) -> None:
    page.goto(shop.url)
    _order(page, placed=int(time.time()) - age)
    shop.settle(page, 1 + count)
    assert len(shop.pixel_events("PlaceAnOrder")) == count


def test_a_browser_whose_clock_is_wrong_does_not_judge_an_orders_age(page: Page, shop: Recorder) -> None:
    page.add_init_script("{const now = Date.now; Date.now = () => now() + 3 * 86400e3}")
    page.goto(shop.url)
    wait_until(lambda: page.evaluate("localStorage.pixelpair"), 10, lambda: "the tag remembers the clock")
    page.goto(shop.url + "/thanks")
    _order(page, placed=int(time.time()))
    shop.wait_for_reports("PlaceAnOrder", 1)
    shop.wait_for_pixel("PlaceAnOrder", 1)


@pytest.mark.parametrize("key", ["jane@shop.example", True, False, "x" * 129])
def test_an_unusable_key_leaves_the_name_to_the_view_on_both_legs(page: Page, shop: Recorder, key: object) -> None:
    """Though there is an order id: the proxy is told that a key was meant, and goes by the view too."""
    page.goto(shop.url)
    page.evaluate("key => pixelpair('PlaceAnOrder', {order_id: '1043'}, {key})", key)
    (report,) = shop.wait_for_reports("PlaceAnOrder", 1)
    assert report["key"] is False
    (pixel,) = shop.wait_for_pixel("PlaceAnOrder", 1)
    told = {name: value for name, value in report.items() if not name.startswith("_")}
    rules = Rules(frozenset({"PlaceAnOrder"}), frozenset(), shop.url, "granted")
    read = read_report(told, rules)
    assert (read.key, pixel["event_id"]) == (None, f"{read.view}.{read.n}")
    assert any(warning.startswith("key:") for warning in read.warnings)
