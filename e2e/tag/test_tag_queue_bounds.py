"""What may wait: not too much of it, not too long, and only with the shopper's consent."""

import json

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, Recorder, assert_pairs, document, wait_for_pixel_script
from e2e.tag.waiting import pass_time, pass_time_for_reports, queue_of, wait_for_queue, waiting

pytestmark = pytest.mark.one_engine

HOUR = 3600
ORDER = "pixelpair('PlaceAnOrder', {order_id: 'A-1'})"


def _open(page: Page, shop: Recorder, path: str = "/one") -> None:
    page.clock.install()
    page.goto(shop.url + path)
    assert_pairs(shop, "Pageview")
    wait_for_pixel_script(page)


@pytest.mark.parametrize(("hours", "again"), [(23, True), (25, False)])
def test_what_waits_longer_than_a_day_is_told_no_more(page: Page, shop: Recorder, hours: int, again: bool) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    wait_for_queue(page, "Contact", "PlaceAnOrder")
    shop.wait_for_reports("PlaceAnOrder", 1)  # it waits from before it is sent
    shop.pages["/blank"] = document(tag="")
    page.goto(shop.url + "/blank")
    shop.answer = 202
    made = {name: shop.events(name)[0]["time"] for name in ("Contact", "PlaceAnOrder")}
    told = {name: len(shop.events(name)) for name in made}
    page.clock.fast_forward(hours * HOUR * 1000)
    page.goto(shop.url + "/two")
    shop.wait_for_reports("Pageview", 2)
    for name in made:
        if again:
            reports = pass_time_for_reports(page, shop, name, told[name] + 1)
            assert {report["time"] for report in reports} == {made[name]}
    pass_time(page, 120)
    assert {name: len(shop.events(name)) for name in made} == {name: told[name] + again for name in made}
    page.evaluate("pixelpair('Lead', {}, {key: 'form-7'})")  # what is written next leaves nothing of it
    shop.wait_for_reports("Lead", 1)
    wait_for_queue(page)


def test_at_most_fifty_events_wait(page: Page, shop: Recorder) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate("for (let n = 1; n <= 60; n++) pixelpair('Lead', {}, {key: 'form-' + n})")
    shop.wait_for_reports("Lead", 60)
    wait_until(lambda: len(queue_of(page)) == 50, PATIENCE, lambda: f"50 wait, not {len(queue_of(page))}")
    pass_time(page, 30)
    assert len({report["key"] for report in queue_of(page)}) == len(queue_of(page)) == 50


def test_at_most_64_kilobytes_wait(page: Page, shop: Recorder) -> None:
    """In characters, as browsers count what they store."""
    _open(page, shop)
    shop.answer = 503
    page.evaluate(
        "for (let n = 1; n <= 30; n++) pixelpair('Lead', {description: 'é'.repeat(3000)}, {key: 'form-' + n})"
    )
    pass_time(page, 30)
    size = page.evaluate("localStorage.pixelpair.length")
    assert 32_768 <= size <= 65_536
    assert len({report["key"] for report in queue_of(page)}) == len(queue_of(page)) > 10


def test_an_event_too_large_to_wait_costs_the_others_nothing(page: Page, shop: Recorder) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate(ORDER)
    wait_for_queue(page, "PlaceAnOrder")
    page.evaluate("pixelpair('Lead', {description: 'x'.repeat(70_000)}, {key: 'form-1'})")
    page.evaluate("pixelpair('Contact')")
    wait_until(lambda: "Contact" in waiting(page), PATIENCE, lambda: f"Contact waits beside {waiting(page)}")
    assert "PlaceAnOrder" in waiting(page)
    shop.answer = 202
    for name in ("PlaceAnOrder", "Contact"):
        pass_time_for_reports(page, shop, name, 2)


def test_consent_denied_forgets_what_waits(page: Page, shop: Recorder) -> None:
    _open(page, shop, "/one?ttclid=E.C.P.12345678")
    shop.answer = 503
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    wait_for_queue(page, "Contact", "PlaceAnOrder")
    shop.wait_for_reports("PlaceAnOrder", 1)  # it waits from before it is sent
    page.evaluate("pixelpair('consent', 'denied')")
    wait_for_queue(page)
    assert "A-1" not in json.dumps(queue_of(page))
    told = len(shop.reports)
    shop.answer = 202
    page.evaluate("dispatchEvent(new Event('online'))")
    pass_time(page, 120)
    assert len(shop.reports) == told
    assert page.evaluate("document.cookie") == ""
    page.goto(shop.url + "/two")
    shop.wait_for_reports("Pageview", 2)
    pass_time(page, 120)
    assert len(shop.reports) == told + 1
    assert "ttclid" not in shop.events("Pageview")[1]


def test_what_waits_is_not_told_while_consent_is_held(page: Page, shop: Recorder) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    wait_for_queue(page, "Contact", "PlaceAnOrder")
    shop.wait_for_reports("PlaceAnOrder", 1)  # it waits from before it is sent
    page.evaluate("pixelpair('consent', 'held')")
    told = [report["event"] for report in shop.reports]
    shop.answer = 202
    page.evaluate("dispatchEvent(new Event('online'))")
    pass_time(page, 60)
    assert len(shop.reports) == len(told)
    page.evaluate("pixelpair('consent', 'granted')")
    for name in ("Contact", "PlaceAnOrder"):
        pass_time_for_reports(page, shop, name, told.count(name) + 1)
    wait_for_queue(page)


def test_a_page_that_may_not_speak_yet_does_not_tell_what_was_left(page: Page, shop: Recorder) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate("pixelpair('Contact')")
    wait_for_queue(page, "Contact")
    shop.pages["/two"] = document(tag="<script src=/t/tag.js data-consent=held></script>")
    page.goto(shop.url + "/two")
    told = len(shop.reports)
    shop.answer = 202
    pass_time(page, 60)
    assert len(shop.reports) == told
    contacts = len(shop.events("Contact"))
    page.evaluate("pixelpair('consent', 'granted')")
    pass_time_for_reports(page, shop, "Contact", contacts + 1)


def test_nothing_that_waits_holds_raw_personal_data(page: Page, shop: Recorder) -> None:
    _open(page, shop)
    shop.answer = 503
    page.evaluate("pixelpair('identify', {email: 'alice@shop.test', phone: '06 12 34 56 78', first_name: 'Alice'})")
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    wait_for_queue(page, "Contact", "PlaceAnOrder")
    shop.wait_for_reports("PlaceAnOrder", 1)  # it waits from before it is sent
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert "A-1" in stored
    for raw in ("alice", "Alice", "12 34 56", "123456"):
        assert raw not in stored
