"""F14: another program holds the outbox's file locked under the running program."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.faults.conftest import Crowd, Proxy
from tests.faults.ledger import Ledger
from tests.program import wait_for


def test_a_locked_file_makes_late_or_busy_and_loses_nothing(
    proxy: Callable[..., Proxy], crowd: Callable[..., Crowd], ledger: Ledger, is_long: bool
) -> None:
    one = proxy().start()
    shoppers = crowd(one)
    wait_for(lambda: len(ledger.accepted) >= 50)
    for seconds in (1, 5, 30) if is_long else (1, 5):
        before = len(ledger.accepted)
        stranger = sqlite3.connect(one.database, isolation_level=None, timeout=30, check_same_thread=False)
        with closing(stranger):
            stranger.execute("BEGIN EXCLUSIVE")
            letting_go = threading.Timer(seconds, stranger.execute, ("COMMIT",))
            letting_go.start()
            assert one.healthz().ok  # that a stranger holds the file is no fault of this process
            if seconds > 4:  # readyz waits as long as a report would, so it is asked first thing
                answer = one.readyz(timeout=60)
                assert answer.ok or answer.json() == {
                    "status": "failing",
                    "reason": "the outbox is locked, slow or failing; see the proxy's log",
                }
            letting_go.join()
        wait_for(lambda before=before: len(ledger.accepted) >= before + 50)
    shoppers.stop()
    assert set(ledger.statuses) <= {202, 503}
    assert one.readyz().ok
    one.drain()
    found = one.balance(ledger).holds()
    assert found.twice == {}
    assert found.states["delivered"] >= len(ledger.accepted)


@pytest.mark.long
def test_while_it_is_locked_for_longer_than_a_report_waits_readyz_is_red(
    proxy: Callable[..., Proxy], ledger: Ledger
) -> None:
    one = proxy().start()
    with closing(sqlite3.connect(one.database, isolation_level=None, timeout=30)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        answer = one.readyz(timeout=60)  # nobody has told an event: it finds out by itself
        assert (answer.status_code, answer.json()["reason"][:20]) == (503, "the outbox is locked")
        stranger.execute("COMMIT")
    wait_for(lambda: ledger.tell(one.address) == 202)
    assert one.readyz().ok
    assert "another program holds it; close what has the file open" in one.log()
    one.drain()
    one.balance(ledger).holds()
