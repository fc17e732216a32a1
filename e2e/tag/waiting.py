"""What the stories of the tag's queue ask of a page: what waits in it, and what becomes of it as time goes by."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, Recorder, id_of


def queue_of(page: Page) -> list[dict[str, Any]]:
    """The reports that wait in the browser's memory."""
    queue: list[dict[str, Any]] = json.loads(page.evaluate("localStorage.pixelpair || '{}'")).get("queue", [])
    return queue


def waiting(page: Page) -> list[str]:
    """Their events."""
    return sorted(report["event"] for report in queue_of(page))


def wait_for_queue(page: Page, *events: str) -> None:
    """Waits until exactly these events wait."""
    wait_until(lambda: waiting(page) == sorted(events), PATIENCE, lambda: f"{events} wait, not {waiting(page)}")


def pass_time(page: Page, seconds: float) -> None:
    """Lets this much of the page's time pass at once. Its answers take real time, so some of that passes as well."""
    for _ in range(5):
        page.clock.run_for(max(1, int(seconds * 200)))
        page.wait_for_timeout(20)


def pass_time_until(page: Page, condition: Callable[[], bool], explain: Callable[[], str], step: float = 1) -> None:
    """Lets the page's time pass, ``step`` seconds at a time, until ``condition`` holds."""
    wait_until(condition, PATIENCE, explain, lambda _: pass_time(page, step))


def pass_time_for_reports(page: Page, shop: Recorder, name: str, count: int) -> list[dict[str, Any]]:
    """Lets the page's time pass until an event was told so often; the reports in the order they were sent."""
    pass_time_until(page, lambda: len(shop.events(name)) >= count, lambda: f"{count} x {name} among {shop.reports}")
    return sorted(shop.events(name), key=lambda report: report["sent"])


def assert_same_event(reports: list[dict[str, Any]]) -> None:
    """They tell of one event, in the same words but for the number of the try."""
    varying = {"sent", "retry", "pixel", "ttp", "user", "status", "until"}
    first, *others = [
        {name: value for name, value in report.items() if name not in varying and not name.startswith("_")}
        for report in reports
    ]
    assert all(other == first for other in others)
    assert len({id_of(report) for report in reports}) == 1
