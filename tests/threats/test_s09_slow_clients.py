"""S9: clients that send or read as slowly as they can hold nobody up, on each server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.served import SERVERS, Served, body, head, served

SLOW = 64  # so many stopped a server that gives each connection one of its threads


@pytest.fixture(params=SERVERS)
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, request.param) as made:
        yield made


def drip(connections: list[socket.socket], data: list[bytes], ended: threading.Event) -> None:
    """One byte more on each connection, again and again; never the last one."""
    for place in range(max(map(len, data)) - 1):
        for connection, told in zip(connections, data, strict=True):
            with suppress(OSError):
                connection.sendall(told[place : place + 1] if place < len(told) - 1 else b"")
        if ended.wait(0.05):
            return


def test_clients_that_send_byte_by_byte_hold_nobody_up(proxy: Served) -> None:
    length = b"Content-Length: %d" % len(body("slow"))
    told = [head(length) + body("slow"), head(b"Transfer-Encoding: chunked") + b"40;" + b"a" * 500]
    ended = threading.Event()
    with ExitStack() as held:
        slow = [held.enter_context(socket.create_connection(proxy.address)) for _ in range(SLOW)]
        data = [told[number % 2] for number in range(SLOW)]
        for number, connection in enumerate(slow):  # some have come as far as the body already
            if number % 4 > 1:
                start = data[number].index(b"\r\n\r\n") + 4
                connection.sendall(data[number][:start])
                data[number] = data[number][start:]
        dripping = threading.Thread(target=drip, args=(slow, data, ended))
        dripping.start()
        try:
            assert all(proxy.answers() for _ in range(20))
        finally:
            ended.set()
            dripping.join()
    assert all(proxy.answers() for _ in range(5))


def test_clients_that_never_read_their_answers_hold_nobody_up(proxy: Served) -> None:
    ask = b"GET /t/tag.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as held:
        for _ in range(SLOW):
            deaf = held.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.connect(proxy.address)
            deaf.setblocking(False)
            with suppress(BlockingIOError, ConnectionError):
                for _ in range(200):
                    deaf.send(ask)
        assert all(proxy.answers() for _ in range(20))
