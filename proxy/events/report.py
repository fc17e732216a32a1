"""A report: one telling of an event, read and checked, with what its site makes of it."""

from dataclasses import dataclass, field
from typing import Any, Literal

MOST_WARNINGS = 20

Consent = Literal["granted", "limited"]
PixelState = Literal["sent", "blocked", "off", "unknown"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What reading needs to know of a site.

    ``order_events`` take their key from the order id; ``event_names`` are allowed beside TikTok's own; ``fallback_url``
    stands in for a page address that is missing or unusable, and may be ""; ``default_consent`` for consent not told.
    """

    order_events: frozenset[str]
    event_names: frozenset[str]
    fallback_url: str
    default_consent: str


@dataclass(frozen=True, slots=True)
class Report:
    """One telling of an event. ``time`` and ``sent`` are Unix milliseconds, ``placed`` and ``event_time`` Unix seconds.

    From a browser ``view`` and ``n`` are set and ``event_id``, ``event_time``, ``ip``, ``user_agent`` are None; from a
    back end it is the other way round. ``user`` holds raw values: it is hashed by ``identity`` and never stored.
    ``warnings`` are "field: sentence" and never repeat a value.
    """

    event: str
    url: str
    view: str | None = None
    n: int | None = None
    key: str | None = None
    event_id: str | None = None
    placed: int | None = None
    time: int | None = None
    sent: int | None = None
    event_time: int | None = None
    referrer: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    ttclid: str | None = None
    ttp: str | None = None
    user: dict[str, str | list[str]] = field(default_factory=dict)
    ip: str | None = None
    user_agent: str | None = None
    consent: Consent | None = None
    ticket: str | None = None
    pixel: PixelState | None = None
    retry: int = 0
    site: str | None = None
    test_event_code: str | None = None
    device: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def told_warnings(warnings: list[str]) -> tuple[str, ...]:
    """The first of ``warnings``, each once: they are stored, and a stranger decides how many there are."""
    return tuple(dict.fromkeys(warnings))[:MOST_WARNINGS]
