"""What TikTok counts: arrivals of one (pixel code, event, event_id), told from either side, are one action for a while.

TikTok measures both windows at arrival, never by ``event_time``, from the first arrival of an action:

    same side again          within 48 hours    dropped
    other side               within 5 minutes   merged: its match keys are added to the first
    other side               within 48 hours    dropped, nothing is added
    any side                 after 48 hours     counted as a new action

An arrival without an event_id cannot be recognised again and counts on its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from .memory import Leg

DEDUPE_SECONDS = 48 * 3600
MERGE_SECONDS = 5 * 60

Ref = TypeVar("Ref")


class Arrival(NamedTuple, Generic[Ref]):
    """One accepted event as it came in; ``ref`` leads back to its full item."""

    leg: Leg
    pixel_code: str
    event: str
    event_id: str
    received_at: float
    ref: Ref


@dataclass(frozen=True, slots=True)
class Pair(Generic[Ref]):
    """Both ways of one event: the first arrival of each leg, and how often TikTok counts the action."""

    event: str
    event_id: str
    pixel_code: str
    pixel: Arrival[Ref] | None
    server: Arrival[Ref] | None
    pixel_arrivals: int
    server_arrivals: int
    counted: int
    merged: bool

    @property
    def seconds_apart(self) -> float | None:
        """Seconds between the first arrivals of the two legs; None while one is missing."""
        if self.pixel is None or self.server is None:
            return None
        return abs(self.pixel.received_at - self.server.received_at)


def pair_up(arrivals: Iterable[Arrival[Ref]]) -> list[Pair[Ref]]:
    """Join arrivals (in order of arrival) into pairs, ordered by their first arrival."""
    groups: dict[object, list[Arrival[Ref]]] = {}
    for place, arrival in enumerate(arrivals):
        key = (arrival.pixel_code, arrival.event, arrival.event_id) if arrival.event_id else place
        groups.setdefault(key, []).append(arrival)
    return [_pair(group) for group in groups.values()]


def _pair(group: Sequence[Arrival[Ref]]) -> Pair[Ref]:
    first = group[0]
    legs = [arrival.leg for arrival in group]
    counted, merged = _judge([(arrival.leg, arrival.received_at) for arrival in group])
    return Pair(
        event=first.event,
        event_id=first.event_id,
        pixel_code=first.pixel_code,
        pixel=next((arrival for arrival in group if arrival.leg == "pixel"), None),
        server=next((arrival for arrival in group if arrival.leg == "server"), None),
        pixel_arrivals=legs.count("pixel"),
        server_arrivals=legs.count("server"),
        counted=counted,
        merged=merged,
    )


def _judge(times: Sequence[tuple[Leg, float]]) -> tuple[int, bool]:
    """How many actions these arrivals of one key are, and whether any two legs of them were merged."""
    counted, merged = 0, False
    first_leg, start = times[0]
    for leg, at in times:
        if counted == 0 or at - start > DEDUPE_SECONDS:
            counted += 1
            first_leg, start = leg, at
        elif leg != first_leg and at - start <= MERGE_SECONDS:
            merged = True
    return counted, merged
