"""An update that is killed half-way, one that is taken back, and one that comes too early."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from proxy.outbox import files
from proxy.outbox.tables import MIGRATIONS, VERSION
from tests.faults.conftest import Proxy
from tests.faults.ledger import Ledger, rows_of
from tests.program import CEILING, PIXEL, wait_for

pytestmark = pytest.mark.timeout(600)

BACKLOGS = sorted((Path(__file__).parents[1] / "outbox" / "fixtures").glob("v*.db"))
OLDER = [path for path in BACKLOGS if path.stem != f"v{VERSION}"]
WAITING = 300

# Opens the outbox as `serve` does and dies ahead of the n-th statement after the copy is made, COMMIT counted too.
KILLED = """
import itertools, os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from proxy.outbox import sqlite, tables

at, counted = int(sys.argv[2]), itertools.count(1)

def count(*_):
    if next(counted) == at:
        os.kill(os.getpid(), signal.SIGKILL)

def first(found):
    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)

steps = tables.migrate
sqlite.migrate = lambda connection, before: steps(connection, before=lambda found: (before(found), first(found)))
sqlite.Sqlite(Path(sys.argv[1])).close()
"""


def fill(database: Path) -> set[str]:
    """Let the fixture's events be of today and of the sandbox's pixel, with many more like its waiting one."""
    now = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"UPDATE events SET destination = 'default/{PIXEL}', event = 'ViewContent'")
        names = [row[1] for row in connection.execute("PRAGMA table_info(events)") if row[1] not in ("id", "event_id")]
        columns = ", ".join(names)
        connection.executemany(
            f"INSERT INTO events (event_id, {columns}) SELECT ?, {columns} FROM events WHERE event_id = 'waiting'",
            [(f"old-{number}",) for number in range(WAITING)],
        )
        body = """json_object('event', 'ViewContent', 'event_id', event_id, 'event_time', :now / 1000,
            'user', json_object('ip', '8.8.8.8', 'user_agent', 'Firefox'),
            'page', json_object('url', 'http://localhost/'))"""
        connection.execute(
            f"UPDATE events SET seen_at = :now, due_at = :now, horizon_from = :now, changed_at = :now, body = {body}, "
            f"beside = CASE WHEN beside IS NULL THEN NULL ELSE {body} END",
            {"now": now},
        )
        unsent = connection.execute("SELECT event_id FROM events WHERE state IN ('waiting', 'sending')")
        return {row[0] for row in unsent}


def look(database: Path) -> tuple[str, list[str], list[tuple[object, ...]]]:
    """Version, schema and rows; raises AssertionError for a file that is not sound."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (version,) = connection.execute("SELECT value FROM facts WHERE name = 'version'").fetchone()
        made = [row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")]
        return version, made, connection.execute("SELECT * FROM events ORDER BY id").fetchall()


def kill_at(database: Path, statement: int) -> bool:
    """Whether opening ``database`` takes so many statements: if so, it was killed ahead of that one."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(database), str(statement)], timeout=CEILING)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def deliver(one: Proxy, database: Path, waiting: set[str]) -> None:
    """Start the real proxy on it: everything that waited or was in flight arrives."""
    one.folder.mkdir()
    for part in database.parent.glob(f"{database.name}*"):
        shutil.copy(part, one.folder)
    one.start()
    one.drain()
    one.end()
    assert {str(event["event_id"]) for event in one.sandbox.server_events()} >= waiting
    assert {name for name, state in rows_of(one.database) if state == "delivered"} >= waiting
    assert look(one.database)[0] == str(VERSION)


@pytest.mark.parametrize("backlog", OLDER, ids=lambda path: path.stem)
def test_killed_ahead_of_each_statement_the_backlog_is_delivered(
    backlog: Path, tmp_path: Path, proxy: Callable[..., Proxy], is_long: bool
) -> None:
    before = Path(shutil.copy(backlog, tmp_path / "before.db"))
    waiting = fill(before)
    database = tmp_path / "outbox.db"
    kills = 0
    while True:
        # From the start again each time in the long run; in the short one each start finds what the last kill left.
        if kills == 0 or is_long:
            shutil.copy(before, database)
        if not kill_at(database, kills + 1) or look(database)[0] == str(VERSION):
            break  # killed after the COMMIT, it is done
        kills += 1
        assert look(database) == look(before), f"killed ahead of statement {kills}"
        copies = files.copies(database)
        assert copies, "no copy was made before the migration"
        assert all(look(copy) == look(before) for copy in copies)
        if is_long:
            deliver(proxy(), database, waiting)
    assert kills > len(MIGRATIONS)
    assert look(database)[2] == look(before)[2]
    deliver(proxy(), database, waiting)


def become(database: Path, version: int, *steps: str) -> None:
    """Make of ``database`` what a later version would have."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for step in (*steps, f"UPDATE facts SET value = '{version}' WHERE name = 'version'"):
            connection.execute(step)


def test_this_version_works_on_what_the_next_one_adds(proxy: Callable[..., Proxy], ledger: Ledger) -> None:
    one = proxy().start()
    one.sandbox.behave(status=503, times=None)
    for _ in range(20):
        assert ledger.tell(one.address) == 202
    one.end()
    become(
        one.database,
        VERSION + 1,
        "ALTER TABLE events ADD COLUMN told_by TEXT",
        "ALTER TABLE events ADD COLUMN weight INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE destinations ADD COLUMN region TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE cash (site TEXT, key TEXT, PRIMARY KEY (site, key))",
        "CREATE INDEX events_by_weight ON events (weight)",
    )
    one.sandbox.behave_again()
    one.start()
    for _ in range(20):
        assert ledger.tell(one.address) == 202
    one.drain()
    assert one.balance(ledger).holds().states == {"delivered": 40}
    one.end()
    assert look(one.database)[0] == str(VERSION + 1)
    assert files.copies(one.database) == []


def test_a_newer_schema_is_refused_and_left_alone(proxy: Callable[..., Proxy], ledger: Ledger) -> None:
    one = proxy().start()
    assert ledger.tell(one.address) == 202
    one.drain()
    one.end()
    become(one.database, VERSION + 2)
    before = look(one.database)
    running = one.launch()
    wait_for(lambda: running.process.poll() is not None, running.log)
    assert running.process.returncode == 1
    assert f"written by a newer Pixelpair (schema {VERSION + 2}, this one knows {VERSION})" in running.log()
    assert "Traceback" not in running.log()
    assert look(one.database) == before
    assert files.copies(one.database) == []
