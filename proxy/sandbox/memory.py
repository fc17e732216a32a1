"""What was received: the newest requests with the events that were accepted from them.

Bodies are kept as bytes and read again only when somebody looks: a batch of 1,000 events costs one reference.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Leg = Literal["pixel", "server"]

KEEP_ROWS = 20_000
"""The newest requests and events kept: more than a test sends, few enough to show them all in one answer."""
KEEP_BYTES = 128 * 1024 * 1024


class Told(NamedTuple):
    """One accepted event; its full item stays in the body of its receipt. ``event_id`` is "" where none was given."""

    event: str
    event_id: str
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request and the answer to it. ``events`` is empty unless all of it was accepted; no token is ever kept."""

    method: str
    path: str
    received_at: float
    status: int
    code: int | None = None
    message: str = ""
    request_id: str = ""
    pixel_code: str = ""
    known: bool = True
    token_matched: bool | None = None
    test_event_code: str | None = None
    items: int = 0
    warnings: Sequence[str] = ()
    leg: Leg | None = None
    body: bytes = b""
    events: Sequence[Told] = ()


class Memory:
    """A bounded, thread-safe log of receipts, oldest first. Whole requests leave it, never half a batch."""

    def __init__(self, keep_rows: int = KEEP_ROWS, keep_bytes: int = KEEP_BYTES) -> None:
        self._lock = threading.Lock()
        self._keep_rows = keep_rows
        self._keep_bytes = keep_bytes
        self._number = 0
        self._clear()
        self.version = 0

    def keep(self, receipt: Receipt) -> None:
        """Add the receipt; the oldest leave once there are too many rows or bytes."""
        with self._lock:
            self._number += 1
            self.version += 1
            self._receipts.append((self._number, receipt))
            self._rows += _rows(receipt)
            self._bytes += len(receipt.body)
            self._totals["requests"] += 1
            if receipt.leg is not None:
                self._totals[f"{receipt.leg}_events"] += len(receipt.events)
            while len(self._receipts) > 1 and (self._rows > self._keep_rows or self._bytes > self._keep_bytes):
                _, oldest = self._receipts.popleft()
                self._rows -= _rows(oldest)
                self._bytes -= len(oldest.body)

    def forget(self) -> None:
        """Forget everything received, the totals too."""
        with self._lock:
            self.version += 1
            self._clear()

    def snapshot(self) -> tuple[list[tuple[int, Receipt]], dict[str, int]]:
        """The numbered receipts, oldest first, and the totals since the last ``forget``, of what has left as well."""
        with self._lock:
            return list(self._receipts), dict(self._totals)

    def _clear(self) -> None:
        self._receipts: deque[tuple[int, Receipt]] = deque()
        self._rows = 0
        self._bytes = 0
        self._totals = {"requests": 0, "server_events": 0, "pixel_events": 0}


def _rows(receipt: Receipt) -> int:
    return max(1, len(receipt.events))
