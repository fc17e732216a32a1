"""What was refused at the doors, counted by reason for whoever looks after them.

Nobody may make us write by being refused: the counts gather in memory, and are added to one small fact of the outbox
every few seconds at most. So several processes count into one place, and a crash loses the last seconds of it.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy.outbox.store import DAY, Outbox

FACT = "refused"
FLUSH_SECONDS = 5.0
MOST_REASONS = 40
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refused:
    """How often each reason came up since ``since`` (ms), which is at most a day before the newest of them."""

    since: int | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The most frequent first: "12 origin, 3 too_large"."""
        return ", ".join(f"{number:,} {reason}" for reason, number in Counter(self.counts).most_common())


def read_refused(outbox: Outbox) -> Refused:
    """What all doors of this outbox have told so far."""
    return _read(outbox.fact(FACT))


class Tally:
    """The counts of one process; safe for threads. ``elapsed`` gives seconds that only go forward."""

    def __init__(
        self, outbox: Outbox, clock_ms: Callable[[], int], elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._outbox = outbox
        self._clock_ms = clock_ms
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._flushed = elapsed()

    def add(self, reason: str) -> None:
        """Count ``reason``, a short word of ours and nothing that a stranger chose. Costs no write."""
        with self._lock:
            known = reason in self._counts or len(self._counts) < MOST_REASONS
            self._counts[reason if known else OTHER] += 1

    def flush_if_due(self) -> None:
        """Write what has gathered, if the last write is a while ago. What writing raises costs no count."""
        if self._counts and self._elapsed() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has gathered, if anything."""
        self._flushed = self._elapsed()
        with self._lock:
            gathered, self._counts = self._counts, Counter()
        if not gathered:
            return
        try:
            now = self._clock_ms()
            self._outbox.change(FACT, lambda held: _added(held, gathered, now))
        except BaseException:
            with self._lock:
                self._counts += gathered
            raise


def _added(held: str | None, gathered: Counter[str], now: int) -> str:
    before = _read(held)
    if before.since is None or not 0 <= now - before.since < DAY:
        before = Refused(now)
    counts = Counter(before.counts)
    for reason, number in gathered.items():
        counts[reason if reason in counts or len(counts) < MOST_REASONS else OTHER] += number
    return json.dumps({"since": before.since, "counts": counts})


def _read(held: str | None) -> Refused:
    return Refused(**json.loads(held)) if held else Refused()
