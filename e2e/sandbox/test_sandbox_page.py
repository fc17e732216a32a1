"""The sandbox's page: live, and safe against what strangers put into events."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.one_engine

PIXEL, TOKEN = "COQDA8RC77U2TMR44LI0", "sandbox-token"
HOSTILE = "<img src=x onerror=window.hacked=1>"


def track(sandbox: Any, event_id: Any, **fields: Any) -> None:
    item = {"event": "PlaceAnOrder", "event_time": 1_800_000_000, "event_id": event_id, "user": {"ttclid": "E.C.P.a"}}
    body = {"event_source": "web", "event_source_id": PIXEL, "data": [item | fields]}
    sandbox.client.post("/open_api/v1.3/event/track/", json=body, headers={"Access-Token": TOKEN})


def tell_pixel(sandbox: Any, event_id: str) -> None:
    body = {"event": "PlaceAnOrder", "event_id": event_id, "context": {"pixel": {"code": PIXEL}}}
    sandbox.client.post("/api/v2/pixel", data=json.dumps(body))


def test_an_empty_page_says_what_to_do(page: Page, sandbox: Any) -> None:
    page.goto(sandbox.address)
    expect(page.get_by_role("heading", name="Nothing received yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text(f"PIXELPAIR_TIKTOK_URL={sandbox.address}")
    expect(page.get_by_role("heading", name="Pairs")).to_be_hidden()


def test_what_arrives_shows_up_by_itself(page: Page, sandbox: Any) -> None:
    page.goto(sandbox.address)
    expect(page.get_by_role("status")).to_have_text("Live: waiting for events")
    track(sandbox, "order-1")
    pairs = page.get_by_role("table", name="Pairs")
    expect(pairs).to_contain_text("once, server only")
    tell_pixel(sandbox, "order-1")
    expect(pairs).to_contain_text("once, merged")
    expect(page.get_by_role("status")).to_have_text("Live: 2 events, counted as 1")
    track(sandbox, 7)
    expect(page.get_by_role("table", name="Requests")).to_contain_text(
        "Invalid value for event_id: not a valid string."
    )


def test_opened_items_stay_open_while_others_arrive(page: Page, sandbox: Any) -> None:
    track(sandbox, "order-1", properties={"value": 4.5, "currency": "EUR"})
    page.goto(sandbox.address)
    page.get_by_role("table", name="Pairs").get_by_role("button", name="PlaceAnOrder").click()
    item = page.get_by_role("table", name="Pairs").locator("pre")
    expect(item).to_contain_text('"value": 4.5')
    track(sandbox, "order-2")
    expect(page.get_by_role("table", name="Pairs")).to_contain_text("order-2")
    expect(item.filter(has_text="order-1")).to_be_visible()


def test_the_buttons_move_the_clock_and_forget(page: Page, sandbox: Any) -> None:
    track(sandbox, "order-1")
    page.goto(sandbox.address)
    page.get_by_role("button", name="+49 hours").click()
    expect(page.locator("#clock")).to_have_text("49 hours ahead")
    track(sandbox, "order-1")
    expect(page.get_by_role("table", name="Pairs")).to_contain_text("2 times")
    page.get_by_role("button", name="Real time").click()
    expect(page.locator("#clock")).to_have_text("real time")
    page.get_by_role("button", name="Forget all").click()
    expect(page.get_by_role("heading", name="Nothing received yet")).to_be_visible()


def test_a_behaviour_in_force_is_shown_and_can_be_ended(page: Page, sandbox: Any) -> None:
    sandbox.client.post("/sandbox/behave", json={"path": "track", "code": 50000, "times": None})
    page.goto(sandbox.address)
    expect(page.locator("#behaviours")).to_have_text("track: status 200, code 50000 (until reset).")
    page.get_by_role("button", name="Behave again").click()
    expect(page.locator("#behaving")).to_be_hidden()


def test_what_strangers_send_is_shown_as_text(page: Page, sandbox: Any) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    track(sandbox, HOSTILE, event=HOSTILE, user={HOSTILE: HOSTILE})
    page.goto(sandbox.address)
    expect(page.get_by_role("table", name="Server events")).to_contain_text(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert problems == []


def test_a_phone_needs_no_sideways_scrolling(page: Page, sandbox: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    track(sandbox, "x" * 128)
    page.goto(sandbox.address)
    expect(page.get_by_role("table", name="Pairs")).to_be_visible()
    page_width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(page_width) == 0
