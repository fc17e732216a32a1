"""What stands in an outbox, for tests that look behind the doors."""

import sqlalchemy as sa

from proxy.outbox.entry import Entry, from_row
from proxy.outbox.store import Outbox
from proxy.outbox.tables import events


def all_rows(outbox: Outbox) -> list[Entry]:
    """Every entry, oldest first."""
    with outbox.read() as connection:
        return [from_row(dict(row)) for row in connection.execute(sa.select(events).order_by(events.c.id)).mappings()]


def row_of(outbox: Outbox, destination: str, event: str, event_id: str) -> Entry | None:
    """The row of one event."""
    return next((row for row in all_rows(outbox) if row.name == (destination, event, event_id)), None)
