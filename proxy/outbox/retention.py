"""What has served its time goes: first the bodies of delivered events, later their rows and those of dead letters.

Dead and withheld rows are counted from their latest change, so that a new setting holds for those already there. What
waits or is in flight never expires. The match keys kept of orders have a time of their own. All of it goes in small
transactions with a pause between, which ingest slips into.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from proxy.outbox.store import DAY, HOUR, Outbox
from proxy.outbox.tables import State, events, has_body, is_held, is_state, match_keys

AT_ONCE = 500  # rows in one transaction: some milliseconds
KEEP_WITHHELD = 90 * DAY


@dataclass(frozen=True, slots=True)
class Keep:
    """How long what is kept, in ms: ``bodies`` from delivery on, ``dead`` letters from their latest change on,
    ``matches`` (an order's match keys) from its first report on."""

    bodies: int = 72 * HOUR
    dead: int = 90 * DAY
    matches: int = 30 * DAY


def clean(outbox: Outbox, now: int, keep: Keep, pause: Callable[[], bool]) -> int:
    """Remove what is due at ``now`` (ms); returns how many rows were changed or removed.

    ``pause`` is called between two transactions, and ends the work by returning true.
    """
    done = 0
    for column, passed, change in _errands(now, keep):
        while due := _due(outbox, column, passed):
            with outbox.write() as connection:
                # Asked again: a further report may have woken one of them since.
                done += connection.execute(change.where(events.c.id.in_(due), *passed)).rowcount
            if pause():
                return done
    while removed := _forget_match_keys(outbox, now - keep.matches):
        done += removed
        if pause():
            return done
    return done


def _forget_match_keys(outbox: Outbox, until: int) -> int:
    old = sa.select(match_keys.c.site, match_keys.c.key).where(match_keys.c.kept_at <= until)
    with outbox.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    named = sa.tuple_(match_keys.c.site, match_keys.c.key)
    with outbox.write() as connection:
        some = old.order_by(match_keys.c.kept_at).limit(AT_ONCE)
        return connection.execute(sa.delete(match_keys).where(named.in_(some))).rowcount


_Conditions = tuple[sa.ColumnElement[bool], ...]
_Errand = tuple["sa.Column[int]", _Conditions, sa.Update | sa.Delete]


def _errands(now: int, keep: Keep) -> tuple[_Errand, ...]:
    """What to do: the time by which rows are found, the conditions, and the change."""
    delivered, expires, changed = events.c.delivered_at, events.c.expires_at, events.c.changed_at
    is_delivered = is_state(State.DELIVERED)
    forget_body = sa.update(events).values(body="", beside=None)
    forget_row = sa.delete(events)
    return (
        (delivered, (is_delivered, has_body, delivered <= now - keep.bodies), forget_body),
        (expires, (is_delivered, expires <= now), forget_row),
        (changed, (is_state(State.DEAD), is_held, changed <= now - keep.dead), forget_row),
        (changed, (is_state(State.WITHHELD), is_held, changed <= now - KEEP_WITHHELD), forget_row),
    )


def _due(outbox: Outbox, column: "sa.Column[int]", passed: _Conditions) -> list[int]:
    """The oldest of them. Looking needs no write lock."""
    with outbox.read() as connection:
        return list(connection.execute(sa.select(events.c.id).where(*passed).order_by(column).limit(AT_ONCE)).scalars())
