"""What the sandbox shows of its memory: requests, accepted events of both legs, and the pairs they make, as JSON."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from .memory import Memory, Receipt
from .pairs import Arrival, Pair, pair_up


class _Ref(NamedTuple):
    """Where an event lies: the receipt of that number, and its place in it."""

    number: int
    receipt: Receipt
    place: int


def received(memory: Memory, limit: int | None = None) -> dict[str, Any]:
    """Everything kept, oldest first; with ``limit`` only the newest that many rows of each list.

    ``totals`` counts since the last forgetting, also what has left the memory; ``pairs`` and ``counted``
    there are over what is kept.
    """
    receipts, totals = memory.snapshot()
    arrivals = [
        Arrival(
            receipt.leg,
            receipt.pixel_code,
            told.event,
            told.event_id,
            receipt.received_at,
            _Ref(number, receipt, place),
        )
        for number, receipt in receipts
        if receipt.leg is not None
        for place, told in enumerate(receipt.events)
    ]
    pairs = pair_up(arrivals)
    events = _Events()
    return {
        "requests": [_request(number, receipt) for number, receipt in _newest(receipts, limit)],
        "server_events": [events.show(one) for one in _newest([one for one in arrivals if one.leg == "server"], limit)],
        "pixel_events": [events.show(one) for one in _newest([one for one in arrivals if one.leg == "pixel"], limit)],
        "pairs": [_pair(pair, events) for pair in _newest(pairs, limit)],
        "totals": {**totals, "pairs": len(pairs), "counted": sum(pair.counted for pair in pairs)},
    }


def _newest(rows: Sequence[Any], limit: int | None) -> Sequence[Any]:
    return rows if limit is None else rows[max(0, len(rows) - limit) :]


def _request(number: int, receipt: Receipt) -> dict[str, Any]:
    return {
        "number": number,
        "received_at": receipt.received_at,
        "method": receipt.method,
        "path": receipt.path,
        "pixel_code": receipt.pixel_code,
        "known": receipt.known,
        "token_matched": receipt.token_matched,
        "status": receipt.status,
        "code": receipt.code,
        "message": receipt.message,
        "request_id": receipt.request_id,
        "test_event_code": receipt.test_event_code,
        "items": receipt.items,
        "accepted": len(receipt.events),
        "warnings": list(receipt.warnings),
    }


class _Events:
    """Full items by their place; each body is read once, however many of its events are shown."""

    def __init__(self) -> None:
        self._bodies: dict[int, Any] = {}

    def show(self, arrival: Arrival[_Ref] | None) -> dict[str, Any] | None:
        """The item as it was sent, with what the sandbox knows about it."""
        if arrival is None:
            return None
        number, receipt, place = arrival.ref
        if number not in self._bodies:
            self._bodies[number] = json.loads(receipt.body)
        body = self._bodies[number]
        return {
            **(body["data"][place] if arrival.leg == "server" else body),
            "number": f"{number}.{place}",
            "received_at": arrival.received_at,
            "pixel_code": arrival.pixel_code,
            "known": receipt.known,
            "test_event_code": receipt.test_event_code,
            "warnings": list(receipt.events[place].warnings),
        }


def _pair(pair: Pair[_Ref], events: _Events) -> dict[str, Any]:
    return {
        "event": pair.event,
        "event_id": pair.event_id,
        "pixel_code": pair.pixel_code,
        "pixel": events.show(pair.pixel),
        "server": events.show(pair.server),
        "seconds_apart": pair.seconds_apart,
        "pixel_arrivals": pair.pixel_arrivals,
        "server_arrivals": pair.server_arrivals,
        "merged": pair.merged,
        "counted": pair.counted,
    }
