"""What is particular to SQLite: pragmas, the write lock, the keeper's lock, and which of its errors may pass.

Every write and checkpoint happens under an in-process mutex and an OS lock on a file beside the database: SQLite's own
busy handler sleeps in steps and ruins the tail (measured: p99 about one second against 20 ms), and versions before
3.51.3 can corrupt a WAL that two connections write and checkpoint at the same moment (sqlite.org/wal.html).
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from proxy.errors import OutboxBroken, OutboxBusy, OutboxError, OutboxFull
from proxy.outbox import files
from proxy.outbox.entry import COLUMNS
from proxy.outbox.place import Place, Room, check_place, unwritable
from proxy.outbox.tables import migrate

_MARKS = ", ".join("?" * len(COLUMNS))
_INSERT = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608 - columns
BUSY_MS = 5_000  # only a stranger's lock on the file is ever waited for: ours are taken before


class Sqlite:
    """One SQLite file: ``write()`` and ``read()`` give connections inside a transaction. Safe for threads."""

    claim_lock = False  # the write lock already keeps two claims apart

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self.path = path
        self._synchronous = synchronous
        self._mutex = threading.Lock()
        self._keeper: int | None = None
        self._corrupt = ""  # what was found, once it was
        _prepare(path)
        self._place = Place(path, self._reusable)
        self._lock_file = _open_beside(path, "-lock")
        self._busy_seconds = BUSY_MS / 1000
        self._engine = sa.create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=sa.QueuePool,
            hide_parameters=True,  # its errors would carry shoppers' data into the log
            pool_size=8,
            max_overflow=32,
        )
        sa.event.listen(self._engine, "connect", self._on_connect)
        sa.event.listen(self._engine, "begin", _on_begin)
        try:
            self._look_through()
            with self.write() as connection:
                migrate(connection, before=lambda version: files.copy(path, version))
            self._check()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A write transaction, committed to disk on leaving. Raises ``OutboxBusy`` when the file cannot take it now."""
        with self._locked(), self._borders(), self._engine.connect() as connection:
            connection = connection.execution_options(pixelpair_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view that blocks no writer."""
        with self._borders(), self._engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> Sequence[int]:
        """Store those ``rows`` (of ``COLUMNS``) whose event has none yet; returns the new ids. Call inside ``write()``.

        By the driver's own words: SQLAlchemy's take as long for each row as SQLite's work on it.
        """
        stored = connection.exec_driver_sql(_INSERT, list(rows)).rowcount
        # Nobody else writes meanwhile, and SQLite gives each new row the next id after the highest.
        last = connection.connection.cursor().execute("SELECT last_insert_rowid()").fetchone()[0]
        return range(last - stored + 1, last + 1)

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the file or its WAL. Rewrites the whole file; writers wait meanwhile."""
        with self._locked(), self._borders(), self._engine.connect() as connection:
            connection = connection.execution_options(pixelpair_begin=None)  # VACUUM runs in no transaction
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        if busy:
            raise OutboxBusy(f"The log of {self.path} could not be emptied, as somebody is reading it: try again.")

    def admit(self, backend: bool) -> None:
        """Raise ``OutboxError`` unless a report (of a back end: ``backend``) may be stored now: the file is sound and
        in its place, and its disk has more room than the keeper needs. Costs next to nothing."""
        if self._corrupt:
            raise OutboxBroken(self._corrupt)
        self._place.admit(backend)

    def room(self) -> Room:
        """The room left on the file's disk."""
        return self._place.room()

    def copies(self) -> list[AbstractContextManager[sa.Connection]]:
        """For each copy made before a migration, a write transaction on it; the copy is scrubbed when it ends."""
        return [self._copy(path) for path in files.copies(self.path)]

    def out_of_reach(self) -> list[Path]:
        """Files that hold events and cannot be worked on: what was corrupt and moved aside."""
        return files.corrupt(self.path)

    def become_keeper(self) -> None:
        """Take the file's one keeper's place until ``close``; ``OutboxError`` when another process has it."""
        handle = _open_beside(self.path, "-keeper")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise OutboxError(
                f"Another keeper (process {holder}) already delivers from {self.path}: stop it first, "
                "or give this one an outbox of its own with PIXELPAIR_OUTBOX_URL."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._keeper = handle

    def close(self) -> None:
        """Close every connection; the last one folds the WAL into the file, so it happens under the lock."""
        with self._locked():
            self._engine.dispose()
        for handle in (self._lock_file, self._keeper):
            if handle is not None:
                os.close(handle)
        self._keeper = None

    @contextmanager
    def _copy(self, path: Path) -> Iterator[sa.Connection]:
        with self._locked(), _borders(path), files.write(path) as connection:
            yield connection

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    @contextmanager
    def _borders(self) -> Iterator[None]:
        try:
            with _borders(self.path):
                yield
        except OutboxBroken as error:
            # From here on no more is taken in: what can still be read may be delivered, what is written may be lost.
            if not self._corrupt:
                self._corrupt = str(error)
                self._place.mark_broken(error)
            raise
        except OutboxFull:
            self._place.look_again()
            raise

    def _reusable(self) -> int:
        try:
            with self.read() as connection:
                pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
                return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
        except OutboxError:
            return 0

    def _connect(self) -> sqlite3.Connection:
        self._place.check_file()  # two connections on two files would each miss what the other knows
        # mode=rw: a file that was deleted meanwhile must not come back empty.
        address = f"file:{quote(str(self.path))}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=self._busy_seconds, check_same_thread=False)

    def _on_connect(self, connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by _on_begin, not by the driver
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={self._synchronous}")
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.execute("PRAGMA mmap_size=0")
        finally:
            cursor.close()

    def _look_through(self) -> None:
        """Raise ``OutboxBroken`` for a file that was found broken, unless it is whole after all: a restored copy."""
        if self._place.found_broken() is None:
            return
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
        if found != "ok":
            raise _broken(self.path, " ".join(found.split()))
        files.unmark(self.path)

    def _check(self) -> None:
        """A filesystem may say it keeps a WAL and not do so (network folders): look, after a real write."""
        with self.read() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        wanted = {"FULL": 2, "NORMAL": 1}[self._synchronous]
        if mode != "wal" or level != wanted:
            raise OutboxError(
                f"{self.path}: SQLite keeps journal_mode={mode}, synchronous={level} here; "
                "the outbox needs a local disk that can hold a write-ahead log."
            )


def _on_begin(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get("pixelpair_begin", "BEGIN")
    if begin is not None:
        connection.exec_driver_sql(begin)


def _prepare(path: Path) -> None:
    check_place(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error.errno) from None
    os.close(_open_beside(path, ""))
    log = Path(f"{path}-wal")
    if path.stat().st_size == 0 and log.exists() and log.stat().st_size:
        raise _broken(path, "it is empty, and SQLite would throw away the log beside it")  # SQLite takes it for new


def _open_beside(path: Path, ending: str) -> int:
    """Open the file, or one beside it, made for its owner alone: nobody else has a reason to read shoppers' events."""
    try:
        return os.open(f"{path}{ending}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(Path(f"{path}{ending}"), error.errno) from None


@contextmanager
def _borders(path: Path) -> Iterator[None]:
    """SQLite's own errors become ours here, without the statement's values."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        # An extended code holds the plain one in its lowest byte.
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _broken(path, str(error.orig)) from None
        if code == sqlite3.SQLITE_FULL:
            raise OutboxFull(
                f"The disk of the outbox at {path} is full: make room on it. Nothing that was accepted is lost, "
                "nothing is sent that cannot be written down, and it goes on by itself."
            ) from None
        if isinstance(error, sa.exc.OperationalError):
            cure = _CURES.get(code, "look at its disk and folder")
            raise OutboxBusy(f"The outbox at {path} cannot be used right now ({error.orig}): {cure}.") from None
        raise


_CURES = {
    sqlite3.SQLITE_BUSY: "another program holds it; close what has the file open, such as a backup or a SQL shell",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "see that its folder is there and writable for this user",
    sqlite3.SQLITE_IOERR: "its disk fails; look at the system's log (dmesg)",
}


def _broken(path: Path, why: str) -> OutboxBroken:
    return OutboxBroken(
        f"The outbox at {path} is broken: {why}. Keep the file and what stands beside it; restore a copy, "
        'or move it aside, by hand or by the setting on_corrupt_outbox = "move_aside", and start again.'
    )
