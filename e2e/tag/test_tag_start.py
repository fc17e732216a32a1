"""On load the tag does little in the task of its evaluation, the rest in tasks of their own; none of it gets lost."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document

# The tasks that the tag puts off wait in `tasks` until the story runs them.
PUT_OFF = """{
  window.tasks = [];
  const own = setTimeout;
  window.setTimeout = (action, ms, ...told) => ms ? own(action, ms, ...told) : tasks.push(() => action(...told));
  for (const type of ['visibilitychange', 'pagehide'])
    addEventListener(type, event => window.swallowed == type && event.stopImmediatePropagation(), true);
}"""
DONE_SO_FAR = "[typeof pixelpair, typeof ttq, pixelpair.log.length, document.cookie]"


@pytest.fixture
def put_off(page: Page, shop: Recorder) -> Page:
    """The shop's page in the moment after the tag's evaluation."""
    page.add_init_script(PUT_OFF)
    shop.pages["/"] = document("<button data-pixelpair-event=Contact>Call</button>")
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678")
    return page


def _run(page: Page, count: int = 1) -> None:
    for _ in range(count):
        page.evaluate("tasks.shift()()")


@pytest.mark.one_engine
def test_its_work_is_spread_over_tasks(put_off: Page, shop: Recorder) -> None:
    assert put_off.evaluate(DONE_SO_FAR) == ["function", "undefined", 0, ""]
    _run(put_off)
    assert put_off.evaluate(DONE_SO_FAR) == ["function", "undefined", 1, ""]
    assert shop.reports == []
    _run(put_off)
    assert put_off.evaluate(DONE_SO_FAR) == ["function", "object", 1, "ttclid=E.C.P.12345678"]
    assert put_off.evaluate("document.scripts.length") == 1
    _run(put_off)
    assert put_off.evaluate("document.scripts.length") == 2
    assert_pairs(shop, "Pageview")
    assert put_off.evaluate("tasks.length") == 0


@pytest.mark.one_engine
@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_what_the_page_tells_in_between_is_told_in_its_turn(put_off: Page, shop: Recorder, tasks: int) -> None:
    _run(put_off, tasks)
    put_off.evaluate("pixelpair('Contact', {value: 5, currency: 'EUR'})")
    _run(put_off, 3 - tasks)
    assert_pairs(shop, "Pageview", "Contact")
    assert [report["n"] for report in shop.events()] == [0, 1]


@pytest.mark.one_engine
@pytest.mark.parametrize("tasks", [0, 1])
def test_consent_that_is_denied_in_between_holds(put_off: Page, shop: Recorder, tasks: int) -> None:
    _run(put_off, tasks)
    put_off.evaluate("pixelpair('consent', 'denied')")
    _run(put_off, 2 - tasks)
    assert put_off.evaluate(DONE_SO_FAR) == ["function", "undefined", 1, ""]
    put_off.goto(shop.url + "/next")
    put_off.wait_for_timeout(200)
    assert shop.reports == []


@pytest.mark.one_engine
@pytest.mark.parametrize("tasks", [0, 1, 2])
def test_a_click_in_between_is_told_at_once(put_off: Page, shop: Recorder, tasks: int) -> None:
    """As of plugins that keep scripts back until the first touch, and then touch again."""
    _run(put_off, tasks)
    put_off.click("button")
    assert [report["event"] for report in shop.wait_for_reports(None, 2)] == ["Pageview", "Contact"]
    _run(put_off, 3 - tasks)
    assert_pairs(shop, "Pageview", "Contact")


@pytest.mark.parametrize("swallowed", [None, "visibilitychange", "pagehide"])
@pytest.mark.parametrize("tasks", [0, 1])
def test_a_page_that_is_left_in_between_is_told(
    put_off: Page, shop: Recorder, tasks: int, swallowed: str | None
) -> None:
    """A page that is hidden already does not change its visibility when it is left."""
    put_off.evaluate("type => void (window.swallowed = type)", swallowed)
    _run(put_off, tasks)
    put_off.evaluate("pixelpair('Contact')")
    assert shop.reports == []
    shop.pages["/next"] = document(tag="")
    put_off.goto(shop.url + "/next")
    reports = shop.wait_for_reports(None, 2)
    assert [(report["event"], report["ttclid"]) for report in reports] == [
        ("Pageview", "E.C.P.12345678"),
        ("Contact", "E.C.P.12345678"),
    ]
