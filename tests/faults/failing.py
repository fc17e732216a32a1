"""``python -m tests.faults.failing serve …``: the real program, which dies at a place named beforehand or lives by a
clock of its own. The product itself holds no hook for this: its functions are wrapped here, from outside.

``FAILPOINT=point:when:number[:size]`` kills the process by SIGKILL ``before`` or ``after`` the ``number``-th call of a
point; with ``size`` only calls with at least so many entries or events count. ``CLOCK_FILE`` names a file that holds
the seconds by which the wall clock is off; it is read at each look at the clock, so it can jump at any moment.
"""

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

# Whoever told something too early, before the place of death, is given time to be heard.
LINGER_SECONDS = 0.3


def main() -> None:
    if path := os.environ.get("CLOCK_FILE"):
        _shift_clock(Path(path))
    if failpoint := os.environ.get("FAILPOINT"):
        _arm(*failpoint.split(":"))
    from proxy.cli import main as pixelpair

    sys.argv[0] = "pixelpair"
    pixelpair()


def _shift_clock(path: Path) -> None:
    true_ns = time.time_ns

    def time_ns() -> int:
        return true_ns() + int(path.read_text() or "0") * 1_000_000_000

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


def _arm(point: str, when: str, number: str, size: str = "1") -> None:
    from proxy.outbox.group_commit import GroupCommit
    from proxy.outbox.sqlite import Sqlite
    from proxy.outbox.store import Outbox
    from proxy.tiktok.client import Client

    owner, name = {
        "insert": (Sqlite, "insert"),  # inside the transaction of a group of reports
        "commit": (GroupCommit, "_transact"),  # that whole transaction
        "claim": (Outbox, "claim"),
        "send": (HTTPConnection, "send"),  # the body of a POST; "before" sends half of it first
        "track": (Client, "track"),  # the whole POST with its answer
        "settle": (Outbox, "settle"),
    }[point]
    method: Callable[..., Any] = getattr(owner, name)
    left = int(number)
    lock = threading.Lock()

    def is_it(*values: Any) -> bool:
        """Is this the call to die at? A call without any entry, such as a claim that found nothing, is none."""
        nonlocal left
        if point == "send":
            counts = len(values) > 1 and bytes(values[1]).startswith(b'{"event_source"')
        else:
            counts = max((len(value) for value in values if isinstance(value, list)), default=0) >= int(size)
        with lock:
            left -= counts
            return counts and left == 0

    @functools.wraps(method)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if when == "before" and is_it(*arguments):
            if point == "send":
                connection, body = arguments
                method(connection, body[: len(body) // 2])
            _die()
        result = method(*arguments, **named)
        if when == "after" and is_it(*arguments, *([result] if isinstance(result, list) else [])):
            _die()
        return result

    setattr(owner, name, wrapped)


def _die() -> None:
    time.sleep(LINGER_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
