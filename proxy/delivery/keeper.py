"""The keeper: the one process of an outbox that delivers. Starts senders, cleans up, beats its heart, stops in time."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from proxy.delivery.skew import Skew
from proxy.delivery.worker import Desk, Waker, Worker
from proxy.errors import OutboxError
from proxy.outbox.retention import Keep, clean
from proxy.outbox.store import Outbox
from proxy.settings import Destination
from proxy.tiktok.client import Client

log = logging.getLogger(__name__)

SENDERS = 2
HEARTBEAT_SECONDS = 5.0
CLEAN_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between two transactions of the clean-up: ingest comes first
STOP_SECONDS = 6.5


class Keeper:
    """Delivers from an outbox until ``stop``. Raises ``OutboxError`` at ``start`` when another keeper has it."""

    def __init__(
        self,
        outbox: Outbox,
        destinations: Sequence[Destination],
        client: Client,
        clock_ms: Callable[[], int],
        senders: int = SENDERS,
        keep: Keep = Keep(),  # noqa: B008 - frozen
    ) -> None:
        self.waker = Waker()
        self._outbox = outbox
        self._client = client
        self._clock_ms = clock_ms
        self._keep = keep
        self._stopped = threading.Event()
        desk, skew = Desk(), Skew(outbox)
        workers = [
            Worker(
                outbox,
                destinations,
                client,
                clock_ms=clock_ms,
                uniform=random.uniform,  # jitter, nothing secret
                waker=self.waker,
                desk=desk,
                skew=skew,
            )
            for _ in range(senders)
        ]
        self._threads = [
            threading.Thread(target=worker.run_until, args=(self._stopped,), name=f"sender-{number}", daemon=True)
            for number, worker in enumerate(workers, 1)
        ]
        self._threads += [
            threading.Thread(target=self._every, args=(HEARTBEAT_SECONDS, self._beat), name="heartbeat", daemon=True),
            threading.Thread(target=self._every, args=(CLEAN_SECONDS, self._clean), name="clean-up", daemon=True),
        ]

    def start(self) -> None:
        """Become the outbox's keeper, free what a former one left in flight, and send."""
        self._outbox.become_keeper()
        self._outbox.void_leases(self._clock_ms())
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is in flight, for at most ``STOP_SECONDS``; what is not done by then goes out after a restart."""
        self._stopped.set()
        self.waker.wake()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._client.close()

    def _beat(self) -> None:
        self._outbox.remember("heartbeat", str(self._clock_ms()))

    def _clean(self) -> None:
        clean(self._outbox, self._clock_ms(), self._keep, lambda: self._stopped.wait(PAUSE_SECONDS))

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except OutboxError as error:
                log.error("%s", error)
            except Exception:
                # The outermost turn: whatever it was, the next one may go well.
                log.exception("%s failed, and is tried again", threading.current_thread().name)
            if self._stopped.wait(seconds):
                return
