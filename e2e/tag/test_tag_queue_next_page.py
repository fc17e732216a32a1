"""What a page left behind is told by the next one: once its lease is over, by one tab, and without its pixel leg."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document, wait_for_pixel_script
from e2e.tag.waiting import assert_same_event, pass_time, pass_time_for_reports, wait_for_queue, waiting

ORDER = "pixelpair('PlaceAnOrder', {order_id: 'A-1', value: 5, currency: 'MAD'})"
LEASE = 10


@pytest.fixture
def leave_behind(page: Page, shop: Recorder) -> Callable[..., None]:
    """Opens /one, where an order and these other events fail, and goes to a page of the shop without a tag.

    The clock stands still there, or /one might try again itself, and that report arrive after it is left.
    """

    def leave(*others: str) -> None:
        shop.pages["/blank"] = document(tag="")
        page.clock.install()
        page.goto(shop.url + "/one")
        assert_pairs(shop, "Pageview")
        wait_for_pixel_script(page)
        page.clock.pause_at(page.evaluate("Date.now() / 1000") + 1)
        shop.answer = 503
        page.evaluate(f"others => {{ others.map(name => pixelpair(name)); {ORDER} }}", others)
        wait_for_queue(page, *others, "PlaceAnOrder")
        shop.wait_for_pixel("PlaceAnOrder", 1)
        page.goto(shop.url + "/blank")
        page.clock.resume()
        shop.answer = 202

    return leave


def _senders(shop: Recorder, name: str) -> list[str]:
    """The pages that told the event, in that order."""
    reports = sorted(shop.events(name), key=lambda report: report["sent"])
    return [report["_referer"].removeprefix(shop.url) for report in reports]


def test_the_next_page_tells_what_was_left_once_its_lease_is_over(
    page: Page, shop: Recorder, leave_behind: Callable[..., None]
) -> None:
    leave_behind("Contact")
    page.goto(shop.url + "/two")
    shop.wait_for_reports("Pageview", 2)
    assert waiting(page) == ["Contact", "PlaceAnOrder"]
    told = {name: len(shop.events(name)) for name in waiting(page)}
    for name, before in told.items():
        reports = pass_time_for_reports(page, shop, name, before + 1)
        assert _senders(shop, name) == ["/one"] * before + ["/two"]
        assert reports[-1]["sent"] - reports[-2]["sent"] >= LEASE * 1000
        assert reports[-1]["retry"] >= 1
        assert_same_event(reports)
    wait_for_queue(page)
    pass_time(page, 120)
    assert {name: len(shop.events(name)) - 1 for name in told} == told
    assert [len(shop.pixel_events(name)) for name in ("Contact", "PlaceAnOrder")] == [1, 1]


@pytest.mark.one_engine
def test_once_the_proxy_answers_all_that_was_left_is_told_without_waiting(
    page: Page, shop: Recorder, leave_behind: Callable[..., None]
) -> None:
    """The page's clock stands still, once the tag has begun, so that no timer comes up."""
    leave_behind("Contact")
    page.add_init_script("Math.random = () => 0.9")
    told = {name: len(shop.events(name)) for name in ("Contact", "PlaceAnOrder")}
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 60)
    page.goto(shop.url + "/two")
    pass_time(page, 0.1)
    for name, before in told.items():
        assert _senders(shop, name)[:before] == ["/one"] * before
        shop.wait_for_reports(name, before + 1)
    wait_for_queue(page)


@pytest.mark.one_engine
@pytest.mark.parametrize("legs", [0, 1], ids=["off", "pixel"])
def test_where_no_page_view_is_answered_it_is_told_within_a_second(
    page: Page, shop: Recorder, leave_behind: Callable[..., None], legs: int
) -> None:
    leave_behind()
    shop.settings["pageViewLegs"] = legs
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 60)
    page.goto(shop.url + "/two")
    pass_time(page, 2)
    shop.wait_for_reports("PlaceAnOrder", 2)
    assert _senders(shop, "PlaceAnOrder") == ["/one", "/two"]
    wait_for_queue(page)


@pytest.mark.one_engine
def test_an_order_that_waits_is_not_fired_again_by_a_reload(
    page: Page, shop: Recorder, leave_behind: Callable[..., None]
) -> None:
    leave_behind("Contact")
    told = len(shop.events("PlaceAnOrder"))
    page.goto(shop.url + "/two")
    page.evaluate(ORDER)
    shop.wait_for_reports("Pageview", 2)
    pass_time_for_reports(page, shop, "PlaceAnOrder", told + 1)
    wait_for_queue(page)
    page.evaluate(ORDER)
    pass_time(page, 120)
    assert len(shop.events("PlaceAnOrder")) == told + 1
    assert len(shop.pixel_events("PlaceAnOrder")) == 1


def test_an_order_whose_answer_the_page_did_not_wait_for_is_told_again_after_its_lease_only(
    page: Page, shop: Recorder
) -> None:
    page.clock.install()
    page.goto(shop.url + "/one")
    assert_pairs(shop, "Pageview")
    shop.may_answer.clear()
    page.evaluate(ORDER)
    shop.wait_for_reports("PlaceAnOrder", 1)
    page.goto(shop.url + "/two")
    shop.may_answer.set()
    shop.wait_for_reports("Pageview", 2)
    pass_time(page, 5)
    told = len(shop.events("PlaceAnOrder"))  # one; with its follow-up, should the Pixel have come late, two
    assert {*_senders(shop, "PlaceAnOrder")} == {"/one"}
    reports = pass_time_for_reports(page, shop, "PlaceAnOrder", told + 1)
    assert _senders(shop, "PlaceAnOrder") == ["/one"] * told + ["/two"]
    assert_same_event(reports)
    wait_for_queue(page)


@pytest.mark.one_engine
def test_another_tab_does_not_tell_what_its_own_page_still_tries(page: Page, shop: Recorder) -> None:
    page.clock.install()
    page.goto(shop.url + "/one")
    assert_pairs(shop, "Pageview")
    wait_for_pixel_script(page)
    shop.answer, shop.answer_headers = 503, {"Retry-After": "15"}
    page.evaluate("pixelpair('Contact')")
    wait_for_queue(page, "Contact")
    shop.answer_headers = {}
    other = page.context.new_page()
    other.goto(shop.url + "/two")
    shop.wait_for_reports("Pageview", 2)
    pass_time(page, 14)
    pass_time_for_reports(page, shop, "Contact", 2)
    other.evaluate("dispatchEvent(new Event('online'))")
    other.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    pass_time_for_reports(page, shop, "Contact", 3)
    pass_time(page, 9)
    assert _senders(shop, "Contact") == ["/one"] * 3


def test_two_tabs_that_find_the_same_leftover_tell_it_once(
    page: Page, shop: Recorder, leave_behind: Callable[..., None]
) -> None:
    """Should both draw the same moment by chance, or be answered in the same one, both tell it; TikTok counts one."""
    leave_behind()
    page.context.add_init_script("Math.random = () => location.pathname == '/2' ? 0.1 : 0.9")
    others = [page.context.new_page() for _ in range(2)]
    for place, other in enumerate(others, 2):
        other.goto(f"{shop.url}/{place}")
    shop.wait_for_reports("Pageview", 3)
    shop.may_answer.clear()  # so that the first has none yet when the other comes to it: after 11 or 22 seconds, or 19
    pass_time_for_reports(page, shop, "PlaceAnOrder", 2)
    pass_time(page, 9)
    shop.may_answer.set()
    wait_for_queue(page)
    pass_time(page, 120)
    assert len(_senders(shop, "PlaceAnOrder")) == 2


def test_what_another_site_left_under_the_same_name_is_not_ours_to_break_on(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "if (location.pathname == '/two')"
        " localStorage.pixelpair = JSON.stringify({keys: 5, queue: [null, 7, 'x', {}, [], {event: 5}]})"
    )
    page.clock.install()
    page.goto(shop.url + "/two")
    page.evaluate(ORDER)
    shop.wait_for_reports("PlaceAnOrder", 1)
    shop.wait_for_pixel("PlaceAnOrder", 1)
    pass_time(page, 60)
    assert {report.get("event") for report in shop.reports} == {"Pageview", "PlaceAnOrder"}
