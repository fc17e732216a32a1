"""What a person looks at: the newest events, all or of one state; one event by its row, those of one key; what waits
longest."""

from collections.abc import Collection
from heapq import nlargest

import sqlalchemy as sa

from proxy.outbox.entry import Entry, from_row
from proxy.outbox.store import Outbox
from proxy.outbox.tables import HELD_STATES, State, events, has_body, is_held, is_state


def newest(outbox: Outbox, limit: int, destinations: Collection[str], state: State | None = None) -> list[Entry]:
    """The newest ``limit`` entries of these destinations, newest first.

    Those waiting are in the order in which they are due, and those sending, dead or withheld by their latest change:
    so their indexes have them, and looking stays quick with millions of rows.
    """
    with outbox.read() as connection:
        if state is State.WAITING:
            # Each destination's part of the index is in order; all of it is not.
            each = [_read(connection, _waiting(name).limit(limit)) for name in destinations]
            return nlargest(limit, (entry for part in each for entry in part), key=lambda entry: entry.due_at)
        # Joined with nothing, so that the index of destinations stays out: it would sort all of their rows.
        query = sa.select(events).where((events.c.destination + "").in_(destinations)).limit(limit)
        if state is not None:
            query = query.where(is_state(state))
        if state in HELD_STATES:
            query = query.where(is_held).order_by(events.c.changed_at.desc())
        return _read(connection, query.order_by(events.c.id.desc()))


def find(outbox: Outbox, row_id: int) -> Entry | None:
    """The entry with this ``id``, or ``None``."""
    with outbox.read() as connection:
        return next(iter(_read(connection, sa.select(events).where(events.c.id == row_id))), None)


def with_key(outbox: Outbox, sites: Collection[str], key: str) -> list[Entry]:
    """What these sites told under a key, the first told first."""
    query = sa.select(events).where(events.c.site.in_(sites), events.c.key == key)
    with outbox.read() as connection:
        return _read(connection, query.order_by(events.c.seen_at, events.c.id))


def delivered_with(
    outbox: Outbox, code: int, since: int, limit: int, sites: Collection[str] | None = None
) -> tuple[int, list[Entry]]:
    """How many events of these sites (of all) TikTok took with this ``code`` since then (ms), and the newest ``limit``
    of them, as long as their bodies are kept."""
    taken = [is_state(State.DELIVERED), has_body, events.c.delivered_at >= since, events.c.code == code]
    if sites is not None:
        taken.append(events.c.site.in_(sites))
    with outbox.read() as connection:
        number = connection.execute(sa.select(sa.func.count()).where(*taken)).scalar_one()
        query = sa.select(events).where(*taken).order_by(events.c.delivered_at.desc()).limit(limit)
        return number, _read(connection, query) if number else []


def waiting_since(outbox: Outbox) -> dict[str, int]:
    """For each destination for which events wait, when the oldest of them was first seen (ms)."""
    query = sa.select(events.c.destination, sa.func.min(events.c.seen_at)).where(is_state(State.WAITING))
    with outbox.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query.group_by(events.c.destination))}


def _waiting(destination: str) -> sa.Select[tuple[object, ...]]:
    mine = events.c.destination == destination
    return sa.select(events).where(mine, is_state(State.WAITING)).order_by(events.c.due_at.desc(), events.c.id.desc())


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Entry]:
    return [from_row(dict(row)) for row in connection.execute(query).mappings()]
