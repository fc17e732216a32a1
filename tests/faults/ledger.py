"""The oracle of every fault: what was accepted, held against what TikTok's stand-in got and what the outbox still has.

lost     = accepted - (received + dead + waiting + sending + withheld)     must be empty
invented = received - attempted                                            must be empty
and every event was received under one event_id only
"""

import json
import secrets
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def fresh_view() -> str:
    """A view as the tag makes one: the time in base36, then 16 random characters."""
    now, head = time.time_ns() // 1_000_000, ""
    while now:
        now, digit = divmod(now, 36)
        head = BASE36[digit] + head
    return head.rjust(8, "0")[-8:] + "".join(secrets.choice(BASE36) for _ in range(16))


@dataclass
class Ledger:
    """What a client told, by a mark of its own in each event. Safe for threads.

    ``attempted`` has every mark that was ever sent, ``accepted`` the event_ids that a 202 answered.
    """

    attempted: set[str] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, event: str = "ViewContent", **facts: Any) -> dict[str, Any]:
        """A report that carries a mark, ready to be told."""
        mark = secrets.token_hex(8)
        now = time.time_ns() // 1_000_000
        properties = {"description": mark, "value": 1, "currency": "MAD", **facts.pop("properties", {})}
        told = {"v": 1, "event": event, "view": fresh_view(), "n": 1, "time": now, "sent": now, "pixel": "sent"}
        return {**told, "url": "http://localhost/p", "properties": properties, **facts}

    def tell(
        self, address: str, session: requests.Session | None = None, timeout: float = 30, **facts: Any
    ) -> int | None:
        """Tell one event to the proxy at ``address``; its status, or None when no answer came."""
        report = self.report(**facts)
        mark = str(report["properties"]["description"])
        headers = {"Origin": address, "Content-Type": "text/plain", "User-Agent": "Mozilla/5.0 Firefox/150.0"}
        with self.lock:
            self.attempted.add(mark)
        try:
            answer = (session or requests).post(
                f"{address}/t/e", data=json.dumps(report), headers=headers, timeout=timeout
            )
        except requests.RequestException:
            return None
        with self.lock:
            self.statuses[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted[mark] = answer.json()["event_id"]
        return answer.status_code


@dataclass(frozen=True)
class Balance:
    """The outcome. ``received`` counts how often each event_id came, ``states`` where the outbox has how many."""

    lost: set[str]
    invented: set[str]
    under_several_ids: dict[str, set[str]]
    received: Counter[str]
    states: Counter[str]

    def holds(self) -> "Balance":
        """Raises AssertionError unless nothing was lost, invented or told under several ids."""
        assert not self.lost, f"{len(self.lost)} lost; outbox: {dict(self.states)}"
        assert not self.invented, f"{len(self.invented)} invented"
        assert not self.under_several_ids
        return self

    @property
    def twice(self) -> dict[str, int]:
        """What came more than once, with how often."""
        return {name: times for name, times in self.received.items() if times > 1}


def balance(ledger: Ledger, server_events: Sequence[Mapping[str, Any]], database: Path) -> Balance:
    """The books of ``ledger`` against TikTok's stand-in and the outbox's own file."""
    received = Counter(str(event["event_id"]) for event in server_events)
    ids: dict[str, set[str]] = defaultdict(set)
    for event in server_events:
        ids[event.get("properties", {}).get("description", "")].add(str(event["event_id"]))
    rows = rows_of(database)
    kept = {event_id for event_id, state in rows if state in ("waiting", "sending", "dead", "withheld")}
    return Balance(
        lost={name for name in ledger.accepted.values() if name not in received and name not in kept},
        invented=ids.keys() - ledger.attempted,
        under_several_ids={mark: names for mark, names in ids.items() if len(names) > 1},
        received=received,
        states=Counter(state for _, state in rows),
    )


def rows_of(database: Path) -> list[tuple[str, str]]:
    """(event_id, state) of every row, read beside a running keeper."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return list(connection.execute("SELECT event_id, state FROM events"))
