"""Whatever comes back, a sender lives on, loses nothing, and takes nothing for a delivery but TikTok's own word."""

import json
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from pydantic import SecretStr

from proxy.events.merging import merge
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.settings import Destination
from proxy.tiktok.client import Client, Reply
from tests.listener import Listener, http, read_request
from tests.replies import REPLIES, UNREADABLE, told
from tests.rows import all_rows
from tests.senders import sender

NOW = 1_790_000_000_000
NAME = "shop/P1"
ENDS = {"delivered", "waiting", "dead"}


class Sender:
    """A worker with one event after the other to send, and nothing left of the one before."""

    def __init__(self, path: Path, client: object) -> None:
        self.outbox = Outbox(Sqlite(path / "o.db"), merge)
        destination = Destination(name=NAME, site="shop", pixel_code="P1", access_token=SecretStr("token"))
        self.worker = sender(self.outbox, [destination], client, clock_ms=lambda: NOW, uniform=lambda low, _: low)
        self.number = 0

    def send_one(self) -> str:
        """The state in which a fresh event ends after one turn."""
        self.number += 1
        name = f"e{self.number}"
        body = json.dumps({"event": "Contact", "event_id": name})
        entry = Entry(destination=NAME, event="Contact", event_id=name, site="shop", body=body, seen_at=NOW, due_at=NOW)
        Destinations(self.outbox).resume(NAME)
        with self.outbox.write() as connection:
            self.outbox.add(connection, [entry], NOW)
        assert self.worker.run_turn(NOW)
        (row,) = [row for row in all_rows(self.outbox) if row.event_id == name]
        assert row.claim is None
        with self.outbox.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")
        return row.state


@pytest.fixture
def make_sender(tmp_path: Path) -> Iterator[Callable[[object], Sender]]:
    made: list[Sender] = []

    def make(client: object) -> Sender:
        made.append(Sender(tmp_path, client))
        return made[-1]

    yield make
    for one in made:
        one.outbox.close()


def may_be_delivered(status: int | None, body: bytes) -> bool:
    """By the letter: a 2xx whose body is a JSON object with the integer code 0 or 20001."""
    if status is None or not 200 <= status <= 299:
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and type(found.get("code")) is int and found["code"] in (0, 20001)


class Scripted:
    """Answers with ``reply``, whatever it is asked."""

    reply: Reply

    def track(self, pixel_code: str, token: str, items: Sequence[str], test_event_code: str | None = None) -> Reply:
        return self.reply


def test_no_reply_kills_a_sender_or_passes_for_a_delivery(
    make_sender: Callable[[object], Sender], is_long: bool
) -> None:
    tiktok = Scripted()
    sender = make_sender(tiktok)
    ends: set[str] = set()

    @settings(
        max_examples=5_000 if is_long else 300, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(REPLIES)
    @example(Reply(200, told(0, "OK")))
    @example(Reply(200, told(50000)))
    def send(reply: Reply) -> None:
        tiktok.reply = reply
        end = sender.send_one()
        ends.add(end)
        assert end in ENDS
        assert end != "delivered" or may_be_delivered(reply.status, reply.body)

    send()
    assert ends >= {"delivered", "waiting"}, "both ends can be reached"


def spoiled(chance: random.Random) -> bytes:
    """A whole answer of TikTok's or of another server, with up to four accidents."""
    answers = [told(0, "OK"), told(20001, "some"), told(40002, "no"), told(50000, "oh"), *UNREADABLE.values()]
    status = chance.choice(["200 OK", "200 OK", "202 Accepted", "302 Found", "413 Large", "429 Slow", "500 Oops"])
    raw = bytearray(http(chance.choice(answers), status, "Retry-After: 7\r\n"))
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0:
                del raw[at:]
            case 1:
                del raw[at : at + chance.randrange(1, 20)]
            case 2:
                raw[at:at] = chance.randbytes(chance.randrange(1, 20))
            case _:
                raw[at : at + 1] = chance.choice([b"\r\n", b"\x00", b"0", b"9", b'"', b"{", b"}"])
    return bytes(raw)


def test_no_bytes_on_the_wire_kill_a_sender_or_pass_for_a_delivery(
    make_sender: Callable[[object], Sender], is_long: bool
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    raw = b""

    def talk(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(raw)
            return

    tiktok = Listener(talk)
    client = Client(tiktok.url, deadline=5.0)
    sender = make_sender(client)
    ends: list[str] = []
    try:
        whole = [http(told(0, "OK"), "200 OK", ""), http(told(50000), "200 OK", "")]  # too rare to be left to chance
        for raw in [*whole, *(spoiled(chance) for _ in range(5_000 if is_long else 300))]:
            ends.append(sender.send_one())
            assert ends[-1] in ENDS
            assert ends[-1] != "delivered" or b'"code"' in raw, raw
    finally:
        client.close()
        tiktok.stop()
    assert set(ends) >= {"delivered", "waiting"}
