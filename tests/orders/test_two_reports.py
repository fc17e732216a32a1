"""An order told by browser and back end through the real program: one event, whichever comes first; and the order that
is paid a week later."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests

from tests.faults.conftest import Proxy
from tests.orders.telling import FIREFOX, SETTINGS, a_key, collect, item, relay, report, ticket
from tests.program import PIXEL, wait_for

pytestmark = pytest.mark.timeout(300)

CLICK = {"ttclid": "E.C.P." + "c" * 40, "ttp": "t" * 27}
SIGNALS = {**CLICK, "ip": "8.8.8.8", "user_agent": FIREFOX}
# Only the second report ends so long a wait.
WAITS = {**SETTINGS, "PIXELPAIR_MERGE_WAIT": "240"}


def events(one: Proxy, count: int) -> list[dict[str, Any]]:
    one.drain()
    found = one.sandbox.server_events()
    assert len(found) == count
    return found


@pytest.mark.parametrize("first", ["browser", "back end"])
def test_one_request_one_complete_event_and_one_pair(first: str, proxy: Callable[..., Proxy]) -> None:
    one = proxy(**WAITS).start()
    key = a_key()
    tells = [
        lambda: collect(one, report(key, 10, **CLICK)),
        lambda: relay(one, item(key, 11, email="Amina@Example.com", external_id="7")).raise_for_status(),
    ]
    for tell in tells if first == "browser" else reversed(tells):
        tell()
    pixel = {"event": "PlaceAnOrder", "event_id": key, "context": {"pixel": {"code": PIXEL}}, "properties": {}}
    requests.post(f"{one.sandbox.address}/api/v2/pixel", json=pixel, timeout=30).raise_for_status()
    (event,) = events(one, 1)
    assert (event["event"], event["event_id"], event["properties"]["value"]) == ("PlaceAnOrder", key, 11)
    assert event["user"].keys() == {*SIGNALS, "email", "external_id"}
    assert {name: event["user"][name] for name in SIGNALS} == SIGNALS
    received = requests.get(f"{one.sandbox.address}/sandbox/received", timeout=30).json()
    assert len([asked for asked in received["requests"] if "track" in asked["path"]]) == 1
    (pair,) = received["pairs"]
    assert (pair["event_id"], bool(pair["pixel"]), bool(pair["server"]), pair["counted"]) == (key, True, True, 1)
    page = requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=30).text
    assert "Server &amp; Browser" in page
    with closing(sqlite3.connect(one.database)) as connection:
        rows = connection.execute("SELECT reports, browser, backend, proved FROM events").fetchall()
    assert rows == [(2, 1, 1, 1)]


def test_paid_on_delivery_the_back_ends_purchase_inherits_the_click(proxy: Callable[..., Proxy]) -> None:
    one = proxy(**SETTINGS).start()
    key = a_key()
    collect(one, report(key, 10, user={"email": "amina@example.com"}, **CLICK))
    events(one, 1)
    one.end()
    with closing(sqlite3.connect(one.database)) as connection, connection:  # what a week's clean-up does to the order
        connection.execute("UPDATE events SET body = ''")
    one.start()
    assert relay(one, item(key, 12, event="Purchase", phone="+212612345678")).json()["code"] == 0
    paid = next(event for event in events(one, 2) if event["event"] == "Purchase")
    assert paid["user"].keys() == {*SIGNALS, "email", "phone"}
    assert {name: paid["user"][name] for name in SIGNALS} == SIGNALS
    assert (paid["properties"]["value"], paid["page"]["url"]) == (12, "http://localhost/thanks")


def test_limited_consent_is_inherited_and_match_keys_are_not(proxy: Callable[..., Proxy]) -> None:
    one = proxy(**SETTINGS).start()
    key = a_key()
    collect(one, report(key, 10, consent="limited", **CLICK))
    relay(one, item(key, 10, event="Purchase", email="amina@example.com")).raise_for_status()
    paid = next(event for event in events(one, 2) if event["event"] == "Purchase")
    assert paid["user"].keys() == {"email"}
    assert paid["limited_data_use"] is True


def test_keep_match_days_0_keeps_none(proxy: Callable[..., Proxy]) -> None:
    one = proxy(**SETTINGS, PIXELPAIR_KEEP_MATCH_DAYS="0").start()
    key = a_key()
    collect(one, report(key, 10, **CLICK))
    relay(one, item(key, 10, event="Purchase", email="amina@example.com")).raise_for_status()
    paid = next(event for event in events(one, 2) if event["event"] == "Purchase")
    assert paid["user"].keys() == {"email"}
    with closing(sqlite3.connect(one.database)) as connection:
        assert connection.execute("SELECT count(*) FROM match_keys").fetchone() == (0,)


def test_a_key_made_and_revoked_beside_the_running_program(proxy: Callable[..., Proxy]) -> None:
    one = proxy(**SETTINGS).start()
    shown = one.run("keys", "make").splitlines()
    key = next(line for line in shown if line.startswith("pixelpair_"))
    wait_for(lambda: relay(one, item(a_key(), 1, email="a@example.com"), key=key).status_code == 200)
    assert "is revoked" in one.run("keys", "revoke", "1")
    wait_for(lambda: relay(one, item(a_key(), 1, email="a@example.com"), key=key).status_code == 401)
    assert key not in one.log().replace("\n".join(shown), "")


def test_a_report_that_disagrees_with_its_ticket_sends_the_tickets_facts_and_shows_the_attempt(
    proxy: Callable[..., Proxy],
) -> None:
    one = proxy(**SETTINGS).start()
    key = a_key()
    collect(one, report(key, 1, ticket=ticket(key, 349)))
    (event,) = events(one, 1)
    assert event["properties"]["value"] == 349
    page = requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=30).text
    assert "properties.value: differs from the ticket, which holds" in page
