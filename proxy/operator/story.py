"""From an entry of the outbox to what a page tells of it: both legs, match keys, marks. Plain values, no HTML.

A story holds nothing that changes by mere looking (no "12 s ago"), so that two equal stories need no second telling.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from proxy.operator.privacy import mask_ip, short_hash, shown_item
from proxy.outbox.destinations import DestinationState
from proxy.outbox.entry import Entry
from proxy.outbox.tables import State

MATCH_KEYS = ("ttclid", "email", "phone", "external_id", "ttp", "ip", "user_agent")

# Words and tone of the pixel leg. Tones: good, bad, busy, quiet.
_PIXEL = {
    "sent": ("sent", "good"),
    "blocked": ("blocked", "quiet"),
    "off": ("off", "quiet"),
    "unknown": ("unconfirmed", "quiet"),
}
_UNCONFIRMED = "the Pixel was still loading"
_TONES = {
    State.WAITING: "busy",
    State.SENDING: "busy",
    State.DELIVERED: "good",
    State.DEAD: "bad",
    State.WITHHELD: "quiet",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One way of an event to TikTok. ``due_at`` (ms) is when it is tried next, if that is worth telling."""

    word: str
    tone: str
    code: int | None = None
    request_id: str | None = None
    reason: str | None = None
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One match key: ``status`` is "present", "missing" or "neutral" (missing, and no fault); ``note`` says why."""

    name: str
    status: str
    note: str | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What a page tells of one event. Times in Unix ms."""

    id: int
    event: str
    event_id: str
    destination: str
    site: str
    state: str
    seen_at: int
    connection_method: str
    browser: Leg
    server: Leg
    match_keys: tuple[MatchKey, ...]
    warnings: tuple[str, ...]
    limited: bool
    proved: bool
    test_code: str
    reports: int
    url: str | None

    def keys(self, status: str) -> list[MatchKey]:
        """The match keys with this status."""
        return [key for key in self.match_keys if key.status == status]


def tell(entry: Entry, standing: DestinationState | None, now: int) -> Story:
    """The story of ``entry``, whose destination stands as ``standing`` says; ``now`` in ms."""
    item: dict[str, Any] = json.loads(entry.body or "{}")
    return Story(
        id=entry.id,
        event=entry.event,
        event_id=entry.event_id,
        destination=entry.destination,
        site=entry.site,
        state=entry.state,
        seen_at=entry.seen_at,
        connection_method=connection_method(entry),
        browser=_browser_leg(entry),
        server=_server_leg(entry, standing, now),
        match_keys=tuple(_match_key(name, item, entry) for name in MATCH_KEYS),
        warnings=entry.warnings,
        limited=entry.consent == "limited",
        proved=entry.proved,
        test_code=entry.test_code,
        reports=entry.reports,
        url=item.get("page", {}).get("url"),
    )


def connection_method(entry: Entry) -> str:
    """The ways on which the event has reached TikTok, in the words of its Events Manager."""
    server = entry.delivered_at is not None
    if entry.pixel == "sent":
        return "Server & Browser" if server else "Browser"
    if entry.browser and entry.pixel in (None, "unknown"):
        return "Server & Browser (unconfirmed)" if server else "Browser (unconfirmed)"
    return "Server" if server else "None yet"


def item_text(body: str) -> str:
    """The data[] item as indented JSON, with what no screen may show masked."""
    return json.dumps(shown_item(body), indent=2, ensure_ascii=False)


def _browser_leg(entry: Entry) -> Leg:
    if entry.pixel is None and not entry.browser:
        return Leg("not told by a browser", "quiet")
    pixel = entry.pixel or "unknown"
    word, tone = _PIXEL[pixel]
    return Leg(word, tone, reason=_UNCONFIRMED if pixel == "unknown" else None)


def _server_leg(entry: Entry, standing: DestinationState | None, now: int) -> Leg:
    state = State(entry.state)
    reason, due_at = entry.reason, None
    if state is State.WAITING:
        reason, due_at = _wait(entry, standing, now)
    return Leg(state.value, _TONES[state], entry.code, entry.request_id, reason, due_at)


def _wait(entry: Entry, standing: DestinationState | None, now: int) -> tuple[str | None, int | None]:
    """Why an event waits, and until when (ms)."""
    if standing is not None and standing.paused_at is not None:
        return "its destination is paused", None
    if standing is not None and standing.attempts and standing.next_at > now:
        return entry.reason or standing.reason, standing.next_at
    if entry.due_at > now and not entry.attempts:
        return "for what the shop's back end or browser tells of the same event", entry.due_at
    return entry.reason, entry.due_at if entry.due_at > now else None


def _match_key(name: str, item: dict[str, Any], entry: Entry) -> MatchKey:
    value = item.get("user", {}).get(name)
    if value:
        return MatchKey(name, "present", shown=_shown(name, value))
    page = item.get("page", {})
    if name == "ttclid":
        if _clicked(page.get("url")):
            return MatchKey(name, "missing", "the page's address has one that was not usable")
        return MatchKey(name, "neutral", "no ad click")
    if name == "ttp":
        return _missing_ttp(page, entry)
    if name in ("ip", "user_agent") and not entry.browser:
        return MatchKey(name, "missing", "the back end has to pass on the browser's")
    if name == "ip":
        return MatchKey(name, "missing", "only public addresses are sent")
    return MatchKey(name, "missing")


def _missing_ttp(page: dict[str, Any], entry: Entry) -> MatchKey:
    """The Pixel sets ttp after it has loaded, so what happens on a visit's first page cannot have it yet."""
    if not entry.browser:
        return MatchKey("ttp", "missing", "the back end has to pass on the _ttp cookie")
    if entry.pixel in ("blocked", "off"):
        return MatchKey("ttp", "neutral", f"set by the Pixel, which is {entry.pixel}")
    came_from = _host(page.get("referrer"))
    if came_from is None or came_from != _host(page.get("url")):
        return MatchKey("ttp", "neutral", "ttp not yet set")
    return MatchKey("ttp", "missing")


def _shown(name: str, value: object) -> str:
    if name in ("email", "phone", "external_id"):
        return short_hash(value)
    return mask_ip(value) if name == "ip" else str(value)


def _clicked(url: object) -> bool:
    try:
        return "ttclid" in parse_qs(urlsplit(str(url)).query)
    except ValueError:
        return False


def _host(url: object) -> str | None:
    try:
        return urlsplit(str(url)).hostname if url else None
    except ValueError:
        return None
