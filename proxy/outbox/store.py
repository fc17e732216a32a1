"""The outbox: add, claim, settle, release, give_up, counts. Everything durable about an event goes through here.

An event's row is unique for (destination, event, event_id) and moves

    waiting -> sending -> delivered | dead | waiting again         withheld -> waiting

``claim`` writes a token before anything is posted, and only the holder of that token may settle, release or give up;
so a sender that was given up for dead can no longer change what another one does. What a further report of a known
event does is not known here: ``add`` is handed a merge function.
"""

import json
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from proxy.outbox import match_keys, statements
from proxy.outbox.entry import AS_NEW, Entry, from_row, to_row
from proxy.outbox.match_keys import Matching
from proxy.outbox.place import Room
from proxy.outbox.tables import State, events, facts, is_held, is_own_attempt, is_state

HOUR = 3_600_000
DAY = 24 * HOUR
MERGE_WINDOW = HOUR // 12  # TikTok joins the legs' match keys within five minutes
# How long an event's row answers further reports, counted from its delivery.
REMEMBER_UNKEYED = 72 * HOUR
REMEMBER_UNPROVED_KEY = 30 * DAY
REMEMBER_PROVED_KEY = 400 * DAY
# No wait or backoff of ours reaches so far ahead (Retry-After is capped at an hour): what is due later was stamped by a
# clock that has since been set back.
CLOCK_WENT_BACK = 2 * HOUR
# A sender may wait for the disk after it has looked at its clock: what was stored meanwhile is newer than its "now",
# and no clock has been set back.
TURN_MAY_LAST = HOUR // 60

# A finding for the operator: the shop's page and its back end disagree about the order's event_id.
TWO_IDS = "event_id: this key is told under two event_ids, so TikTok counts it twice; send the key as event_id"
MOST_IDS_OF_A_KEY = 10

T = TypeVar("T")

Name = tuple[str, str, str]
Merge = Callable[[Entry, Entry, int], dict[str, Any]]


class Engine(Protocol):
    """What differs between databases."""

    claim_lock: bool

    def write(self) -> AbstractContextManager[sa.Connection]: ...
    def read(self) -> AbstractContextManager[sa.Connection]: ...
    def admit(self, backend: bool) -> None: ...
    def room(self) -> Room | None: ...
    def insert(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> Sequence[int]: ...
    def scrub(self) -> None: ...
    def copies(self) -> list[AbstractContextManager[sa.Connection]]: ...
    def out_of_reach(self) -> list[Path]: ...
    def become_keeper(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """One event in a sender's hands; times in ms. ``attempts`` counts this one."""

    id: int
    event: str
    event_id: str
    body: str
    test_code: str
    seen_at: int
    horizon_from: int
    attempts: int
    first_attempt_at: int
    unknown_outcome: bool
    pixel: str | None
    browser: bool


class Outbox:
    """The waiting room on one engine. Times are Unix milliseconds and always come in as arguments.

    Without ``matching`` nothing is kept of an order beside its events.
    """

    def __init__(self, engine: Engine, merge: Merge, matching: Matching | None = None) -> None:
        self._engine = engine
        self._merge = merge
        self._matching = matching
        self.write = engine.write
        self.read = engine.read
        self.admit = engine.admit
        self.room = engine.room
        self.scrub = engine.scrub
        self.copies = engine.copies
        self.out_of_reach = engine.out_of_reach
        self.become_keeper = engine.become_keeper
        self.close = engine.close

    # Coming in

    def add(self, connection: sa.Connection, entries: Sequence[Entry], now: int) -> None:
        """Store each entry, or merge it into the row of the same event. Call inside ``write()``."""
        keyed = [entry for entry in entries if entry.is_order] if self._matching else []
        if keyed and self._matching:
            match_keys.inherit(connection, self._matching, keyed)
        fresh: dict[Name, Entry] = {}
        further: list[Entry] = []
        for entry in entries:
            if fresh.setdefault(entry.name, entry) is not entry:
                further.append(entry)
        ids = self._engine.insert(connection, [to_row(entry) for entry in fresh.values()]) if fresh else ()
        new = fresh.keys() if len(ids) == len(fresh) else _names(connection, ids)
        known = [entry for name, entry in fresh.items() if name not in new]
        joined = [self._join(connection, entry, now) for entry in [*known, *further]]
        if keyed and self._matching:
            stored = [entry for name, entry in fresh.items() if name in new]
            match_keys.keep(connection, self._matching, [*stored, *joined], now)
        if ids and any(entry.key is not None for entry in fresh.values()):
            for name in _told_before(connection, ids) & new:
                _note_second_id(connection, fresh[name])
        _spread_pixel_state(connection, entries)

    def _join(self, connection: sa.Connection, told: Entry, now: int) -> Entry:
        """Merge ``told`` into its event's row; returns the row as it is then."""
        query = sa.select(events).where(
            events.c.destination == told.destination,
            events.c.event == told.event,
            events.c.event_id == told.event_id,
        )
        if self._engine.claim_lock:
            query = query.with_for_update()
        held = from_row(dict(connection.execute(query).mappings().one()))
        changes = self._merge(held, told, now)
        changes = {name: value for name, value in changes.items() if getattr(held, name) != value}
        if held.view is None and told.view is not None:
            changes["view"] = told.view  # a back end told it first: from now on the pixel's state reaches it
        if held.key is not None and held.state == State.DELIVERED and "proved" in changes and "state" not in changes:
            changes["expires_at"] = (held.delivered_at or now) + REMEMBER_PROVED_KEY
        joined = replace(held, **changes, is_order=told.is_order)
        if "warnings" in changes:
            changes["warnings"] = json.dumps(changes["warnings"], ensure_ascii=False)
        if changes:
            changes["changed_at"] = now
        connection.execute(
            sa.update(events).where(events.c.id == held.id).values(reports=events.c.reports + 1, **changes)
        )
        return joined

    # Going out

    def claim(
        self, destination: str, now: int, limit: int, token: str, lease_ms: int, *, newest_first: bool = False
    ) -> list[Claimed]:
        """Take up to ``limit`` due events for one request: fresh ones first, topped up with the oldest.

        ``newest_first`` looks from the other end, past an event that stands in the way of all after it.
        They share one test code, and an event whose batch kept failing is taken only with its like (``batch_limit``).
        """
        with self._engine.write() as connection:
            ids = self._pick(connection, destination, now, limit, newest_first)
            if not ids:
                return []
            claim = {"at": now, "token": token, "until": now + lease_ms}
            rows = [row for part in _parts(ids) for row in connection.execute(_CLAIM, {"ids": part, **claim}).all()]
            return sorted((Claimed(*row) for row in rows), key=lambda event: event.id)

    def _pick(self, connection: sa.Connection, destination: str, now: int, limit: int, newest_first: bool) -> list[int]:
        told = {"to": destination, "most": limit, "fresh_from": now - MERGE_WINDOW, **_clock(now)}
        picked: list[int] = []
        kind: tuple[str, int | None] | None = None
        for query in statements.PICK_NEWEST_FIRST if newest_first else statements.PICK:
            if len(picked) >= limit:
                break
            if self._engine.claim_lock:
                query = query.with_for_update(skip_locked=True)
            for row_id, test_code, batch_limit in connection.execute(query, told).all():
                kind = kind or (test_code, batch_limit)
                if (test_code, batch_limit) == kind and len(picked) < min(limit, batch_limit or limit):
                    picked.append(row_id)
        return picked

    def next_due(self, destination: str, now: int) -> int | None:
        """When the destination's next waiting event is due (ms), or ``None`` with nothing waiting."""
        told = {"to": destination, **_clock(now)}
        with self._engine.read() as connection:
            first: int | None = connection.execute(statements.NEXT_DUE, {"to": destination}).scalar()
            if first is None or first <= now:
                return first
            return now if connection.execute(statements.STRANDED, told).first() else first

    def settle(
        self,
        token: str,
        ids: Sequence[int],
        now: int,
        *,
        code: int,
        request_id: str | None,
        alarm: str | None = None,
        test_code: str = "",
    ) -> int:
        """The events were delivered, under ``test_code``. Returns how many of them this token still held."""
        held = {"at": now, "token": token, "as_test": test_code}
        told = {
            "its_code": code,
            "its_request": request_id,
            "alarm": alarm,
            "unkeyed_until": now + REMEMBER_UNKEYED,
            "unproved_until": now + REMEMBER_UNPROVED_KEY,
            "proved_until": now + REMEMBER_PROVED_KEY,
        }
        with self._engine.write() as connection:
            done = 0
            for part in _parts(ids):
                settled = connection.execute(statements.SETTLE, {"ids": part, **held, **told}).rowcount
                if settled < len(part):
                    settled += connection.execute(statements.SETTLE_AND_SEND_AGAIN, {"ids": part, **held}).rowcount
                done += settled
            return done

    def release(
        self,
        token: str,
        ids: Sequence[int],
        now: int,
        *,
        reason: str,
        unknown: bool = False,
        due_at: int | None = None,
        batch_limit: int | None = None,
        untried: bool = False,
    ) -> int:
        """Put the events back to wait; what was told meanwhile goes out merged. Returns how many were held.

        ``unknown``: TikTok may have counted them. ``untried``: they were not part of any request after all.
        """
        values = _back(now, reason)
        if unknown:
            values["unknown_outcome"] = _IN_DOUBT
        if due_at is not None:
            values["due_at"] = sa.case((is_own_attempt, due_at), else_=events.c.due_at)
        if batch_limit is not None:
            values["batch_limit"] = sa.case((is_own_attempt, batch_limit), else_=events.c.batch_limit)
        if untried:
            values["attempts"] = _UNTRIED
        return self._end_claim(token, ids, values)

    def give_up(
        self,
        token: str,
        ids: Sequence[int],
        now: int,
        *,
        reason: str,
        code: int | None = None,
        request_id: str | None = None,
        untried: bool = False,
    ) -> int:
        """The events can never be delivered: keep them as dead letters. Returns how many were held.

        One of which another report came meanwhile is no longer what was refused, and waits again instead.
        """
        with self._engine.write() as connection:
            done = 0
            for part in _parts(ids):
                mine = _mine(token, part)
                done += connection.execute(
                    sa.update(events)
                    .where(*mine, events.c.beside.is_not(None))
                    .values(**_UNCLAIMED, state=State.WAITING.value, body=events.c.beside, beside=None, changed_at=now)
                ).rowcount
                done += connection.execute(
                    sa.update(events)
                    .where(*mine)
                    .values(
                        **_UNCLAIMED,
                        state=State.DEAD.value,
                        reason=reason,
                        code=code,
                        request_id=request_id,
                        attempts=events.c.attempts - int(untried),
                        batch_limit=None,
                        changed_at=now,
                    )
                ).rowcount
            return done

    def dead_alike(self, destination: str, reason: str, since: int) -> int:
        """How many dead letters of a destination, of ``since`` (ms) or later, have exactly this reason."""
        query = sa.select(sa.func.count()).where(*_died_alike(destination, reason, since))
        with self._engine.read() as connection:
            return connection.execute(query).scalar_one()

    def revive(self, destination: str, reason: str, since: int, now: int) -> int:
        """Let what ``dead_alike`` counts wait again: the reason turned out to be a wrong setting."""
        with self._engine.write() as connection:
            return connection.execute(
                sa.update(events)
                .where(*_died_alike(destination, reason, since))
                .values(**AS_NEW, due_at=now, changed_at=now)
            ).rowcount

    def release_token(self, token: str, now: int, reason: str) -> int:
        """Put back whatever a sender still holds after a failure of its own, and has not posted."""
        with self._engine.write() as connection:
            return connection.execute(
                sa.update(events)
                .where(is_state(State.SENDING), is_held, events.c.claim == token)
                .values(**_UNCLAIMED, **_back(now, reason), attempts=_UNTRIED)
            ).rowcount

    def void_leases(self, now: int) -> int:
        """Free what a former keeper had in flight; TikTok may have counted it. Only the one keeper may call this."""
        with self._engine.write() as connection:
            return connection.execute(
                sa.update(events)
                .where(is_state(State.SENDING), is_held)
                .values(
                    **_UNCLAIMED,
                    **_back(now, "the keeper stopped while this was in flight"),
                    unknown_outcome=_IN_DOUBT,
                )
            ).rowcount

    def _end_claim(self, token: str, ids: Sequence[int], values: dict[str, Any]) -> int:
        with self._engine.write() as connection:
            return sum(
                connection.execute(sa.update(events).where(*_mine(token, part)).values(**_UNCLAIMED, **values)).rowcount
                for part in _parts(ids)
            )

    # Looking

    def counts(self) -> dict[tuple[str, str], int]:
        """How many events stand where: (destination, state) -> number."""
        query = sa.select(events.c.destination, events.c.state, sa.func.count()).group_by(
            events.c.destination, events.c.state
        )
        with self._engine.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def fact(self, name: str) -> str | None:
        """A small fact of the whole outbox, such as the keeper's ``heartbeat``."""
        with self._engine.read() as connection:
            return connection.execute(sa.select(facts.c.value).where(facts.c.name == name)).scalar()

    def remember(self, name: str, value: str) -> None:
        """Set a small fact."""
        self.change(name, lambda _held: value)

    def change(self, name: str, made: Callable[[str | None], str]) -> None:
        """Set a small fact to what ``made`` makes of it; nobody else changes it meanwhile."""
        query = sa.select(facts.c.value).where(facts.c.name == name)
        if self._engine.claim_lock:
            query = query.with_for_update()
        with self._engine.write() as connection:
            held = connection.execute(query).scalar()
            value = made(held)
            if held is None:
                connection.execute(sa.insert(facts).values(name=name, value=value))
            else:
                connection.execute(sa.update(facts).where(facts.c.name == name).values(value=value))


# Neither concerns a live event that took over the test in flight.
_IN_DOUBT = events.c.unknown_outcome | is_own_attempt
_UNTRIED = events.c.attempts - sa.case((is_own_attempt, 1), else_=0)
_UNCLAIMED: dict[str, Any] = {"claim": None, "lease_until": None}
_CLAIM = statements.CLAIM.returning(*(events.c[name] for name in Claimed.__dataclass_fields__))


def _clock(now: int) -> dict[str, int]:
    """What was seen later than ``too_new``, or is due later than ``too_far``, was stamped by another clock."""
    return {"at": now, "too_new": now + TURN_MAY_LAST, "too_far": now + CLOCK_WENT_BACK}


def _back(now: int, reason: str) -> dict[str, Any]:
    """Waiting again, with what was told meanwhile."""
    return {
        "state": State.WAITING.value,
        "body": sa.func.coalesce(events.c.beside, events.c.body),
        "beside": None,
        "reason": reason,
        "changed_at": now,
    }


def _died_alike(destination: str, reason: str, since: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        is_state(State.DEAD),
        is_held,
        events.c.changed_at >= since,
        events.c.destination == destination,
        events.c.reason == reason,
    )


def _mine(token: str, ids: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    return events.c.id.in_(ids), events.c.claim == token, events.c.state == State.SENDING.value


def _parts(many: Sequence[T], size: int = 1_000) -> Iterator[Sequence[T]]:
    for start in range(0, len(many), size):
        yield many[start : start + size]


def _names(connection: sa.Connection, ids: Sequence[int]) -> Set[Name]:
    """The events of these rows."""
    return {
        (row[0], row[1], row[2]) for part in _parts(ids) for row in connection.execute(statements.NAMES, {"ids": part})
    }


def _told_before(connection: sa.Connection, ids: Sequence[int]) -> Set[Name]:
    """Those of these rows, and maybe of others between them, that have a key which another row of the event has too."""
    rows = connection.execute(statements.TOLD_BEFORE, {"first": min(ids), "last": max(ids)})
    return {(row[0], row[1], row[2]) for row in rows}


def _note_second_id(connection: sa.Connection, entry: Entry) -> None:
    """One order under two event_ids is counted twice by TikTok, and only the shop can mend that: say so on both."""
    query = sa.select(events.c.id, events.c.warnings).where(
        events.c.site == entry.site,
        events.c.key == entry.key,
        events.c.destination == entry.destination,
        events.c.event == entry.event,
    )
    rows = connection.execute(query.limit(MOST_IDS_OF_A_KEY)).all()
    if len(rows) < 2:
        return
    for row in rows:
        held = json.loads(row.warnings)
        if TWO_IDS not in held:
            text = json.dumps([TWO_IDS, *held], ensure_ascii=False)
            connection.execute(sa.update(events).where(events.c.id == row.id).values(warnings=text))


def _spread_pixel_state(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """The best that is known of a view's pixel, told now or before, holds for every event of it.

    One look at the whole commit: a view whose events agree already, as nearly all do, costs no statement of its own.
    """
    told: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.view is not None:
            place = entry.site, entry.view
            told[place] = max(told.get(place, 0), statements.PIXEL_RANKS.get(entry.pixel or "", 0))
    behind: dict[tuple[str, int], list[str]] = {}
    for part in _parts(sorted({view for _, view in told})):
        for site, view, lowest, highest in connection.execute(statements.PIXELS_OF_VIEWS, {"views": part}):
            new = told.get((site, view))
            if new is None:
                continue  # an equal view of another site
            # That a pixel sent, no report can take back; of other words the latest stands.
            best = _SENT if highest == _SENT else new or highest
            if (lowest, highest) != (best, best):
                behind.setdefault((site, best), []).append(view)
    for (site, best), views in behind.items():
        for part in _parts(views):
            told_as = {"of_site": site, "views": part, "told": _PIXELS[best]}
            connection.execute(statements.SHARE_PIXEL, told_as)


_SENT = statements.PIXEL_RANKS["sent"]
_PIXELS = {rank: pixel for pixel, rank in statements.PIXEL_RANKS.items()}
