"""When it is too late for an event to go to TikTok. Pure functions of plain facts, times in Unix ms.

The theory is TikTok's deduplication. For two reports with the same pixel, event name and event_id, counted from the
arrival of the first:

    up to 5 minutes     pixel and server leg are merged: the second adds its match keys, the event counts once
    5 minutes to 48 h   the second is dropped, its match keys lost, the event counts once
    after 48 h          the second counts as a new event

So an event is sent at once, or after a ``merge_wait`` of seconds, far inside the 5 minutes; and what could not be sent
for 48 hours is sent only if there is no first report that it could double.
"""

HORIZON_MS = 48 * 60 * 60 * 1000

_NO_PIXEL_LEG = ("blocked", "off")
_LATE = "It could not be sent within 48 hours, and TikTok"


def past_horizon(first_seen_ms: int, now_ms: int) -> bool:
    """Whether TikTok would count the event a second time if its first report came at ``first_seen_ms``."""
    return now_ms - first_seen_ms >= HORIZON_MS


def too_late_reason(
    first_seen_ms: int, now_ms: int, pixel: str | None, told_by_browser: bool, unknown_outcome: bool
) -> str | None:
    """Why the event must not be sent any more, as a sentence for the dead letters; None while it may.

    ``pixel`` is the state of its pixel leg as the tag told it ("sent", "blocked", "off", "unknown"; None: nobody told).
    ``unknown_outcome``: an earlier attempt ended without an answer that says whether TikTok counted it.
    """
    if not past_horizon(first_seen_ms, now_ms):
        return None
    if unknown_outcome:
        return f"{_LATE} may have counted an earlier attempt; sent now, the event could count twice."
    if _may_have_pixel_leg(pixel, told_by_browser):
        return f"{_LATE} may have counted the browser's own report; sent now, the event could count twice."
    return None


def _may_have_pixel_leg(pixel: str | None, told_by_browser: bool) -> bool:
    if pixel is None:
        return told_by_browser
    return pixel not in _NO_PIXEL_LEG
