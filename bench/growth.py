"""What a large file costs: claims with a million rows waiting, inserts with five million remembered, each against a
file with a thousand.
"""

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import servers
from bench.outgoing import entries_of, open_sqlite
from bench.rows import Row
from proxy.outbox.store import Outbox

SMALL = 1_000
REMEMBERED = 5_000_000
WAITING = 1_000_000
INSERTS = 40  # in a round; so many commits of so many events as a busy proxy's group commit makes
EACH = 50
CLAIMS = 10
CLAIM = 1_000
HOUR = 3_600_000


def growth(rounds: int, remembered: int = REMEMBERED, waiting: int = WAITING) -> list[Row]:
    """Both ratios, on one large and one small file; the two take turns, so that the machine's moods hit both."""
    now = time.time_ns() // 1_000_000
    with _outbox("delivered", remembered, now) as large, _outbox("delivered", SMALL, now) as small:
        inserts = [_ratio(lambda box: _insert(box, now), large[0], small[0], INSERTS) for _ in range(rounds)]
        file_gib = large[1].stat().st_size / 2**30
    with _outbox("waiting", waiting, now) as large, _outbox("waiting", SMALL, now) as small:
        claims = [_ratio(lambda box: _claim(box, now), large[0], small[0], CLAIMS) for _ in range(rounds)]
    return [
        Row(
            "claim",
            f"claim of {CLAIM:,} with {waiting:,} rows waiting / with {SMALL:,}",
            "ratio",
            1.5,
            [ratio for ratio, _ in claims],
            most=True,
            details={"ms": [ms for _, ms in claims]},
        ),
        Row(
            "insert",
            f"insert of {EACH} with {remembered:,} remembered rows / with {SMALL:,}",
            "ratio",
            1.5,
            [ratio for ratio, _ in inserts],
            most=True,
            details={"ms": [ms for _, ms in inserts], "file_gib": round(file_gib, 2)},
        ),
    ]


def _ratio(action: Callable[[Outbox], float], large: Outbox, small: Outbox, times: int) -> tuple[float, str]:
    pairs = [(action(large), action(small)) for _ in range(times)]
    slow, quick = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
    return slow / quick, f"{1000 * slow:.2f} / {1000 * quick:.2f}"


def _insert(outbox: Outbox, now: int) -> float:
    entries = list(entries_of(EACH, now))
    start = time.perf_counter()
    with outbox.write() as connection:
        outbox.add(connection, entries, now)
    return time.perf_counter() - start


def _claim(outbox: Outbox, now: int) -> float:
    start = time.perf_counter()
    claimed = outbox.claim(servers.DESTINATION, now, CLAIM, "bench", HOUR)
    took = time.perf_counter() - start
    outbox.release("bench", [event.id for event in claimed], now, reason="the bench looks again", untried=True)
    return took


@contextmanager
def _outbox(state: str, rows: int, now: int) -> Iterator[tuple[Outbox, Path]]:
    """An outbox with ``rows`` events in ``state``, the newest a minute old."""
    with servers.folder() as folder:
        path = folder / "outbox.db"
        open_sqlite(path).close()
        _fill(path, state, rows, now)
        outbox = open_sqlite(path)
        try:
            yield outbox, path
        finally:
            outbox.close()


def _fill(path: Path, state: str, rows: int, now: int) -> None:
    """By SQL alone, for speed; ids start with the time, as views do, and one event in ten has a key."""
    body = "" if state == "delivered" else '{"event":"ViewContent"}' + " " * 500  # bodies of the delivered are cleared
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute(
        """
        INSERT INTO events (destination, event, event_id, site, state, body, view, key, host, value, currency, consent,
            pixel, browser, backend, proved, seen_at, horizon_from, due_at, changed_at, delivered_at, expires_at)
        WITH RECURSIVE each(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM each WHERE i + 1 < :rows)
        SELECT :destination, 'ViewContent', printf('%08x%s.1', i, lower(hex(randomblob(8)))), :site, :state, :body,
            printf('%08x%s', i, lower(hex(randomblob(8)))), CASE WHEN i % 10 = 0 THEN printf('order-%d', i) END,
            '127.0.0.1', 120.0, 'MAD', 'granted', 'sent', 1, 0, 0, :oldest + i / 20, :oldest + i / 20, :oldest + i / 20,
            :oldest + i / 20, CASE WHEN :state = 'delivered' THEN :oldest + i / 20 END, NULL
        FROM each
        """,
        {
            "rows": rows,
            "site": servers.SITE,
            "destination": servers.DESTINATION,
            "state": state,
            "body": body,
            "oldest": now - 60_000 - rows // 20,
        },
    )
    connection.close()
