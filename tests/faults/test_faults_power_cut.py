"""The power goes: what only was written may be gone, what was answered 202 may not.

The real proxy takes in reports and delivers them while every write, sync and answer of it is written down in order;
then the files are put together as a disk might hold them after a cut at any point, and opened by the real outbox.
"""

import random
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from proxy.errors import OutboxError
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.tables import events
from tests.faults.conftest import Crowd, Proxy
from tests.faults.ledger import Ledger
from tests.faults.power import Disk, Step, accepted, build_shim, cut_points, posted, read_log
from tests.program import PIXELPAIR, wait_for

pytestmark = pytest.mark.timeout(600)

HOWS = ("none", "all", "some", "torn")
# The same program with the setting that only forgets the last commits, as many advise for SQLite.
WITH_NORMAL = (
    "from proxy.outbox.sqlite import Sqlite; Sqlite.__init__.__defaults__ = ('NORMAL',); "
    "from proxy.cli import main; main()"
)

Recording = Callable[[Sequence[str | Path]], tuple[Proxy, list[Step]]]


@pytest.fixture
def record(
    tmp_path: Path, proxy: Callable[..., Proxy], crowd: Callable[..., Crowd], ledger: Ledger, is_long: bool
) -> Recording:
    """Let a proxy work, be killed, start again, work and stop; every step of it, from an empty folder on."""

    def run(program: Sequence[str | Path] = (PIXELPAIR,)) -> tuple[Proxy, list[Step]]:
        log = tmp_path / "steps"
        one = proxy(program)
        shim = {"LD_PRELOAD": str(build_shim(tmp_path)), "SHIM_FOLDER": str(one.folder), "SHIM_LOG": str(log)}
        for how in (one.kill, one.end):
            told = len(ledger.accepted) + (600 if is_long else 200)
            one.start(**shim)
            shoppers = crowd(one)
            wait_for(lambda told=told: len(ledger.accepted) >= told, one.log)  # type: ignore[misc]
            how()
            shoppers.stop()
            assert left(one.database) == replayed(read_log(log)), "a write went past the shim"
        steps = read_log(log)
        assert set(ledger.accepted.values()) <= {name for step in steps for name in accepted(step)}
        return one, steps

    return run


def left(database: Path) -> dict[str, bytes]:
    """The database's files as they are."""
    found = [database.with_name(database.name + end) for end in ("", "-wal", "-journal")]
    return {path.name: path.read_bytes() for path in found if path.exists()}


def replayed(steps: Sequence[Step]) -> dict[str, bytes]:
    disk = Disk("outbox.db")
    for step in steps:
        disk.take(step)
    return disk.cut("all", random.Random(0))


class Toll:
    """What the cuts cost: how many there were, and how many of them left something that may not be."""

    def __init__(self) -> None:
        self.cuts = 0
        self.lost = 0
        self.with_losses = 0
        self.faults: Counter[str] = Counter()

    def count(self, found: dict[str, tuple[str, int]], told: set[str], sent: set[str]) -> None:
        """Hold the rows of one outbox (state and attempts) against what was answered and sent before the cut."""
        lost = told - found.keys()
        self.lost += len(lost)
        self.with_losses += bool(lost)
        unclaimed = {name for name in sent if name in found and found[name][1] == 0}
        self.faults["sent, but no claim is on the disk"] += bool(unclaimed)
        delivered = {name for name, (state, _) in found.items() if state == "delivered"}
        self.faults["delivered, but never sent"] += bool(delivered - sent)


def take_toll(steps: Sequence[Step], cuts: int, folder: Path, seed: int) -> Toll:
    """Cut at random points, open what is left, and count."""
    rng = random.Random(seed)
    print(f"seed {seed}")
    toll, disk = Toll(), Disk("outbox.db")
    told: set[str] = set()
    sent: set[str] = set()
    done = 0
    for point in cut_points(steps, cuts, rng):
        for step in steps[done:point]:
            disk.take(step)
            told.update(accepted(step))
            sent.update(posted(step))
        done = point
        toll.cuts += 1
        database = lay_out(disk.cut(rng.choice(HOWS), rng), folder / f"cut-{toll.cuts}")
        try:
            toll.count(opened(database), told, sent)
        except OutboxError as error:
            print(f"cut {toll.cuts} after step {point}: {error}")
            toll.faults["cannot be opened"] += 1
    assert sent, "nothing was delivered before a cut"
    print(f"{toll.cuts} cuts in {len(steps)} steps: {toll.lost} lost in {toll.with_losses} of them")
    return toll


def lay_out(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "outbox.db"


def opened(database: Path) -> dict[str, tuple[str, int]]:
    """The rows by event_id, after the real outbox has opened the files. Raises OutboxError when it cannot."""
    engine = Sqlite(database)
    try:
        with engine.read() as connection:
            broken = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            if broken != "ok":
                raise OutboxError(f"integrity_check: {broken}")
            rows = connection.execute(sa.select(events.c.event_id, events.c.state, events.c.attempts))
            return {event_id: (state, attempts) for event_id, state, attempts in rows}
    finally:
        engine.close()


def test_a_power_cut_loses_nothing_that_was_answered(
    record: Recording, tmp_path: Path, proxy: Callable[..., Proxy], is_long: bool
) -> None:
    one, steps = record()
    first = next(number for number, step in enumerate(steps) if accepted(step))
    folded = [step for step in steps[first:] if (step.what, step.name) == ("W", "outbox.db")]
    assert folded, "no checkpoint was seen: tell more events"
    assert ("S", "") in {(step.what, step.name) for step in steps[:first]}, "the folder itself was not synced"

    toll = take_toll(steps, 1_000 if is_long else 150, tmp_path, secrets.randbits(32))
    assert (toll.lost, +toll.faults) == (0, Counter())

    seed = secrets.randbits(32)
    for number in range(10 if is_long else 1):
        deliver_the_rest(one, steps, proxy(), random.Random(seed + number))


def deliver_the_rest(one: Proxy, steps: Sequence[Step], other: Proxy, rng: random.Random) -> None:
    """Start the real proxy on what a cut left: everything answered has been sent, then or now."""
    point, disk = rng.randrange(len(steps) // 4, len(steps)), Disk("outbox.db")
    for step in steps[:point]:
        disk.take(step)
    database = lay_out(disk.cut(rng.choice(HOWS), rng), other.folder)
    waiting = {name for name, (state, _) in opened(database).items() if state != "delivered"}
    requests.delete(f"{one.sandbox.address}/sandbox/received", timeout=10).raise_for_status()
    other.start()
    other.drain()
    other.end()
    received = {str(event["event_id"]) for event in other.sandbox.server_events()}
    told = {name for step in steps[:point] for name in accepted(step)}
    sent = {name for step in steps[:point] for name in posted(step)}
    assert received == waiting
    assert told <= received | sent


def test_with_less_syncing_the_same_cuts_do_lose(record: Recording, tmp_path: Path) -> None:
    _, steps = record((sys.executable, "-c", WITH_NORMAL))
    toll = take_toll(steps, 40, tmp_path, secrets.randbits(32))
    assert toll.with_losses > 0
