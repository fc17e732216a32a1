"""Worker processes under one parent, without any server in them."""

import socket
import threading
from collections.abc import Iterator

import pytest

from proxy.serving.workers import Workers, listen


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as made:
        yield made


def test_workers_that_cannot_start_end_the_whole_and_are_not_started_again(
    listener: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    failed: list[str] = []
    told = threading.Event()

    def fail(sentence: str) -> None:
        failed.append(sentence)
        told.set()

    workers = Workers("proxy.nowhere", None, listener, 1, lambda: None, fail)
    workers.start()
    assert told.wait(60)
    workers.stop()
    assert failed == ["No worker can be started; the reason stands above."]
    assert capfd.readouterr().err.count("proxy.nowhere") == 1


def test_a_taken_port_is_an_error(listener: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
