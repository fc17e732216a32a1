"""The tag's own functions, run in the browser over the vectors it shares with the proxy."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors"


def _cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))["cases"]
    return cases


@pytest.fixture
def inner(page: Page, shop: Recorder) -> Page:
    shop.pages["/"] = document(tag='<script src="/t/source.js"></script>')
    page.goto(shop.url)
    return page


def _run(page: Page, body: str, cases: list[dict[str, Any]]) -> list[Any]:
    # As text in ASCII both ways: half a surrogate pair does not survive the drivers' UTF-8.
    answer = page.evaluate(f"text => JSON.stringify(JSON.parse(text).map(given => {body}))", json.dumps(cases))
    outcomes: list[Any] = json.loads(answer)
    return outcomes


def test_event_ids_are_built_as_the_vectors_say(inner: Page) -> None:
    cases = _cases("event_id.json")
    outcomes = _run(
        inner,
        """(() => {
            const {event, view, n, key, properties, order_events} = given.in;
            inner.orderEvents.splice(0, 99, ...order_events);
            return inner.idOf({view, n, key: inner.keyOf(event, key, inner.repair(properties))});
        })()""",
        cases,
    )
    wrong = [
        (case["name"], outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
        if outcome != case["out"]["event_id"]
    ]
    assert wrong == []


def test_properties_are_repaired_as_the_vectors_say(inner: Page) -> None:
    cases = _cases("properties.json")
    outcomes = _run(inner, "inner.repair(given.in)", cases)
    wrong = [
        (case["name"], outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
        if json.dumps(outcome, sort_keys=True) != json.dumps(_as_javascript(case["out"]), sort_keys=True)
    ]
    assert wrong == []


def test_repairing_twice_changes_nothing(inner: Page) -> None:
    cases = _cases("properties.json")
    once = _run(inner, "inner.repair(given.in)", cases)
    assert _run(inner, "inner.repair(inner.repair(given.in))", cases) == once


def _as_javascript(value: Any) -> Any:
    """JavaScript writes 12.0 as 12."""
    if isinstance(value, dict):
        return {name: _as_javascript(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_javascript(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def test_a_view_id_is_time_and_chance(inner: Page) -> None:
    views = inner.evaluate("Array.from({length: 2000}, inner.newViewId)")
    assert all(len(view) == 24 and view.isalnum() and view == view.lower() for view in views)
    now = inner.evaluate("Date.now()")
    assert all(0 <= now - int(view[:8], 36) < 60_000 for view in views)
    assert len({view[8:] for view in views}) == 2000
    assert len(set("".join(view[8:] for view in views))) == 36
