"""Removes a person from the outbox, found by what stands for them in an event: a hash, or a value of TikTok's cookies.

Wherever one stands, the event's whole body goes, and the name of the view that ties it to the visit's other events. A
line without personal data stays: of a delivered event as memory, so that a further report is not sent a second time;
of any other as withheld, never to be sent but still accounted for. A row whose very name holds the person is deleted.
What was in flight may have reached TikTok, which its line then says too. Match keys kept of an order go with it.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from proxy.outbox.store import Outbox
from proxy.outbox.tables import State, events, is_own_attempt, match_keys

REASON = "erased at the person's request"
LOOKED_AT = 20_000  # rows in one look: a reader must not hold up the log for long
AT_ONCE = 500  # rows in one transaction

_NAMES = (events.c.event_id, events.c.key)
_TEXTS = (*_NAMES, events.c.body, events.c.beside, events.c.reason)
_KEPT = (match_keys.c.key, match_keys.c.kept)
_was_delivered = events.c.state == State.DELIVERED.value


@dataclass(frozen=True, slots=True)
class Erased:
    """How many events held the person, how many more in older copies, which files could not be looked into, and of how
    many orders the person's match keys were kept."""

    events: int
    in_copies: int
    out_of_reach: tuple[Path, ...]
    match_keys: int = 0


def erase(
    outbox: Outbox, marks: Collection[str], now: int, *, site: str | None = None, dry_run: bool = False
) -> Erased:
    """Remove every event's part of ``marks``, as events hold them, in one ``site`` or in all; ``now`` in ms.

    Copies of the database are treated likewise. In the end the file is rewritten, so that no byte of it stays; writers
    wait that long. ``dry_run`` counts and changes nothing.
    """
    found = in_copies = 0
    kept = _count_kept(outbox, marks, site)
    for ids in _look(outbox, _holds(marks, _TEXTS, site)):
        found += len(ids)
        for start in range(0, 0 if dry_run else len(ids), AT_ONCE):
            with outbox.write() as connection:
                _remove(connection, marks, site, now, events.c.id.in_(ids[start : start + AT_ONCE]))
    if not dry_run:
        with outbox.write() as connection:
            connection.execute(sa.delete(match_keys).where(_holds(marks, _KEPT, site, match_keys.c.site)))
        for copy in outbox.copies():
            with copy as connection:
                in_copies += _remove(connection, marks, site, now)
        outbox.scrub()
    return Erased(found, in_copies, tuple(outbox.out_of_reach()), kept)


def _look(outbox: Outbox, holds: sa.ColumnElement[bool]) -> Iterator[list[int]]:
    """The ids of rows for which ``holds`` is true. Every body has to be read: no index could know of it."""
    with outbox.read() as connection:
        newest = connection.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0
    for first in range(1, newest + 1, LOOKED_AT):
        within = events.c.id.between(first, first + LOOKED_AT - 1)
        with outbox.read() as connection:
            ids = list(connection.execute(sa.select(events.c.id).where(within, holds)).scalars())
        yield ids


def _remove(
    connection: sa.Connection, marks: Collection[str], site: str | None, now: int, *among: sa.ColumnElement[bool]
) -> int:
    kept = 0
    if sa.inspect(connection).has_table(match_keys.name):  # a copy may be of a version that kept none
        held = sa.exists().where(
            *among, _holds(marks, _TEXTS, site), events.c.site == match_keys.c.site, events.c.key == match_keys.c.key
        )
        kept = connection.execute(sa.delete(match_keys).where(held)).rowcount
        if not among:
            kept += connection.execute(
                sa.delete(match_keys).where(_holds(marks, _KEPT, site, match_keys.c.site))
            ).rowcount
    named = connection.execute(sa.delete(events).where(*among, _holds(marks, _NAMES, site))).rowcount
    emptied = connection.execute(
        sa.update(events)
        .where(*among, _holds(marks, _TEXTS, site))
        .values(
            body="",
            beside=None,
            view=None,
            # A sender that has it in hand loses its claim, so that its answer changes nothing any more.
            state=sa.case((_was_delivered, events.c.state), else_=State.WITHHELD.value),
            claim=None,
            lease_until=None,
            unknown_outcome=events.c.unknown_outcome | (events.c.state == State.SENDING.value) & is_own_attempt,
            reason=sa.case((_was_delivered, None), else_=REASON),
            changed_at=now,
        )
    ).rowcount
    return named + emptied + kept


def _count_kept(outbox: Outbox, marks: Collection[str], site: str | None) -> int:
    query = sa.select(sa.func.count()).select_from(match_keys).where(_holds(marks, _KEPT, site, match_keys.c.site))
    with outbox.read() as connection:
        return connection.execute(query).scalar_one()


def _holds(
    marks: Collection[str],
    columns: Collection[sa.ColumnElement[str]],
    site: str | None,
    its_site: sa.ColumnElement[str] = events.c.site,
) -> sa.ColumnElement[bool]:
    """Whether one of the marks stands in one of the columns: as it is, as JSON text or in a page's address."""
    forms = {form for mark in marks for form in (mark, json.dumps(mark, ensure_ascii=False)[1:-1], quote(mark, "~"))}
    found = sa.or_(*(column.contains(form, autoescape=True) for column in columns for form in sorted(forms)))
    return found if site is None else sa.and_(its_site == site, found)
