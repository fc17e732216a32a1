"""One event for one destination, as the outbox holds it: a row becomes an ``Entry`` here and nowhere else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from proxy.outbox.tables import State


@dataclass(slots=True, kw_only=True)
class Entry:
    """An event that waits, was sent, died or is withheld. Times are Unix milliseconds; ``body`` is JSON text."""

    destination: str
    event: str
    event_id: str
    site: str
    body: str
    seen_at: int
    due_at: int
    consent: str = "granted"
    pixel: str | None = None
    browser: bool = False
    backend: bool = False
    proved: bool = False
    state: str = State.WAITING.value
    view: str | None = None
    key: str | None = None
    host: str | None = None
    value: float | None = None
    currency: str | None = None
    test_code: str = ""
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    # Not a column: whether its key names an order, whose match keys are kept.
    is_order: bool = False
    # What delivery learns; a new entry leaves these alone.
    id: int = 0
    horizon_from: int = 0
    changed_at: int = 0
    beside: str | None = None
    sent_proved: bool = False
    reports: int = 1
    delivered_at: int | None = None
    expires_at: int | None = None
    claim: str | None = None
    lease_until: int | None = None
    attempts: int = 0
    first_attempt_at: int | None = None
    last_attempt_at: int | None = None
    unknown_outcome: bool = False
    batch_limit: int | None = None
    code: int | None = None
    request_id: str | None = None

    @property
    def name(self) -> tuple[str, str, str]:
        """What makes an event one event: (destination, event, event_id)."""
        return self.destination, self.event, self.event_id


AS_NEW: Mapping[str, Any] = {
    "state": State.WAITING.value,
    "attempts": 0,
    "first_attempt_at": None,
    "last_attempt_at": None,
    "batch_limit": None,
    "reason": None,
    "code": None,
    "request_id": None,
    "expires_at": None,
}
"""The columns of an event that starts over, whatever became of it before. first_attempt_at too: with the old one, its
next failures would look like its own fault to the sender and not like the destination's."""

_AS_IS = tuple(
    field.name
    for field in fields(Entry)
    if field.name not in {"id", "horizon_from", "changed_at", "warnings", "is_order"}
)
_as_is = attrgetter(*_AS_IS)
COLUMNS = (*_AS_IS, "horizon_from", "changed_at", "warnings")
"""The columns of a new row, in the order of ``to_row``."""


def to_row(entry: Entry) -> tuple[Any, ...]:
    """The values of a new row. A tuple, since this and what follows is done for every report."""
    warnings = json.dumps(entry.warnings, ensure_ascii=False) if entry.warnings else "[]"
    return (*_as_is(entry), entry.seen_at, entry.seen_at, warnings)


def from_row(row: Mapping[str, Any]) -> Entry:
    """The entry behind a full row of the ``events`` table."""
    return Entry(**{**row, "warnings": tuple(json.loads(row["warnings"]))})
