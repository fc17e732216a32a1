"""Small wordings for the templates: moments as text, and the addresses of filters."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from proxy.operator.overview import Chosen

# From which number of seconds a unit is used, largest first; the page's script says the same.
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def relative(then_ms: int, now_ms: int) -> str:
    """How far a moment lies from now: "12 s ago", "in 3 min", "now"."""
    seconds = abs(now_ms - then_ms) // 1000
    for size, unit in _UNITS:
        if seconds >= size:
            amount = f"{seconds // size} {unit}"
            return f"{amount} ago" if then_ms <= now_ms else f"in {amount}"
    return "now"


def since(then_ms: int, now_ms: int) -> str:
    """How long ago something happened; "now" for what lies ahead, since the clock was set back after it."""
    return relative(min(then_ms, now_ms), now_ms)


def iso(ms: int) -> str:
    """A moment in UTC to the second, as ``2026-11-24T11:14:23Z``; a number no calendar has stays a number."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def link(chosen: Chosen, **changes: Any) -> str:
    """The query of the present choice with these changes: ``?state=dead&site=demo``, or "" for everything."""
    wanted = replace(chosen, **changes)
    query = {name: value for name, value in (("state", wanted.state), ("site", wanted.site)) if value}
    return f"?{urlencode(query)}" if query else ""
