"""Worker processes under one parent, without any server in them."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

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


WORKER = """
import sys
from proxy.serving.workers import Parent
parent = Parent()
for _ in range(parent.told):
    parent.tell()
print("told", flush=True)
sys.stdin.buffer.read()
"""


def test_a_worker_that_stores_wakes_its_parent_and_never_waits_for_it(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flooding_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    woken, released = threading.Event(), threading.Event()
    calls: list[None] = []

    def committed() -> None:
        calls.append(None)
        woken.set()
        released.wait(60)

    workers = Workers("flooding_worker", 500_000, listener, 1, committed, pytest.fail)  # a pipe holds 65,536
    workers.start()
    assert woken.wait(60)
    until = time.monotonic() + 60
    while "told" not in capfd.readouterr().out:
        assert time.monotonic() < until, "it waits for a parent that is busy"
        time.sleep(0.05)
    released.set()
    workers.stop()
    assert 1 < len(calls) < 500_000 / 100, "many commits are one wake"


def test_a_taken_port_is_an_error(listener: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])
