"""Looks at an outbox's file without writing to it: is it sound, and of which version? A keeper may be running on it."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SECONDS = 20.0  # some million events; a larger file is looked at as far as that goes


@dataclass(frozen=True, slots=True)
class Looked:
    """``version`` is the schema's, None where there is none; ``fault`` SQLite's words on what is broken, "" if nothing
    is. ``whole``: all of the file was looked at."""

    version: int | None
    fault: str = ""
    whole: bool = True


def inspect(path: Path, seconds: float = SECONDS) -> Looked:
    """Read the whole file for at most so long. Raises OSError when it cannot be opened."""
    path.stat()
    until = time.monotonic() + seconds
    version: int | None = None
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            row = connection.execute("SELECT value FROM facts WHERE name = 'version'").fetchone()
            version = int(row[0]) if row else None
            connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)
            fault = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                return Looked(version, whole=False)
            return Looked(version, str(error))
    return Looked(version, "" if fault == "ok" else fault)
