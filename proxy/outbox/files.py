"""The files that a SQLite outbox leaves beside itself: copies made before a migration, what was found corrupt, and the
mark by which all its processes know that it is.

Copies hold shoppers' events, so only their owner may read them, and an erasure has to know of them.

The mark stands at ``<path>-broken`` and names the file it speaks of by its inode, so that it says nothing of another
in its place. That does not make it true for ever: a copy written over the broken file, or a new file that was given
the number of a deleted one, has the same inode. So a start trusts neither the mark nor the file: it has SQLite look
through all of a marked file, and takes the mark away only if that is sound. Processes that run go by the mark alone.
"""

import fcntl
import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from proxy.errors import OutboxError

log = logging.getLogger(__name__)

COPIES_KEPT = 2

_COPY = re.compile(r"\.v\d+-(\d{8}T\d{6}Z)")
_CORRUPT = re.compile(r"\.corrupt-\d{8}T\d{6}Z(-wal|-shm)?")


def copy(path: Path, version: int) -> None:
    """Copy the database as it was last committed to ``<path>.v<version>-<time>``; only the newest few copies stay.

    Raises ``OutboxError`` when that cannot be done.
    """
    made = path.with_name(f"{path.name}.v{version}-{_stamp()}")
    unfinished = path.with_name(f"{path.name}.copying")  # a copy cut short must not pass for one
    try:
        private(unfinished)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # so that the one file is all of it
        unfinished.replace(made)
        for old in copies(path)[:-COPIES_KEPT]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise OutboxError(
            f"The outbox must be updated, and before that copied beside {path}, which failed ({error}). "
            "Nothing was changed: make room on the disk, then start again."
        ) from None


def copies(path: Path) -> list[Path]:
    """The copies of this database, oldest first."""
    found = {file: _COPY.fullmatch(file.name, len(path.name)) for file in _beside(path)}
    return sorted((file for file, match in found.items() if match), key=lambda file: file.name.rpartition("-")[2])


@contextmanager
def write(copied: Path) -> Iterator[sa.Connection]:
    """A write transaction on a copy, which afterwards holds no trace of what was deleted in it."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(copied)), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
        yield connection
        connection.commit()
        connection.exec_driver_sql("VACUUM")


def corrupt(path: Path) -> list[Path]:
    """What was moved aside from this database's place."""
    return sorted(file for file in _beside(path) if _CORRUPT.fullmatch(file.name, len(path.name)))


def move_aside(path: Path, inode: int) -> Path | None:
    """Move a corrupt database with its WAL to ``<path>.corrupt-<time>``, and say where that is; nothing is deleted.

    ``inode`` tells which file was found corrupt: ``None`` when another process has already replaced it. Raises
    ``OutboxError`` while a keeper is at work on it.
    """
    aside = path.with_name(f"{path.name}.corrupt-{_stamp()}")
    with _locked(f"{path}-lock", fcntl.LOCK_EX):
        try:
            with _locked(f"{path}-keeper", fcntl.LOCK_EX | fcntl.LOCK_NB):
                if path.stat().st_ino != inode:
                    return None
                # The database last: what is left of a start cut short is found corrupt again.
                for part in ("-wal", "-shm", ""):
                    if Path(f"{path}{part}").exists():
                        Path(f"{path}{part}").rename(f"{aside}{part}")
                unmark(path)
        except BlockingIOError:
            raise OutboxError(
                f"The outbox at {path} is broken, and a keeper is at work on it: stop that first."
            ) from None
    return aside


def mark_broken(path: Path, inode: int, sentence: str) -> None:
    """Let every process of this database know that the file ``inode`` is broken. Does what it can: nobody waits."""
    try:
        mark = _mark(path)
        private(mark)
        mark.write_text(f"{inode} {sentence}\n")
    except OSError as error:
        log.error("that the outbox is broken could not be noted beside it (%s): other processes may go on", error)


def said_broken(path: Path, inode: int) -> str | None:
    """The sentence with which the file ``inode`` was found broken; ``None`` when nobody has found it so."""
    try:
        of, _, sentence = _mark(path).read_text(errors="replace").strip().partition(" ")
    except OSError:
        return None
    return sentence if of == str(inode) else None


def unmark(path: Path) -> None:
    """The file that stands there is sound, or another one."""
    _mark(path).unlink(missing_ok=True)


def private(path: Path) -> None:
    """Make ``path`` an empty file that nobody else on the machine may read."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))


def _mark(path: Path) -> Path:
    return Path(f"{path}-broken")


@contextmanager
def _locked(path: str, how: int) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _beside(path: Path) -> list[Path]:
    return [file for file in path.parent.iterdir() if file.name.startswith(path.name)]


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
