"""When an event may no longer go, as tables."""

import pytest

from proxy.delivery.deadlines import HORIZON_MS, past_horizon, too_late_reason

SEEN = 1_790_000_000_000
HOUR = 3_600_000


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
