"""What an update promises: every older version's backlog comes along, and until it is done nothing has changed."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from proxy.errors import OutboxError
from proxy.outbox import files
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.tables import MIGRATIONS, VERSION

BACKLOGS = sorted((Path(__file__).parent / "fixtures").glob("v*.db"))


def schema(path: Path) -> list[tuple[str, ...]]:
    """Everything in sqlite_master but where its pages lie and how its lines are broken."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    return [(*names, " ".join((sql or "").split())) for *names, sql in made]


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM events ORDER BY id").fetchall()


def version(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT value FROM facts WHERE name = 'version'").fetchone()[0])


@pytest.fixture(params=BACKLOGS, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the outbox that an older version left."""
    return Path(shutil.copy(request.param, tmp_path / "o.db"))


def test_every_older_version_has_left_a_backlog_to_try() -> None:
    assert {path.stem for path in BACKLOGS} >= {f"v{number}" for number in range(1, VERSION)}


def test_a_migrated_outbox_is_like_a_fresh_one(old: Path, tmp_path: Path) -> None:
    before = rows(old)
    Sqlite(old).close()
    Sqlite(tmp_path / "fresh.db").close()
    assert schema(old) == schema(tmp_path / "fresh.db")
    assert (version(old), rows(old)) == (str(VERSION), before)


def test_the_version_before_is_kept_as_a_copy(old: Path) -> None:
    was, before, held = version(old), schema(old), rows(old)
    Sqlite(old).close()
    (copy,) = files.copies(old)
    assert copy.name.startswith(f"o.db.v{was}-")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (version(copy), schema(copy), rows(copy)) == (was, before, held)


def test_a_copy_is_made_only_before_a_migration(old: Path, tmp_path: Path) -> None:
    for _ in range(2):
        Sqlite(old).close()
        Sqlite(tmp_path / "fresh.db").close()
    assert len(files.copies(old)) == 1
    assert files.copies(tmp_path / "fresh.db") == []


def test_the_newest_two_copies_stay(old: Path) -> None:
    for stamp in ("20200101T000000Z", "20190101T000000Z", "20210101T000000Z"):
        Path(f"{old}.v9-{stamp}").touch()
    Sqlite(old).close()
    names = [copy.name for copy in files.copies(old)]
    assert len(names) == files.COPIES_KEPT
    assert names[0] == "o.db.v9-20210101T000000Z"


def test_without_room_for_the_copy_nothing_is_changed(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "private", full)
    before, was = schema(old), version(old)
    with pytest.raises(OutboxError, match="make room"):
        Sqlite(old)
    assert (schema(old), version(old)) == (before, was)


KILLED = """
import os, signal, sys
from pathlib import Path
from proxy.outbox import tables
from proxy.outbox.sqlite import Sqlite

def die(connection):
    connection.exec_driver_sql("UPDATE events SET body = ''")
    os.kill(os.getpid(), signal.SIGKILL)

tables.MIGRATIONS = (*tables.MIGRATIONS, die)
tables.VERSION += 1
Sqlite(Path(sys.argv[1]))
"""


def test_killed_in_the_middle_it_is_as_before(old: Path) -> None:
    before, held, was = schema(old), rows(old), version(old)
    done = subprocess.run([sys.executable, "-c", KILLED, str(old)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert (schema(old), rows(old), version(old)) == (before, held, was)
    Sqlite(old).close()
    assert (version(old), rows(old)) == (str(VERSION), held)


def test_each_version_is_one_step_from_the_last() -> None:
    assert len(MIGRATIONS) + 1 == VERSION
