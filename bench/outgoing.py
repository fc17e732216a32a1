"""Events going out to a TikTok that answers in 150 ms: how many in a second, how many together, how soon."""

import http.client
import json
import math
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import servers
from bench.rows import Row
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.open import open_outbox
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox

BACKLOG = 60_000
FILL = 2_000
TOLD_IDLE = 25
PAUSE_IDLE = 0.35


def delivered(rounds: int, backlog: int = BACKLOG) -> list[Row]:
    """Delivered events/s by two senders from a backlog, and how many of them share a request."""
    rates: list[float] = []
    batches: list[float] = []
    overshoot: list[float] = []
    lost = doubled = 0
    for _ in range(rounds):
        with servers.folder() as folder:
            waiting = _fill(folder / "outbox.db", backlog)
            with servers.proxy(database=folder / "outbox.db") as proxy:
                proxy.drain(180)
                told: dict[str, Any] = proxy.tiktok.received()
        calls, ids = told["requests"], told["ids"]
        lost += len(waiting - ids.keys())
        doubled += sum(len(times) - 1 for times in ids.values())
        took = max(call["answered"] for call in calls) - min(call["came"] for call in calls)
        rates.append(backlog / took)
        batches.append(backlog / len(calls))
        overshoot.append(max(call["answered"] - call["came"] for call in calls) - servers.TIKTOK_SECONDS)
    seen = {
        "lost": lost,
        "sent_twice": doubled,
        "ceiling_per_second": round(2 * 1_000 / servers.TIKTOK_SECONDS),
        "stand_in_late_ms": [round(1000 * late, 1) for late in overshoot],
    }
    what = "delivered events/s, TikTok answers in 150 ms, 2 senders"
    return [
        Row("delivered", what, "events/s", 10_000, rates, sound=lost == 0, details=seen),
        Row("batch", "events in one request under backlog", "events", 900, batches, sound=lost == 0),
    ]


def _fill(path: Path, backlog: int) -> set[str]:
    """Events that wait, stored by the outbox itself; returns their ids."""
    outbox = open_outbox(f"sqlite:///{path}", merge)
    now = time.time_ns() // 1_000_000
    ids: set[str] = set()
    for _ in range(backlog // FILL):
        entries = list(entries_of(FILL, now))
        with outbox.write() as connection:
            outbox.add(connection, entries, now)
        ids |= {entry.event_id for entry in entries}
    outbox.close()
    return ids


def entries_of(number: int, now: int) -> Iterable[Entry]:
    """Fresh events as the doors would hand them in; ``now`` in ms."""
    for _ in range(number):
        view = f"{_base36(now)}{secrets.token_hex(8)}"
        yield Entry(
            destination=servers.DESTINATION,
            event="ViewContent",
            event_id=f"{view}.1",
            site=servers.SITE,
            body=json.dumps({**_ITEM, "event_id": f"{view}.1", "event_time": now // 1000}, separators=(",", ":")),
            seen_at=now,
            due_at=now,
            view=view,
            host="127.0.0.1",
            value=120.0,
            currency="MAD",
            pixel="sent",
            browser=True,
        )


_ITEM = {
    "event": "ViewContent",
    "user": {
        "ttclid": "E.C.P.CrQBbenchbenchbenchbench",
        "ttp": "01JBENCHBENCHBENCHBENCHBEN_.tt.0",
        "ip": "8.8.8.8",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    },
    "page": {"url": "https://127.0.0.1/products/linen-shirt", "referrer": "https://127.0.0.1/"},
    "properties": {
        "contents": [{"content_id": "1077218", "content_type": "product", "content_name": "Shirt", "price": 120}],
        "content_type": "product",
        "content_ids": ["1077218"],
        "value": 120,
        "currency": "MAD",
    },
}


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text


def latency(rounds: int) -> list[Row]:
    """From the 202 of a report to its arrival at TikTok, with nothing else to do; by both servers."""
    return [_latency(server, rounds) for server in ("waitress", "granian")]


def _latency(server: str, rounds: int) -> Row:
    tails: list[float] = []
    medians: list[float] = []
    lost = 0
    for _ in range(rounds):
        with servers.proxy(server) as proxy:
            answered = _tell(proxy.url)
            proxy.drain()
            ids: dict[str, list[float]] = proxy.tiktok.received()["ids"]  # type: ignore[assignment]
        lost += len(answered.keys() - ids.keys())
        delays = sorted(1000 * (ids[name][0] - at) for name, at in answered.items() if name in ids)
        tails.append(delays[math.ceil(0.95 * len(delays)) - 1])
        medians.append(round(delays[len(delays) // 2], 1))
    what = "from 202 to TikTok's receipt when idle, p95"
    details = {"lost": lost, "median_ms": medians}
    return Row(f"latency {server}", what, "ms", 250, tails, most=True, sound=lost == 0, details=details)


def _tell(url: str) -> dict[str, float]:
    """Reports one by one, with pauses; event_id -> when its 202 was there."""
    to = urlsplit(url)
    connection = http.client.HTTPConnection(str(to.hostname), to.port, timeout=20)
    headers = {"Content-Type": "text/plain", "Origin": "http://127.0.0.1", "User-Agent": "Mozilla/5.0 Firefox/150.0"}
    answered: dict[str, float] = {}
    for _ in range(TOLD_IDLE):
        now = time.time_ns() // 1_000_000
        view = f"{_base36(now)}{secrets.token_hex(8)}"
        report = {"v": 1, "event": "ViewContent", "view": view, "n": 1, "time": now, "sent": now, "pixel": "sent"}
        connection.request("POST", to.path, json.dumps({**report, "url": "http://127.0.0.1/"}), headers)
        answer = connection.getresponse()
        told = json.load(answer)
        if answer.status == 202:
            answered[told["event_id"]] = time.time()
        time.sleep(PAUSE_IDLE)
    connection.close()
    return answered


def open_sqlite(path: Path) -> Outbox:
    """An outbox on ``path`` for measuring it alone."""
    return Outbox(Sqlite(path), merge)
