"""The finished event: the exact object of `data[]` that TikTok gets, with nothing empty in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.events.address import sent_url
from proxy.events.report import Report
from proxy.events.scalars import holds_email

DAY_MS = 86_400_000
LONGEST_USER_AGENT = 1_024


@dataclass(frozen=True, slots=True)
class Event:
    """One event under its shared id; ``event_time`` in Unix seconds, ``item`` as it goes to TikTok."""

    event: str
    event_id: str
    event_time: int
    item: dict[str, Any]


def build_event(
    report: Report,
    *,
    event_id: str,
    event_time: int,
    user: Mapping[str, str | list[str]],
    ip: str | None,
    user_agent: str | None,
    ttclid: str | None,
    ttp: str | None,
    limited: bool,
) -> Event:
    """The event that ``report`` tells. ``user`` comes hashed from ``identity``; ``event_time`` is in Unix seconds."""
    # A robot's user agent may hold its owner's address; no browser's does.
    agent = user_agent[:LONGEST_USER_AGENT] if user_agent and not holds_email(user_agent) else None
    signals = {"ttclid": ttclid, "ttp": ttp, "ip": ip, "user_agent": agent}
    page = {"url": sent_url(report.url), "referrer": sent_url(report.referrer) if report.referrer else None}
    item: dict[str, Any] = {
        "event": report.event,
        "event_time": event_time,
        "event_id": event_id,
        "user": {**user, **_full(signals)},
        "page": _full(page),
        "properties": report.properties,
        "device": report.device,
        "limited_data_use": limited or None,
    }
    return Event(report.event, event_id, event_time, _full(item))


def event_time_of(report: Report, received_ms: int) -> int:
    """When the event took place, in Unix seconds, for a report that arrived at ``received_ms`` (Unix milliseconds).

    A back end's own time stands. A browser's clock is only trusted to measure how long the report was under way,
    and that for no more than a day.
    """
    if report.event_time is not None:
        return report.event_time
    if report.time is None or report.sent is None:
        return received_ms // 1_000
    under_way = min(max(report.sent - report.time, 0), DAY_MS)
    return (received_ms - under_way) // 1_000


def _full(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
