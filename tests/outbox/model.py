"""The outbox as the design tells of it, in plain Python: what a row of it should hold after each thing that can happen.

Written from the rules, not from the code, so that the two can be held against each other. Times are in ms. A body is
reduced to what the rules speak of: the money, the person, the browser's address and limited data use.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

HOUR = 3_600_000
MINUTE = 60_000
DAY = 24 * HOUR

Name = tuple[str, str]  # (destination, event_id)


@dataclass(frozen=True, slots=True)
class Item:
    """What TikTok gets of an event."""

    value: int
    person: str
    ip: str | None
    limited: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One report. A back end's comes without a view, an address and a word on the pixel."""

    event_id: str
    item: Item
    key: str | None
    browser: bool
    proved: bool
    view: str | None
    pixel: str | None
    withheld: bool
    wait: int
    test_code: str


@dataclass
class Row:
    """What is compared with the real row; what is not stands in ``Model``."""

    state: str
    body: Item | None
    key: str | None
    view: str | None
    pixel: str | None
    browser: bool
    backend: bool
    proved: bool
    limited: bool
    test_code: str
    seen_at: int
    horizon_from: int
    due_at: int
    reports: int = 1
    beside: Item | None = None
    claim: str | None = None
    sent_proved: bool = False
    attempts: int = 0
    unknown_outcome: bool = False
    batch_limit: int | None = None
    delivered_at: int | None = None

    @property
    def memory(self) -> int:
        """How long it answers further reports, counted from its delivery."""
        if self.key is None:
            return 72 * HOUR
        return 400 * DAY if self.proved else 30 * DAY


@dataclass
class Standing:
    """How a destination stands."""

    fingerprint: str
    settled_at: int
    delivered_since: bool = False
    delivered_at: int | None = None
    paused_at: int | None = None
    paused_by: str | None = None
    attempts: int = 0
    next_at: int = 0

    def run(self) -> None:
        self.paused_at = self.paused_by = None
        self.attempts = self.next_at = 0


@dataclass
class Model:
    """All rows by name. ``money`` is the value last merged, ``changed`` between which times a row changed last."""

    rows: dict[Name, Row] = field(default_factory=dict)
    money: dict[Name, int] = field(default_factory=dict)
    changed: dict[Name, tuple[int, int]] = field(default_factory=dict)
    destinations: dict[str, Standing] = field(default_factory=dict)

    # Coming in

    def put(self, destination: str, told: Told, now: int) -> None:
        name = destination, told.event_id
        if name in self.rows:
            self._tell(name, told, now)
        else:
            self.rows[name] = Row(
                state="withheld" if told.withheld else "waiting",
                body=told.item,
                key=told.key,
                view=told.view,
                pixel=told.pixel,
                browser=told.browser,
                backend=not told.browser,
                proved=told.proved,
                limited=told.item.limited,
                test_code=told.test_code,
                seen_at=now,
                horizon_from=now,
                due_at=now + told.wait,
            )
            self.money[name] = told.item.value
            self.changed[name] = now, now
        self._share_pixel(told)

    def _tell(self, name: Name, told: Told, now: int) -> None:
        row = self.rows[name]
        self.changed[name] = self.changed[name][0], max(now, self.changed[name][1])
        row.reports += 1
        row.view = row.view or told.view
        row.pixel = _pixel(row.pixel, told.pixel)
        first_proved = told.proved and not row.proved
        before = row.beside or row.body
        if told.item.limited and not row.limited:
            row.limited = True
            self._limit(row)
        if told.withheld:
            return
        if row.state == "delivered":
            if first_proved:
                assert row.delivered_at is not None
                if now - row.delivered_at > 48 * HOUR and told.item.value == self.money[name]:
                    row.proved, row.backend = True, row.backend or not told.browser
                else:
                    self._join(name, row, told)
                    row.horizon_from, row.unknown_outcome = now, False
                    self._wake(name, row, now)
        elif row.state in ("dead", "withheld"):
            joined = _joined(row, told)
            if first_proved or joined != before:
                void = row.state == "withheld" and not row.proved
                self._join(name, row, told)
                self._wake(name, row, now)
                if void:  # nothing of it counts: what is told now comes first, and waits for what is still to come
                    row.browser, row.due_at = told.browser, now + told.wait
        else:
            complete = row.browser and row.backend
            self._join(name, row, told)
            if row.state == "waiting" and row.browser and row.backend and not complete:
                row.due_at = now

    def _join(self, name: Name, row: Row, told: Told) -> None:
        joined = _joined(row, told)
        if row.state != "sending":
            row.body = joined
        elif joined != (row.beside or row.body) or (told.proved and not row.proved):
            row.beside = joined  # the same again is nothing new
        row.browser, row.backend = row.browser or told.browser, row.backend or not told.browser
        row.proved = row.proved or told.proved
        self.money[name] = joined.value

    def _limit(self, row: Row) -> None:
        held = row.beside or row.body
        if held is None:
            return
        if row.state == "sending":
            row.beside = replace(held, limited=True)
        else:
            row.body = replace(held, limited=True)

    def _wake(self, name: Name, row: Row, now: int) -> None:
        row.state, row.due_at, row.attempts, row.batch_limit = "waiting", now, 0, None
        self._touch([name], now)

    def _share_pixel(self, told: Told) -> None:
        """One pixel works for all events of a view: what is known of it holds for each of them."""
        if told.view is None:
            return
        same = [row for row in self.rows.values() if row.view == told.view]
        for known in (told.pixel, *(row.pixel for row in same if row.pixel == "sent")):
            for row in same:
                row.pixel = _pixel(row.pixel, known)
        known = max((row.pixel for row in same if row.pixel in ("blocked", "sent")), default=None)
        for row in same:
            if row.pixel in (None, "unknown"):
                row.pixel = _pixel(row.pixel, known)

    # Going out

    def due(self, destination: str, now: int) -> dict[Name, tuple[int, int]]:
        """What may be claimed, with its place in the order: fresh, then the oldest, then a clock's victims."""
        found: dict[Name, tuple[int, int]] = {}
        for name, row in self.rows.items():
            if name[0] != destination or row.state != "waiting":
                continue
            if row.due_at <= now:
                found[name] = (0 if row.due_at > now - 5 * 60_000 else 1), row.due_at
            elif row.seen_at > now + MINUTE or row.due_at > now + 2 * HOUR:
                found[name] = 2, row.due_at
        return found

    def claim(self, names: Iterable[Name], token: str, now: int) -> None:
        for name in names:
            row = self.rows[name]
            row.state, row.claim, row.sent_proved = "sending", token, row.proved
            row.attempts += 1
            self._touch([name], now)

    def held_by(self, token: str, names: Iterable[Name]) -> list[Name]:
        return [
            name for name in names if (row := self.rows.get(name)) and row.state == "sending" and row.claim == token
        ]

    def settle(self, names: Collection[Name], now: int) -> None:
        for name in names:
            row = self.rows[name]
            again = row.beside is not None and row.proved and not row.sent_proved
            row.claim, row.delivered_at = None, now
            if again:
                row.state, row.body = "waiting", row.beside
                row.horizon_from = row.due_at = now
                row.unknown_outcome = False
                row.attempts, row.batch_limit = 0, None
            else:
                row.state, row.batch_limit = "delivered", None
            row.beside = None
        self._touch(names, now)

    def release(
        self,
        names: Collection[Name],
        now: int,
        *,
        unknown: bool = False,
        due_at: int | None = None,
        batch_limit: int | None = None,
        untried: bool = False,
    ) -> None:
        for name in names:
            row = self.rows[name]
            row.state, row.claim = "waiting", None
            row.body, row.beside = row.beside or row.body, None
            row.unknown_outcome = row.unknown_outcome or unknown
            row.due_at = row.due_at if due_at is None else due_at
            row.batch_limit = batch_limit or row.batch_limit
            row.attempts -= untried
        self._touch(names, now)

    def give_up(self, names: Collection[Name], now: int, *, untried: bool) -> None:
        for name in names:
            row = self.rows[name]
            row.claim = None
            if row.beside is not None:
                row.state, row.body, row.beside = "waiting", row.beside, None
            else:
                row.state, row.batch_limit = "dead", None
                row.attempts -= untried
        self._touch(names, now)

    def void_leases(self, now: int) -> None:
        self.release([name for name, row in self.rows.items() if row.state == "sending"], now, unknown=True)

    # By hand and by time

    def replay(self, names: Iterable[Name], now: int, *, renewed: bool) -> None:
        for name in names:
            row = self.rows[name]
            if row.state != "dead":
                continue
            if renewed:
                row.horizon_from, row.unknown_outcome = now, False
            self._wake(name, row, now)

    def drop(self, names: Iterable[Name]) -> None:
        for name in [name for name in names if self.rows[name].state == "dead"]:
            self._forget(name)

    def erase(self, person: str, now: int) -> int:
        found = [
            name
            for name, row in self.rows.items()
            if any(item is not None and item.person == person for item in (row.body, row.beside))
        ]
        for name in found:
            row = self.rows[name]
            row.unknown_outcome = row.unknown_outcome or row.state == "sending"
            row.body = row.beside = row.view = row.claim = None
            row.state = "delivered" if row.state == "delivered" else "withheld"
        self._touch(found, now)
        return len(found)

    def clean(self, now: int, gone: Collection[Name]) -> None:
        """``gone``: what really went, which decides where a further report may or may not count as a change."""
        for name, row in list(self.rows.items()):
            if row.state == "delivered":
                assert row.delivered_at is not None
                if row.delivered_at + row.memory <= now:
                    self._forget(name)
                elif row.delivered_at + 72 * HOUR <= now:
                    row.body = row.beside = None
            elif row.state in ("dead", "withheld"):
                first, last = self.changed[name]
                if last + 90 * DAY <= now or (first + 90 * DAY <= now and name in gone):
                    self._forget(name)

    def _forget(self, name: Name) -> None:
        del self.rows[name], self.money[name], self.changed[name]

    def _touch(self, names: Iterable[Name], now: int) -> None:
        for name in names:
            self.changed[name] = now, now

    # Destinations

    def settle_in(self, name: str, fingerprint: str, now: int) -> None:
        held = self.destinations.setdefault(name, Standing(fingerprint, now))
        if held.fingerprint != fingerprint:
            held.fingerprint, held.settled_at, held.delivered_since = fingerprint, now, False
            if held.paused_by != "operator":
                held.run()

    def pause(self, name: str, by: str, now: int, probe_at: int) -> None:
        held = self.destinations[name]
        if by == "operator" or held.paused_by != "operator":
            held.paused_at = now if held.paused_at is None else held.paused_at
            held.paused_by, held.next_at = by, probe_at

    def resume(self, name: str) -> None:
        self.destinations[name].run()

    def back_off(self, name: str, until: int) -> None:
        held = self.destinations[name]
        if held.paused_by != "operator":
            held.attempts, held.next_at = held.attempts + 1, until

    def delivered(self, name: str, now: int, met: int) -> None:
        """What another sender met since the claim, when it may next be tried, outlives a success that comes late."""
        held = self.destinations[name]
        held.delivered_since, held.delivered_at = True, now
        if held.paused_by != "operator" and held.next_at == met:
            held.run()


def _pixel(held: str | None, told: str | None) -> str | None:
    """Once sent it stays so, since TikTok may have counted; "unknown" replaces nothing that is known."""
    if held == "sent" or told is None or (told == "unknown" and held is not None):
        return held
    return told


def _joined(row: Row, told: Told) -> Item:
    """Proved facts win, a back end's over a ticket's, and of two tickets the first. The first browser gives the
    address; but a bot gives none, nor does one whose order a browser's ticket shows to be another's."""
    held = row.beside or row.body
    limited = row.limited or told.item.limited
    if held is None:
        return replace(told.item, limited=limited)
    if row.state == "withheld":
        void = not row.proved
    else:
        void = row.browser and not row.proved and told.browser and told.proved
    told_wins = told.proved and (not told.browser or not row.proved)
    winner = told.item if void or told_wins else held
    if void and row.browser:
        ip = told.item.ip
    elif row.browser:
        ip = held.ip if told.browser else held.ip or told.item.ip
    else:
        ip = told.item.ip or held.ip if told.browser else held.ip or told.item.ip
    return Item(winner.value, winner.person, ip, limited)
