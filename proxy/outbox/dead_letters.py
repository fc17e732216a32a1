"""Dead letters: found by what a person knows of them, sent once more, or dropped for good.

Both changes go in small transactions, one for each ``Part`` that is yielded, so that a running proxy stores reports in
between. Whether an event may still be sent is not known here: ``replay`` is handed a judge.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from proxy.outbox.entry import AS_NEW, Entry, from_row
from proxy.outbox.store import Outbox
from proxy.outbox.tables import State, events, is_held, is_state

AT_ONCE = 300  # events in one transaction: a few milliseconds of the write lock


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters: those for which everything named here holds. ``reason`` is any part of the reason, whatever
    its case; ``after`` and ``before`` are when they died (ms)."""

    ids: tuple[int, ...] = ()
    site: str | None = None
    event: str | None = None
    reason: str | None = None
    after: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """How many died of one reason, with TikTok's code if it gave one; the newest at ``newest_at`` (ms)."""

    reason: str
    code: int | None
    number: int
    newest_at: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What a judge says of a dead letter: why it is ``refused``, or None. ``renewed``: it counts as first seen now."""

    refused: str | None = None
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some of the dead letters: ``seen`` were looked at, ``done`` of them changed."""

    seen: int
    done: int
    refused: Counter[str] = field(default_factory=Counter)


Judge = Callable[[Entry], Fate]


def newest_dead(outbox: Outbox, wanted: Wanted, limit: int) -> list[Entry]:
    """The ``limit`` that died last, newest first."""
    query = sa.select(events).where(*_conditions(wanted)).order_by(events.c.changed_at.desc(), events.c.id.desc())
    with outbox.read() as connection:
        return _entries(connection, query.limit(limit))


def ids_of(outbox: Outbox, wanted: Wanted) -> list[int]:
    """The rows of all of them, in the order in which they died."""
    query = sa.select(events.c.id).where(*_conditions(wanted)).order_by(events.c.changed_at, events.c.id)
    with outbox.read() as connection:
        return list(connection.execute(query).scalars())


def reasons(outbox: Outbox) -> list[Reason]:
    """What events died of, the most frequent first."""
    number = sa.func.count()
    query = (
        sa.select(sa.func.coalesce(events.c.reason, ""), events.c.code, number, sa.func.max(events.c.changed_at))
        .where(is_state(State.DEAD), is_held)
        .group_by(events.c.reason, events.c.code)
        .order_by(number.desc(), events.c.reason)
    )
    with outbox.read() as connection:
        return [Reason(*row) for row in connection.execute(query)]


def sites_and_events(outbox: Outbox) -> set[tuple[str, str]]:
    """The (site, event) of which there are dead letters."""
    query = sa.select(events.c.site, events.c.event).where(is_state(State.DEAD), is_held).distinct()
    with outbox.read() as connection:
        return {(row[0], row[1]) for row in connection.execute(query)}


def examine(outbox: Outbox, ids: Sequence[int], judge: Judge) -> Iterator[Part]:
    """What ``replay`` would do, without doing it."""
    for some in _parts(ids):
        with outbox.read() as connection:
            fates = _judged(connection, some, judge)
        yield _part(some, fates)


def replay(outbox: Outbox, ids: Sequence[int], judge: Judge, now: int) -> Iterator[Part]:
    """Let those wait again, due at once and under their own event_id, that are still dead and not refused."""
    for some in _parts(ids):
        with outbox.write() as connection:
            fates = _judged(connection, some, judge)
            kept = [row for row, fate in fates.items() if fate.refused is None and not fate.renewed]
            renewed = [row for row, fate in fates.items() if fate.refused is None and fate.renewed]
            _change(connection, kept, {**AS_NEW, "due_at": now, "changed_at": now})
            again = {"horizon_from": now, "unknown_outcome": False}
            _change(connection, renewed, {**AS_NEW, **again, "due_at": now, "changed_at": now})
        yield _part(some, fates)


def drop(outbox: Outbox, ids: Sequence[int]) -> Iterator[Part]:
    """Delete those that are still dead."""
    for some in _parts(ids):
        with outbox.write() as connection:
            done = connection.execute(sa.delete(events).where(events.c.id.in_(some), is_state(State.DEAD))).rowcount
        yield Part(len(some), done)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [is_state(State.DEAD), is_held]
    if wanted.ids:
        found.append(events.c.id.in_(wanted.ids))
    if wanted.site is not None:
        found.append(events.c.site == wanted.site)
    if wanted.event is not None:
        found.append(events.c.event == wanted.event)
    if wanted.reason is not None:
        found.append(events.c.reason.icontains(wanted.reason, autoescape=True))
    if wanted.after is not None:
        found.append(events.c.changed_at > wanted.after)
    if wanted.before is not None:
        found.append(events.c.changed_at < wanted.before)
    return found


def _judged(connection: sa.Connection, ids: Sequence[int], judge: Judge) -> dict[int, Fate]:
    # By their rows, not by the index of the held: another sender or command may have changed them since.
    entries = _entries(connection, sa.select(events).where(events.c.id.in_(ids), is_state(State.DEAD)))
    return {entry.id: judge(entry) for entry in entries}


def _change(connection: sa.Connection, ids: Sequence[int], values: dict[str, Any]) -> None:
    if ids:
        connection.execute(sa.update(events).where(events.c.id.in_(ids)).values(**values))


def _part(ids: Sequence[int], fates: dict[int, Fate]) -> Part:
    refused = Counter(fate.refused for fate in fates.values() if fate.refused is not None)
    return Part(len(ids), len(fates) - refused.total(), refused)


def _entries(connection: sa.Connection, query: sa.Select[Any]) -> list[Entry]:
    return [from_row(dict(row)) for row in connection.execute(query).mappings()]


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
