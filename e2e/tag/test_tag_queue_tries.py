"""Reports that did not get through are told again by their page: when, how often, and never twice at once."""

import threading

import pytest
from flask import Response
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, Recorder, assert_pairs, document, wait_for_pixel_script
from e2e.tag.waiting import (
    assert_same_event,
    pass_time,
    pass_time_for_reports,
    pass_time_until,
    queue_of,
    wait_for_queue,
    waiting,
)

ORDER = "pixelpair('PlaceAnOrder', {order_id: 'A-1', value: 5, currency: 'MAD'})"


@pytest.fixture
def timed_page(page: Page, shop: Recorder) -> Page:
    """The shop's page once its page view is told and the Pixel is there, with a clock that the test moves on."""
    page.clock.install()
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
    wait_for_pixel_script(page)
    return page


def test_an_order_is_in_the_browsers_memory_before_its_request_starts(page: Page, shop: Recorder) -> None:
    """Other events wait there only after a try that failed: writing costs time in a click."""
    page.add_init_script(
        "{const own = fetch; window.memories = []; window.fetch = (url, ...more) => {"
        " if (String(url).endsWith('/t/e')) memories.push(localStorage.pixelpair || '{}'); return own(url, ...more)}}"
    )
    page.goto(shop.url)
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    memories = page.evaluate("memories.map(text => (JSON.parse(text).queue || []).map(report => report.event))")
    assert memories[:3] == [[], [], ["PlaceAnOrder"]]
    assert page.evaluate("memories")[2].count("A-1") >= 1
    assert_pairs(shop, "Contact")
    wait_for_queue(page)


def test_what_happens_offline_is_told_when_the_browser_is_online_again(timed_page: Page, shop: Recorder) -> None:
    """At once: the page's clock stands still, so that no other try comes up."""
    page = timed_page
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 1)
    page.context.set_offline(True)
    page.evaluate(f"pixelpair('Contact'); {ORDER}")
    wait_until(lambda: len(queue_of(page)) == 2, PATIENCE, lambda: f"both wait, not {queue_of(page)}")
    page.wait_for_timeout(300)  # the order waited before it failed
    page.context.set_offline(False)
    for name in ("Contact", "PlaceAnOrder"):
        assert shop.wait_for_reports(name, 1)[0]["retry"] >= 1
    wait_for_queue(page)
    shop.settle(page, 3)
    assert len({*shop.ids()}) == len(shop.ids())


@pytest.mark.one_engine
def test_an_answer_that_may_change_is_asked_for_again(timed_page: Page, shop: Recorder) -> None:
    names = {f"Contact{status}": status for status in (408, 425, 429, 500, 502, 503, 504)}
    for name, status in names.items():
        shop.answer = status
        timed_page.evaluate("name => pixelpair(name, {value: 5})", name)
        wait_for_queue(timed_page, name)
        shop.answer = 202
        reports = pass_time_for_reports(timed_page, shop, name, 2)
        assert [report.get("retry") for report in reports] == [None, 1]
        assert reports[1]["sent"] > reports[0]["sent"]
        assert_same_event(reports)
        wait_for_queue(timed_page)
    pass_time(timed_page, 120)
    assert [len(shop.events(name)) for name in names] == [2] * 7
    assert [len(shop.pixel_events(name)) for name in names] == [1] * 7


@pytest.mark.one_engine
def test_an_answer_that_will_not_change_is_the_last(timed_page: Page, shop: Recorder) -> None:
    keys = [f"form-{status}" for status in (200, 202, 400, 403, 404, 413)]
    for key in keys:
        shop.answer = int(key.removeprefix("form-"))
        timed_page.evaluate("key => { pixelpair('Contact', {description: key}); pixelpair('Lead', {}, {key}) }", key)
        shop.wait_for_reports("Lead", keys.index(key) + 1)
        shop.wait_for_reports("Contact", keys.index(key) + 1)
        wait_for_queue(timed_page)
    pass_time(timed_page, 120)
    assert [report["key"] for report in shop.events("Lead")] == keys
    assert [report["properties"]["description"] for report in shop.events("Contact")] == keys


@pytest.mark.one_engine
def test_a_request_that_times_out_is_sent_again(timed_page: Page, shop: Recorder) -> None:
    timed_page.route("**/t/e", lambda route: route.abort("timedout"), times=1)
    timed_page.evaluate("pixelpair('Contact')")
    pass_time_until(timed_page, lambda: waiting(timed_page) == ["Contact"], lambda: "the event waits", step=0.01)
    (report,) = pass_time_for_reports(timed_page, shop, "Contact", 1)
    assert report["retry"] == 1
    wait_for_queue(timed_page)


@pytest.mark.one_engine
def test_the_proxy_says_when_to_come_again(timed_page: Page, shop: Recorder) -> None:
    shop.answer, shop.answer_headers = 429, {"Retry-After": "30"}
    timed_page.evaluate("pixelpair('Contact')")
    wait_for_queue(timed_page, "Contact")
    shop.answer, shop.answer_headers = 202, {}
    pass_time(timed_page, 25)
    assert len(shop.events("Contact")) == 1
    first, second = pass_time_for_reports(timed_page, shop, "Contact", 2)
    assert 30_000 <= second["sent"] - first["sent"] < 90_000
    assert second["retry"] == 1


@pytest.mark.one_engine
def test_a_page_that_loads_slowly_does_not_come_again_earlier(page: Page, shop: Recorder) -> None:
    loaded = threading.Event()

    def picture() -> Response:
        loaded.wait(PATIENCE)
        return Response(status=404)

    shop.pages |= {"/": document("<img src=/picture>"), "/picture": picture}
    shop.answer, shop.answer_headers = 429, {"Retry-After": "600"}
    page.goto(shop.url, wait_until="commit")
    shop.wait_for_reports("Pageview", 1)
    wait_for_queue(page, "Pageview")
    loaded.set()
    page.wait_for_load_state("load")
    shop.answer = 202
    shop.settle(page, 1)


@pytest.mark.one_engine
def test_the_next_view_of_a_single_page_shop_tries_again(timed_page: Page, shop: Recorder) -> None:
    shop.answer = 503
    timed_page.evaluate(ORDER)
    told = len(pass_time_for_reports(timed_page, shop, "PlaceAnOrder", 3))
    pass_time(timed_page, 60)
    shop.answer = 202
    pass_time(timed_page, 60)
    assert len(shop.events("PlaceAnOrder")) == told
    timed_page.evaluate("history.pushState({}, '', '/two')")
    assert_same_event(pass_time_for_reports(timed_page, shop, "PlaceAnOrder", told + 1))
    wait_for_queue(timed_page)
    assert len(shop.pixel_events("PlaceAnOrder")) == 1


@pytest.mark.one_engine
@pytest.mark.parametrize("event", ["pixelpair('PlaceAnOrder', {order_id: 'A-1'})", "pixelpair('PlaceAnOrder')"])
def test_a_page_tries_three_times_and_no_more(timed_page: Page, shop: Recorder, event: str) -> None:
    shop.answer = 503
    timed_page.evaluate(event)
    reports = pass_time_for_reports(timed_page, shop, "PlaceAnOrder", 3)
    pass_time(timed_page, 600)
    timed_page.evaluate("dispatchEvent(new Event('online'))")
    pass_time(timed_page, 600)
    assert len(shop.events("PlaceAnOrder")) == 3
    assert [report.get("retry") for report in reports] == [None, 1, 2]
    assert_same_event(reports)
    assert waiting(timed_page).count("PlaceAnOrder") == 1  # for the next page


@pytest.mark.one_engine
def test_what_is_not_answered_yet_is_not_posted_again(timed_page: Page, shop: Recorder) -> None:
    """Neither by a retry nor by the browser coming online or the page coming back."""
    shop.may_answer.clear()
    timed_page.evaluate(f"pixelpair('Contact'); {ORDER}; pixelpair('Lead', {{}}, {{key: 'form-7'}})")
    shop.wait_for_reports("Lead", 1)
    pass_time(timed_page, 8)
    timed_page.evaluate("for (const kind of ['online', 'focus', 'pageshow']) dispatchEvent(new Event(kind))")
    timed_page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    pass_time(timed_page, 1)
    shop.may_answer.set()
    wait_for_queue(timed_page)
    pass_time(timed_page, 120)
    assert sorted({*shop.ids()}) == sorted(shop.ids())
    assert len(shop.events("Pageview")) == 2  # its own and that of the page that came back


@pytest.mark.one_engine
def test_a_browser_without_storage_tries_again_all_the_same(page: Page, shop: Recorder) -> None:
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})")
    page.clock.install()
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
    shop.answer = 503
    page.evaluate("pixelpair('Contact')")
    shop.wait_for_reports("Contact", 1)
    shop.answer = 202
    reports = pass_time_for_reports(page, shop, "Contact", 2)
    assert [report.get("retry") for report in reports] == [None, 1]
    assert_same_event(reports)


def test_the_quota_that_others_use_up_only_delays(timed_page: Page, shop: Recorder) -> None:
    shop.use_up_keepalive(timed_page)
    timed_page.evaluate(f"pixelpair('Contact'); {ORDER}")
    assert queue_of(timed_page)
    shop.tasks_done.set()
    for name in ("Contact", "PlaceAnOrder"):
        assert len(pass_time_for_reports(timed_page, shop, name, 1)) == 1
    wait_for_queue(timed_page)
