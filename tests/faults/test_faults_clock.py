"""The wall clock jumps by an hour and by a day, forwards and backwards, while the real program runs."""

import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import requests

from proxy.settings.naming import DEFAULT_SITE
from proxy.tickets import Ticket, sign_order
from tests.faults.conftest import FAILING, Proxy
from tests.faults.ledger import Ledger
from tests.program import wait_for

HOUR, DAY = 3_600, 86_400
KEY = secrets.token_hex(32)


class Clock:
    """The program's wall clock: the true one, and so many seconds more."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.path)  # a reader sees the one or the other


def proved_and_warnings(database: Path, event_id: str) -> tuple[bool, str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = "SELECT proved, warnings FROM events WHERE event_id = ?"
        proved, warnings = connection.execute(query, (event_id,)).fetchone()
    return bool(proved), warnings


def ages_on(page: str) -> list[str]:
    return re.findall(r"<time [^>]*data-past>([^<]*)</time>", page)


def has_no_negative_age(one: Proxy) -> None:
    """Neither on the operator's pages nor in what watches the program."""
    pages = f"http://127.0.0.1:{one.operator_port}"
    newest = requests.get(f"{pages}/", timeout=30).text
    (row, *_) = re.findall(r'href="(/event/\d+)"', newest)
    found = [*ages_on(newest), *ages_on(requests.get(pages + row, timeout=30).text)]
    assert len(found) >= 6
    assert [age for age in found if not re.fullmatch(r"now|\d+ (s|min|h|d) ago", age)] == []
    for health in (one.readyz(), one.healthz()):
        assert health.json()["keeper_seen_ms_ago"] >= 0
    status = one.run("status")
    assert "keeper  last seen" in status
    assert re.findall(r"\bin \d+ (?:s|min|h|d)\b|-\d+ (?:s|min|h|d)\b", status) == []


def test_jumps_of_the_clock_cost_nothing(proxy: Callable[..., Proxy], ledger: Ledger, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    one = proxy(FAILING, CLOCK_FILE=str(clock.path), PIXELPAIR_SECRET_KEYS=KEY).start()
    signed_at = time.time()

    def order(key: str, at: float) -> str:
        return sign_order(Ticket(DEFAULT_SITE, "CompletePayment", key, 250.0, "MAD"), [KEY], at)

    for offset in (HOUR, -HOUR, DAY, -DAY):
        one.sandbox.behave(delay_ms=700)
        assert ledger.tell(one.address) == 202
        wait_for(one.in_flight, one.log)
        clock.set(offset)
        assert ledger.tell(one.address) == 202
        # The ticket of a shop whose own clock is right, and one at either end of what is forgiven.
        now = signed_at + offset
        tickets = {"right": signed_at, "ahead": now + 240, "behind": now - 6 * DAY}
        for name, at in tickets.items():
            key = f"{name}{offset}"
            assert ledger.tell(one.address, event="CompletePayment", key=key, ticket=order(key, at)) == 202
            proved, warnings = proved_and_warnings(one.database, key)
            # A clock more than 5 minutes slow refuses what is signed "in the future", and says so; the event is kept.
            valid = name != "right" or offset > 0
            assert proved == valid, (key, warnings)
            assert valid or "ticket: it was signed in the future" in warnings
        has_no_negative_age(one)
    one.drain()
    found = one.balance(ledger).holds()
    assert found.twice == {}
    assert found.received.keys() == set(ledger.accepted.values())
    wait_for(lambda: one.healthz().ok, one.log)  # the keeper's heart beats by the new clock
