"""A tester with a QA token walks through the shop: the server leg of every event is a test, and none counts."""

import subprocess

from playwright.sync_api import Page

from e2e.stack import PROGRAM
from e2e.way.shopper import Shop


def test_a_testers_events_go_to_test_events_and_none_counts(shop: Shop, page: Page) -> None:
    command = [str(PROGRAM), "qa-token", "--code", "TESTQA1", "--demo", str(shop.stack.data)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    page.context.add_cookies([{"name": "pixelpair_qa", "value": made.stdout.strip(), "url": shop.url}])
    page.goto(shop.url)

    received = shop.stack.wait_for(lambda told: told["server_events"] and told["pixel_events"], page=page)
    assert {event["test_event_code"] for event in received["server_events"]} == {"TESTQA1"}
