"""The part that takes consent from a consent manager that speaks IAB TCF 2."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document, wait_for_start
from e2e.tag.waiting import pass_time

pytestmark = pytest.mark.one_engine

# What every consent manager has in the page's head: a function that keeps its listeners, and tells them later.
MANAGER = """
window.tell = told => window.__listeners.forEach(listener => listener(told, true));
window.__listeners = [];
window.__tcfapi = (command, version, listener) => {
  if (command == "addEventListener" && version == 2) window.__listeners.push(listener);
};
"""


def choice(purposes: dict[int, bool], vendors: dict[int, bool] | None = None, **more: Any) -> str:
    told = {
        "eventStatus": "useractioncomplete",
        "gdprApplies": True,
        "purpose": {"consents": purposes},
        "vendor": {"consents": vendors or {}},
    }
    return f"tell({json.dumps(told | more)})"


# As the IAB's own library tells it: without a word on purposes.
OUTSIDE = 'tell({"eventStatus": "tcloaded", "gdprApplies": false})'


@pytest.fixture
def tcf(shop: Recorder) -> Recorder:
    shop.parts = {"tcf": None}
    shop.pages["/"] = document(head=f"<script>{MANAGER}</script>")
    return shop


def held(page: Page, shop: Recorder) -> bool:
    wait_for_start(page)
    page.wait_for_timeout(200)
    return shop.reports == [] and not page.evaluate("'ttq' in window")


def test_nothing_is_sent_before_the_shopper_chose(page: Page, tcf: Recorder) -> None:
    page.goto(tcf.url)
    assert held(page, tcf)
    page.evaluate(choice({1: True}, eventStatus="cmpuishown"))
    assert held(page, tcf)
    page.evaluate(choice({1: True}))
    tcf.settle(page, 1)


def test_an_earlier_choice_is_taken_up(page: Page, tcf: Recorder) -> None:
    page.goto(tcf.url)
    page.evaluate(choice({1: True}, eventStatus="tcloaded"))
    tcf.settle(page, 1)


@pytest.mark.parametrize("purposes", [{1: False}, {}, {2: True}])
def test_without_purpose_1_all_is_forgotten(page: Page, tcf: Recorder, purposes: dict[int, bool]) -> None:
    page.goto(tcf.url)
    page.evaluate(choice(purposes))
    page.evaluate(choice({1: True}))
    tcf.settle(page, 0)


@pytest.mark.parametrize(("vendors", "reports"), [({42: True}, 1), ({42: False}, 0), ({}, 0)])
def test_a_site_may_demand_the_vendors_consent(
    page: Page, tcf: Recorder, vendors: dict[int, bool], reports: int
) -> None:
    tcf.parts = {"tcf": 42}
    page.goto(tcf.url)
    page.evaluate(choice({1: True}, vendors))
    page.evaluate("pixelpair('consent', 'granted')")
    tcf.settle(page, reports)


def test_where_the_law_does_not_apply_all_is_sent(page: Page, tcf: Recorder) -> None:
    page.goto(tcf.url)
    page.evaluate(OUTSIDE)
    tcf.settle(page, 1)


def test_a_manager_may_come_after_the_tag(page: Page, tcf: Recorder) -> None:
    tcf.pages["/"] = document(body='<script src="/t/tag.js"></script>', tag="", head="")
    tcf.pages["/"] = tcf.pages["/"].replace("</body>", f"<script>{MANAGER}</script></body>")
    page.goto(tcf.url)
    page.wait_for_function("__listeners.length")
    page.evaluate(choice({1: True}))
    tcf.settle(page, 1)


def test_a_manager_that_throws_costs_the_page_nothing_and_is_asked_again(page: Page, tcf: Recorder) -> None:
    page.clock.install()
    tcf.pages["/"] = document(head="<script>window.__tcfapi = () => { throw new Error('not ready') }</script>")
    page.goto(tcf.url)
    pass_time(page, 2)
    assert held(page, tcf)
    page.evaluate(MANAGER)
    pass_time(page, 1)
    page.evaluate(choice({1: True}))
    tcf.settle(page, 1)


@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "a tag that comes after all else"])
def test_a_page_without_a_manager_says_so_and_goes_on_looking(page: Page, tcf: Recorder, is_late: bool) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.clock.install()
    tcf.pages["/"] = document(tag="") if is_late else document()
    page.goto(tcf.url)
    if is_late:
        page.add_script_tag(url="/t/tag.js")
    assert held(page, tcf)
    pass_time(page, 5)
    assert held(page, tcf)
    assert said == []
    pass_time(page, 30)
    assert held(page, tcf)
    assert said == ["pixelpair: no consent manager speaks TCF on this page, so nothing is sent"]
    page.evaluate(MANAGER)
    pass_time(page, 1)
    page.evaluate(choice({1: True}))
    tcf.settle(page, 1)
