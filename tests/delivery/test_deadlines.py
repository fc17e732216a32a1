"""When an event may go and when it no longer may, as tables."""

import pytest

from proxy.delivery.deadlines import HORIZON_MS, is_due, past_horizon, send_after, too_late_reason

SEEN = 1_790_000_000_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("order", "api_key", "both", "waits"),
    [
        pytest.param(True, True, False, True, id="an order that a back end may tell as well"),
        pytest.param(True, True, True, False, id="an order that both have told"),
        pytest.param(True, False, False, False, id="no back end that could tell it"),
        pytest.param(False, True, False, False, id="not an order"),
        pytest.param(False, False, False, False, id="neither"),
        pytest.param(False, True, True, False, id="not an order, and both have told"),
    ],
)
def test_only_an_order_with_a_missing_half_waits(order: bool, api_key: bool, both: bool, waits: bool) -> None:
    assert send_after(SEEN, 20, order, api_key, both) == SEEN + (20_000 if waits else 0)


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0, 0), (0.25, 250), (3, 3000), (20.0, 20_000)])
def test_the_merge_wait_is_in_seconds_and_may_be_a_fraction(seconds: float, milliseconds: int) -> None:
    due = send_after(SEEN, seconds, is_order_event=True, has_api_key=True, both_told=False)
    assert due == SEEN + milliseconds
    assert isinstance(due, int)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param(SEEN, False, id="just received"),
        pytest.param(SEEN + 19_999, False, id="a moment before"),
        pytest.param(SEEN + 20_000, True, id="on time"),
        pytest.param(SEEN + HOUR, True, id="long after"),
        pytest.param(SEEN - 1, True, id="clock set back a little"),
        pytest.param(SEEN - 24 * HOUR, True, id="clock set back a day"),
    ],
)
def test_a_wait_ends_on_time_or_at_once_when_the_clock_was_set_back(now: int, due: bool) -> None:
    assert is_due(now, SEEN, SEEN + 20_000) is due


@pytest.mark.parametrize(
    ("age", "past"),
    [(0, False), (HORIZON_MS - 1, False), (HORIZON_MS, True), (HORIZON_MS + 1, True), (-24 * HOUR, False)],
)
def test_the_horizon_is_48_hours_from_first_sight(age: int, past: bool) -> None:
    assert HORIZON_MS == 48 * HOUR
    assert past_horizon(SEEN, SEEN + age) is past


LATE = [
    # pixel, told by a browser, outcome unknown -> may it still go?
    (None, False, False, True),
    (None, True, False, False),
    ("sent", True, False, False),
    ("sent", False, False, False),
    ("unknown", True, False, False),
    ("unknown", False, False, False),
    ("blocked", True, False, True),
    ("blocked", False, False, True),
    ("off", True, False, True),
    ("off", False, False, True),
    ("a state of the future", False, False, False),
    (None, False, True, False),
    ("blocked", True, True, False),
    ("off", False, True, False),
    ("sent", True, True, False),
]


@pytest.mark.parametrize(("pixel", "browser", "unknown", "goes"), LATE)
def test_past_the_horizon_an_event_goes_only_if_tiktok_cannot_have_counted_it(
    pixel: str | None, browser: bool, unknown: bool, goes: bool
) -> None:
    reason = too_late_reason(SEEN, SEEN + HORIZON_MS, pixel, browser, unknown)
    assert (reason is None) is goes
    assert reason is None or ("48 hours" in reason and reason.endswith("."))


@pytest.mark.parametrize(("pixel", "browser", "unknown", "goes"), LATE)
def test_before_the_horizon_every_event_goes(pixel: str | None, browser: bool, unknown: bool, goes: bool) -> None:
    assert too_late_reason(SEEN, SEEN + HORIZON_MS - 1, pixel, browser, unknown) is None


def test_the_reason_says_which_report_may_have_been_counted() -> None:
    late = SEEN + HORIZON_MS
    assert "earlier attempt" in (too_late_reason(SEEN, late, "sent", True, True) or "")
    assert "browser" in (too_late_reason(SEEN, late, "sent", True, False) or "")
