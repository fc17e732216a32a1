"""The server under the doors: large bodies get an answer, slow clients hold nobody up, a stop is orderly."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request

from proxy.serving.on_waitress import MOST_KEPT, Server


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Slow:
    """An app that answers with the length of what it got, and can be held up."""

    def __init__(self) -> None:
        self.flask = Flask("slow")
        self.entered, self.released = threading.Event(), threading.Event()
        self.flask.add_url_rule("/", view_func=self.answer, methods=["GET", "POST"])
        self.flask.add_url_rule("/held", view_func=self.hold)

    def answer(self) -> dict[str, Any]:
        declared = request.content_length or 0
        return {"declared": declared, "read": len(request.get_data()) if declared <= MOST_KEPT else None}

    def hold(self) -> str:
        self.entered.set()
        self.released.wait(20)
        return "done"


@pytest.fixture
def slow(port: int) -> Iterator[tuple[Slow, Server, str]]:
    app = Slow()
    server = Server(app.flask, "127.0.0.1", port, threads=4)
    server.start()
    yield app, server, f"http://127.0.0.1:{port}"
    app.released.set()
    with contextlib.suppress(Exception):
        server.stop()


@pytest.mark.parametrize("size", [0, 10, 64 * 1024, 4 << 20, 10_000_000, 40 << 20])
def test_a_body_of_any_size_gets_the_apps_own_answer(slow: tuple[Slow, Server, str], size: int) -> None:
    answer = requests.post(slow[2], data=b"x" * size, timeout=30)
    assert answer.json() == {"declared": size, "read": size if size <= MOST_KEPT else None}


def test_a_chunked_body_too(slow: tuple[Slow, Server, str]) -> None:
    answer = requests.post(slow[2], data=iter([b"x" * 1000] * 10_000), timeout=30)
    assert answer.json() == {"declared": 10_000_000, "read": None}


def test_half_sent_requests_hold_nobody_up(slow: tuple[Slow, Server, str]) -> None:
    address = ("127.0.0.1", int(slow[2].rpartition(":")[2]))
    with contextlib.ExitStack() as half:
        for number in range(50):
            connection = half.enter_context(socket.create_connection(address))
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\n" + (b"Content-Length: 9\r\n\r\nab" if number % 2 else b"")
            )
        assert requests.post(slow[2], data=b"x", timeout=10).json()["read"] == 1


def test_a_stop_finishes_what_is_under_way_and_takes_nothing_new(slow: tuple[Slow, Server, str]) -> None:
    app, server, address = slow
    answers: list[str] = []
    request_thread = threading.Thread(target=lambda: answers.append(requests.get(f"{address}/held", timeout=20).text))
    request_thread.start()
    assert app.entered.wait(10)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    app.released.set()
    request_thread.join(20)
    stopper.join(20)
    assert answers == ["done"]
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=5)


def test_a_worker_that_ends_after_the_stop_writes_into_no_file_of_others(
    slow: tuple[Slow, Server, str], tmp_path: Path
) -> None:
    """The pipe by which it wakes the server is closed by then, and its number is the next file's."""
    _, server, address = slow
    assert requests.get(address, timeout=10).ok
    server.stop()
    with contextlib.ExitStack() as files:
        for number in range(30):
            files.enter_context((tmp_path / str(number)).open("wb"))
        for listener in server._listeners:
            listener.pull_trigger()
    assert {path.stat().st_size for path in tmp_path.iterdir()} == {0}


def test_forwarding_headers_reach_the_doors_untouched(port: int) -> None:
    app = Flask("echo")
    app.add_url_rule("/", view_func=lambda: request.headers.get("X-Forwarded-For", ""))
    server = Server(app, "127.0.0.1", port, threads=1)
    server.start()
    try:
        answer = requests.get(f"http://127.0.0.1:{port}", headers={"X-Forwarded-For": "8.8.8.8, 9.9.9.9"}, timeout=10)
        assert answer.text == "8.8.8.8, 9.9.9.9"
    finally:
        server.stop()


def test_no_body_ever_lies_in_a_temporary_file(
    slow: tuple[Slow, Server, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made: list[str] = []
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_, **__: made.append("file"))
    requests.post(slow[2], data=b"x" * (4 << 20), timeout=30)
    assert made == []
