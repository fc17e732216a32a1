"""Whatever happens in whatever order, the outbox holds what a plain model of the design says.

Each run opens an empty outbox and does up to fifty things to it, crashes, restarts and clocks set back among them;
after each one every row is compared. A failure prints the shortest story that Hypothesis finds.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from proxy.events.merging import merge
from proxy.outbox import dead_letters
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.erase import erase
from proxy.outbox.retention import Keep, clean
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Engine, Outbox
from tests.outbox.model import DAY, HOUR, Item, Model, Name, Row, Told
from tests.rows import all_rows

pytestmark = pytest.mark.timeout(3600)

START = 1_700_000_000_000
DESTINATIONS = ("shop/P1", "shop/P2")
HAPPENINGS = (
    *("other token", "same token", "pause by operator", "pause by tiktok", "resume"),
    *("back off", "delivered", "delivered late"),
)
PEOPLE = ("a" * 64, "b" * 64)
VIEWS = {"u1": "view-1", "k1": "view-1", "k2": "view-2", "t1": "view-2"}
STEPS = (1_000, 20_000, 6 * 60_000, 3 * HOUR, 49 * HOUR, 73 * HOUR, 31 * DAY, 91 * DAY, 401 * DAY, -1_000, -HOUR, -DAY)
ENDS = ("settle", "settle", "settle", "release", "give up", "the sender fails")


class Home(Protocol):
    """Where an engine keeps its data, through crashes."""

    def open(self) -> Engine: ...
    def crash(self) -> Engine: ...
    def close(self) -> None: ...


class SqliteHome:
    """A file in a folder of its own. A crash leaves the file and its log as they are at that moment.

    That is a process's end, not the power's: so nothing has to be synced, which takes most of the time.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._lives = 0

    @property
    def _path(self) -> Path:
        return Path(self._folder.name, str(self._lives), "outbox.db")

    def open(self) -> Engine:
        return Sqlite(self._path, synchronous="NORMAL")

    def crash(self) -> Engine:
        left = [Path(f"{self._path}{end}") for end in ("", "-wal")]
        self._lives += 1
        self._path.parent.mkdir()
        for file in left:
            shutil.copy(file, self._path.parent)
        return self.open()

    def close(self) -> None:
        self._folder.cleanup()


@pytest.fixture(params=[SqliteHome])
def home(request: pytest.FixtureRequest) -> Callable[[], Home]:
    """Makes the engine's home of one run; another engine is one more parameter."""
    return request.param  # type: ignore[no-any-return]


items = st.builds(
    Item, value=st.integers(1, 2), person=st.sampled_from(PEOPLE), ip=st.sampled_from(["8.8.8.8", "9.9.9.9"]),
    limited=st.sampled_from([False, False, False, True]),
)  # fmt: skip


@st.composite
def reports(draw: Any) -> Told:
    """A browser's report, with a ticket or without, or a back end's, which is always proved."""
    event_id = draw(st.sampled_from(sorted(VIEWS)))
    item = draw(items)
    browser = draw(st.sampled_from([True, True, False]))
    return Told(
        event_id=event_id,
        item=item if browser else Item(item.value, item.person, None, item.limited),
        key=event_id if event_id.startswith("k") else None,
        browser=browser,
        proved=not browser or draw(st.sampled_from([False, False, True])),
        view=VIEWS[event_id] if browser else None,
        pixel=draw(st.sampled_from(["unknown", "blocked", "sent"])) if browser else None,
        withheld=browser and draw(st.sampled_from([False] * 5 + [True])),
        wait=draw(st.sampled_from([0, 0, 20_000])),
        test_code="TEST1" if event_id == "t1" else "",
    )


class Story(RuleBasedStateMachine):
    """What may happen to an outbox."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self.home = home
        self.model = Model()
        self.now = START
        self.tokens = 0
        self.sent_as: dict[str, str] = {}  # the test code of each token's request
        self.claims: list[tuple[str, dict[Name, int]]] = []  # every token ever given, with the row ids it got
        self._use(home.open())

    def _use(self, engine: Engine) -> None:
        self.outbox = Outbox(engine, merge)
        self.outbox.become_keeper()
        self.destinations = Destinations(self.outbox)

    def teardown(self) -> None:
        self.outbox.close()
        self.home.close()

    @initialize(told=st.lists(reports(), min_size=4, max_size=8), data=st.data())
    def begin(self, told: list[Told], data: st.DataObject) -> None:
        """In the middle of things: some events wait, others are in flight, delivered or dead."""
        for name in DESTINATIONS:
            self.settle_in(name, "first")
        self.put(told, DESTINATIONS)
        for name in DESTINATIONS:
            for _ in range(2):  # an event for the test code goes apart
                if got := self.claim(name, 1_000):
                    for event in got:
                        if how := data.draw(st.sampled_from([*ENDS, None, None])):
                            self._end(self.claims[-1][0], [event], how, data)

    # Coming in

    def put(self, told: list[Told], to: tuple[str, ...]) -> None:
        """Some reports in one commit, for each pixel of the site."""
        with self.outbox.write() as connection:
            self.outbox.add(connection, [entry(name, one, self.now) for one in told for name in to], self.now)
        for one in told:
            for name in to:
                self.model.put(name, one, self.now)

    @rule(told=st.lists(reports(), min_size=1, max_size=3), to=st.sampled_from([DESTINATIONS, DESTINATIONS[:1]]))
    def reports_come(self, told: list[Told], to: tuple[str, ...]) -> None:
        self.put(told, to)

    @rule(told=reports())
    def a_report_comes(self, told: Told) -> None:
        self.put([told], DESTINATIONS[:1])

    # Going out

    @precondition(lambda self: any(self.model.due(name, self.now) for name in DESTINATIONS))
    @rule(destination=st.sampled_from(DESTINATIONS), limit=st.sampled_from([1, 2, 1_000, 1_000]),
          then=st.sampled_from([*ENDS, None]), data=st.data())  # fmt: skip
    def a_sender_takes_a_turn(self, destination: str, limit: int, then: str | None, data: st.DataObject) -> None:
        """It claims a batch, and ends it at once or leaves it for later."""
        got = self.claim(destination, limit)
        if got and then is not None:
            self._end(self.claims[-1][0], got, then, data)

    def claim(self, destination: str, limit: int) -> list[Name]:
        self.tokens += 1
        token = f"token-{self.tokens}"
        due = self.model.due(destination, self.now)
        claimed = self.outbox.claim(destination, self.now, limit, token, 60_000)
        got = {(destination, event.event_id): event.id for event in claimed}
        assert len(got) == len(claimed) <= limit
        assert got.keys() <= due.keys()
        assert bool(got) == bool(due)
        kinds = {name: (self.model.rows[name].test_code, self.model.rows[name].batch_limit) for name in due}
        assert len({kinds[name] for name in got}) <= 1
        smallest = min((kinds[name][1] or limit for name in got), default=limit)
        assert len(got) <= smallest
        if len(set(kinds.values())) == 1:
            count = min(limit, smallest, len(due))
            assert sorted(due[name] for name in got) == sorted(due.values())[:count]
        self.model.claim(got, token, self.now)
        for event in claimed:
            row = self.model.rows[destination, event.event_id]
            assert item_of(event.body) == row.body
            assert (event.attempts, event.horizon_from) == (row.attempts, row.horizon_from)
        if got:
            self.claims.append((token, got))
            self.sent_as[token] = claimed[0].test_code
        return list(got)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def part_of_a_claim_ends(self, data: st.DataObject, how: str) -> None:
        """One of the last claims, which a restart may have voided and another sender may hold by now."""
        token, got = data.draw(st.sampled_from(self.claims[:-5:-1]))
        self._end(token, [name for name in got if data.draw(st.sampled_from([True, True, False]))], how, data)

    def _end(self, token: str, names: list[Name], how: str, data: st.DataObject) -> None:
        got = next(ids for given, ids in self.claims if given == token)
        ids = [got[name] for name in names]
        held = [name for name in self.model.held_by(token, names) if self.row_ids().get(name) == got[name]]
        told: dict[str, Any]
        if how == "settle":
            told = {"code": 0, "request_id": "r", "test_code": self.sent_as[token]}
            assert self.outbox.settle(token, ids, self.now, **told) == len(held)
            self.model.settle(held, self.now)
        elif how == "release":
            told = {
                "unknown": data.draw(st.booleans()),
                "due_at": data.draw(st.sampled_from([None, self.now, self.now + 60_000])),
                "batch_limit": data.draw(st.sampled_from([None, None, 1, 2])),
                "untried": data.draw(st.booleans()),
            }
            assert self.outbox.release(token, ids, self.now, reason="later", **told) == len(held)
            self.model.release(held, self.now, **told)
        elif how == "give up":
            untried = data.draw(st.booleans())
            assert self.outbox.give_up(token, ids, self.now, reason="bad", untried=untried) == len(held)
            self.model.give_up(held, self.now, untried=untried)
        else:
            held = self.model.held_by(token, list(self.model.rows))
            assert self.outbox.release_token(token, self.now, "a sender failed") == len(held)
            self.model.release(held, self.now, untried=True)

    def row_ids(self) -> dict[Name, int]:
        return {name_of(row): row.id for row in all_rows(self.outbox)}

    # Crashes and clocks

    @rule(told=reports(), how=st.sampled_from(["killed", "killed in a commit", "stopped", "opened by no keeper"]))
    def restart(self, told: Told, how: str) -> None:
        """A keeper that starts frees what was in flight; who is none leaves it so."""
        if how.startswith("killed"):
            killed = self.outbox
            with suppress(InterruptedError), killed.write() as connection:
                if how == "killed in a commit":
                    killed.add(connection, [entry(DESTINATIONS[0], told, self.now)], self.now)
                engine = self.home.crash()
                raise InterruptedError
            killed.close()
            self._use(engine)
        else:
            self.outbox.close()
            self._use(self.home.open())
        if how != "opened by no keeper":
            self.void_leases()

    def void_leases(self) -> None:
        in_flight = sum(row.state == "sending" for row in self.model.rows.values())
        assert self.outbox.void_leases(self.now) == in_flight
        self.model.void_leases(self.now)

    @rule(by=st.sampled_from(STEPS))
    def time_passes(self, by: int) -> None:
        """Or the clock is set back."""
        self.now += by

    # By time and by hand

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), what=st.sampled_from(["clean", "erase", "replay", "renew", "drop"]))
    def somebody_tidies(self, data: st.DataObject, what: str) -> None:
        names = (
            data.draw(st.lists(st.sampled_from(sorted(self.ids)), unique=True)) if what in ("replay", "drop") else []
        )
        ids = [self.ids[name] for name in names]
        match what:
            case "clean":
                before = set(self.ids)
                clean(self.outbox, self.now, Keep(), lambda: False)
                self.model.clean(self.now, before - {name_of(row) for row in all_rows(self.outbox)})
            case "erase":
                person = data.draw(st.sampled_from(PEOPLE))
                assert erase(self.outbox, [person], self.now).events == self.model.erase(person, self.now)
            case "drop":
                list(dead_letters.drop(self.outbox, ids))
                self.model.drop(names)
            case _:
                fate = dead_letters.Fate(renewed=what == "renew")
                list(dead_letters.replay(self.outbox, ids, lambda _: fate, self.now))
                self.model.replay(names, self.now, renewed=what == "renew")

    # Destinations

    def settle_in(self, name: str, fingerprint: str) -> None:
        self.destinations.settle_in(name, fingerprint, self.now)
        self.model.settle_in(name, fingerprint, self.now)

    @rule(name=st.sampled_from(DESTINATIONS), what=st.sampled_from(HAPPENINGS))
    def a_destination(self, name: str, what: str) -> None:
        match what.split(" "):
            case [which, "token"]:
                self.settle_in(name, "second" if which == "other" else self.model.destinations[name].fingerprint)
            case ["pause", "by", who]:
                self.destinations.pause(name, self.now, who, "why", self.now + 7)
                self.model.pause(name, who, self.now, self.now + 7)
            case ["resume"]:
                self.destinations.resume(name)
                self.model.resume(name)
            case ["back", "off"]:
                self.destinations.back_off(name, self.now + 5, "away")
                self.model.back_off(name, self.now + 5)
            case ["delivered", *late]:
                met = self.model.destinations[name].next_at - len(late)
                self.destinations.delivered(name, self.now, met)
                self.model.delivered(name, self.now, met)

    # What must hold after each of them

    @invariant()
    def the_outbox_is_as_the_model(self) -> None:
        rows = all_rows(self.outbox)
        self.ids = {name_of(row): row.id for row in rows}
        assert self.ids.keys() == self.model.rows.keys()
        for row in rows:
            assert asdict(seen(row)) == asdict(self.model.rows[name_of(row)])

    @invariant()
    def it_says_when_to_look_next(self) -> None:
        for name in DESTINATIONS:
            waiting = [row.due_at for key, row in self.model.rows.items() if key[0] == name and row.state == "waiting"]
            said = self.outbox.next_due(name, self.now)
            if not waiting:
                assert said is None
            elif self.model.due(name, self.now):
                assert said is not None
                assert said <= self.now
            else:
                assert said == min(waiting)

    @invariant()
    def destinations_stand_as_in_the_model(self) -> None:
        for name, held in self.destinations.all().items():
            assert {field: getattr(held, field) for field in asdict(self.model.destinations[name])} == asdict(
                self.model.destinations[name]
            )


def entry(destination: str, told: Told, now: int) -> Entry:
    """As the doors would hand it in."""
    user = {"email": told.item.person, **({"ip": told.item.ip} if told.item.ip else {})}
    body: dict[str, Any] = {"event_id": told.event_id, "event_time": 1, "user": user}
    body["properties"] = {"value": told.item.value, "currency": "MAD"}
    if told.item.limited:
        body["limited_data_use"] = True
    return Entry(
        destination=destination,
        event="Purchase",
        event_id=told.event_id,
        site="shop",
        body=json.dumps(body),
        seen_at=now,
        due_at=now + told.wait,
        consent="limited" if told.item.limited else "granted",
        pixel=told.pixel,
        browser=told.browser,
        backend=not told.browser,
        proved=told.proved,
        state="withheld" if told.withheld else "waiting",
        reason="bot" if told.withheld else None,
        view=told.view,
        key=told.key,
        value=told.item.value,
        currency="MAD",
        test_code=told.test_code,
    )


def name_of(held: Entry) -> Name:
    return held.destination, held.event_id


def item_of(body: str | None) -> Item | None:
    if not body:
        return None
    item = json.loads(body)
    user = item["user"]
    return Item(item["properties"]["value"], user["email"], user.get("ip"), item.get("limited_data_use", False))


def seen(held: Entry) -> Row:
    """A real row as the model has it."""
    told = {name: getattr(held, name) for name in Row.__dataclass_fields__ if name != "limited"}
    items = {"body": item_of(held.body), "beside": item_of(held.beside)}
    return Row(**{**told, **items, "limited": held.consent == "limited"})


def test_no_story_leads_away_from_the_model(home: Callable[[], Home], is_long: bool) -> None:
    run_state_machine_as_test(
        lambda: Story(home()),
        settings=settings(
            max_examples=2_000 if is_long else 60,
            stateful_step_count=50 if is_long else 30,
            # The daily run tells the same stories each time; the long one new ones.
            derandomize=not is_long,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
