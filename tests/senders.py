"""A sender by itself, for tests: it shares nothing with others but what it is given."""

from collections.abc import Callable, Sequence
from typing import Any

from proxy.delivery.skew import Skew
from proxy.delivery.worker import Desk, Waker, Worker
from proxy.outbox.store import Outbox
from proxy.settings import Destination


def sender(
    outbox: Outbox,
    destinations: Sequence[Destination],
    client: Any,
    clock_ms: Callable[[], int],
    uniform: Callable[[float, float], float],
    desk: Desk | None = None,
) -> Worker:
    """A worker with a waker and a skew of its own, and with a desk of its own unless it gets one."""
    return Worker(
        outbox,
        destinations,
        client,
        clock_ms=clock_ms,
        uniform=uniform,
        waker=Waker(),
        desk=desk or Desk(),
        skew=Skew(outbox),
    )
