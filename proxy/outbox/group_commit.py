"""Many requests, one fsync: a thread of its own commits whatever has gathered while the last commit ran. Between
commits it writes down what was refused.

A request hands in its entries and waits; it is answered only after the transaction that holds them is on disk. One
entry that the database will not take fails alone: the group is then stored request by request.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from copy import copy

from proxy.errors import OutboxBusy, OutboxError
from proxy.outbox.entry import Entry
from proxy.outbox.store import Outbox
from proxy.outbox.tally import FLUSH_SECONDS, Tally

log = logging.getLogger(__name__)

MOST_ENTRIES = 2_000  # in one transaction: keeps a single commit, and what waits for it, short
MOST_WAITING = 4_000  # requests: beyond that, refusing early is kinder than answering late

_Job = tuple[Sequence[Entry], "Future[None]"]


class GroupCommit:
    """Stores entries durably for many threads at once; ``committed`` is called after each commit."""

    def __init__(
        self,
        outbox: Outbox,
        clock_ms: Callable[[], int],
        committed: Callable[[], None] = lambda: None,
        wait: float = 10.0,
    ) -> None:
        self._outbox = outbox
        self._clock_ms = clock_ms
        self._committed = committed
        self._wait = wait
        self.refused = Tally(outbox, clock_ms)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self.failed = False  # whether the last commit did
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def store(self, entries: Sequence[Entry]) -> None:
        """Return once ``entries``, all of one door, are on disk. Raises ``OutboxBusy`` when that did not happen in
        time, and ``OutboxError`` at once when the outbox takes none of that door's now."""
        if self._stopped.is_set():
            raise OutboxBusy("The proxy is stopping.")
        if self._jobs.qsize() > MOST_WAITING:
            raise OutboxBusy("More reports wait to be stored than the disk can take.")
        self._outbox.admit(entries[0].backend)
        done: Future[None] = Future()
        self._jobs.put((entries, done))
        try:
            done.result(self._wait)
        except FutureTimeout:
            raise OutboxBusy("The outbox did not store the report in time.") from None

    def check(self, backend: bool = False) -> None:
        """Raise ``OutboxError`` if a report (of a back end: ``backend``) cannot be stored now; after a failed commit, a
        small write finds out."""
        self._outbox.admit(backend)
        if self.failed:
            self._outbox.remember("last_check", str(self._clock_ms()))
            self.failed = False
        else:
            with self._outbox.write():
                pass  # nobody else holds the file: costs no fsync

    def close(self) -> None:
        """Commit what has been handed in, then stop."""
        self._stopped.set()
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            self._write_down(self.refused.flush_if_due)
            try:
                first = self._jobs.get(timeout=FLUSH_SECONDS)
            except queue.Empty:
                continue
            if first is None:
                break
            group = [first]
            size = len(first[0])
            while size < MOST_ENTRIES and not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    last = True
                    break
                group.append(job)
                size += len(job[0])
            self._commit(group)
        self._write_down(self.refused.flush)

    def _write_down(self, flush: Callable[[], None]) -> None:
        """Counts are never worth an event: whatever goes wrong with them, this thread goes on."""
        try:
            flush()
        except OutboxError as error:
            log.error("%s", error)
        except Exception:
            log.exception("what was refused could not be counted")

    def _commit(self, group: list[_Job]) -> None:
        try:
            self._transact([entry for entries, _ in group for entry in entries])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, OutboxError):
                for job in group:
                    self._commit([job])
                return
            if not isinstance(error, OutboxError):
                # The type alone: an exception's text may carry what a shopper typed.
                log.error("a report could not be stored: %s", type(error).__name__)
            self.failed = True
            for _, done in group:
                # Each thread its own: what is raised grows a traceback. Only errors of ours are shared, and those copy.
                done.set_exception(copy(error) if len(group) > 1 else error)
            return
        self.failed = False
        for _, done in group:
            done.set_result(None)
        self._committed()

    def _transact(self, entries: list[Entry]) -> None:
        with self._outbox.write() as connection:
            self._outbox.add(connection, entries, self._clock_ms())
