"""Worker processes under one parent, without any server in them."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.serving.workers import Workers, listen
from tests.program import wait_for


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
    assert failed == ["No worker can be started (exit code 1); the reason stands above."]
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


SCRIPTED = """
import os, signal, sys, time
from pathlib import Path
from proxy.serving.workers import Parent

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
parent = Parent()
folder = Path(parent.told[0])
(folder / f"start-{os.getpid()}").touch()
if (folder / "refuse").exists():
    sys.exit(3)
parent.tell()
if (folder / "die").exists():
    sys.exit(4)
time.sleep(600)
"""


class Scripted:
    """One worker that does what the files of its folder say."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.folder = folder
        self.failed: list[str] = []
        self.answers = 0
        self.workers = Workers("scripted_worker", [str(folder)], listener, 1, self._answered, self.failed.append)
        self.workers.start()

    def _answered(self) -> None:
        self.answers += 1

    def pids(self) -> set[int]:
        return {int(path.name.removeprefix("start-")) for path in self.folder.glob("start-*")}


@pytest.fixture
def scripted(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Scripted]]:
    (tmp_path / "scripted_worker.py").write_text(SCRIPTED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    monkeypatch.setattr("proxy.serving.workers.AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("proxy.serving.workers.LIVED_SECONDS", 0.0)
    made: list[Scripted] = []

    def start() -> Scripted:
        made.append(Scripted(tmp_path, listener))
        return made[-1]

    yield start
    for one in made:
        one.workers.stop()


def test_what_cannot_be_replaced_is_tried_until_it_can(
    scripted: Callable[[], Scripted], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = scripted()
    wait_for(lambda: one.answers == 1)
    (tmp_path / "refuse").touch()
    os.kill(one.pids().pop(), signal.SIGKILL)
    wait_for(lambda: len(one.pids()) >= 4)
    (tmp_path / "refuse").unlink()
    wait_for(lambda: one.answers == 2)
    assert one.failed == []
    assert "(exit code 3): it is tried again" in caplog.text


def test_no_memory_for_a_new_worker_is_tried_again_too(
    scripted: Callable[[], Scripted], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = scripted()
    wait_for(lambda: one.answers == 1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", cannot_fork)
        os.kill(one.pids().pop(), signal.SIGKILL)
        wait_for(lambda: caplog.text.count("Cannot allocate memory") >= 3)
    wait_for(lambda: one.answers == 2)
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "each try leaves pipes behind"
    assert one.failed == []


def cannot_fork(*_: object, **__: object) -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_one_that_dies_before_it_has_listened_is_a_failed_start(
    listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaf_worker.py").write_text("import os; os.close(0); os._exit(5)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), *sys.path)))
    failed: list[str] = []
    workers = Workers("deaf_worker", "x" * 1_000_000, listener, 1, lambda: None, failed.append)
    workers.start()
    wait_for(lambda: failed)
    workers.stop()
    assert failed == ["No worker can be started (exit code 5); the reason stands above."]


def test_one_that_answers_and_dies_is_not_started_over_and_over(
    scripted: Callable[[], Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("proxy.serving.workers.AGAIN_SECONDS", 600.0)
    monkeypatch.setattr("proxy.serving.workers.LIVED_SECONDS", 60.0)
    (tmp_path / "die").touch()
    one = scripted()
    wait_for(lambda: "it is tried again" in caplog.text)
    assert (one.answers, len(one.pids())) == (1, 1)


def test_a_stop_that_reaches_the_worker_first_replaces_nobody(
    scripted: Callable[[], Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    one = scripted()
    wait_for(lambda: one.answers == 1)
    os.kill(one.pids().pop(), signal.SIGTERM)
    one.workers.stop()
    assert len(one.pids()) == 1
    assert caplog.text == ""


def test_one_that_was_told_to_end_by_mistake_is_replaced(scripted: Callable[[], Scripted]) -> None:
    one = scripted()
    wait_for(lambda: one.answers == 1)
    os.kill(one.pids().pop(), signal.SIGTERM)
    wait_for(lambda: one.answers == 2)


def test_one_that_dies_before_it_answers_ends_nothing_while_another_answers(
    scripted: Callable[[], Scripted], tmp_path: Path, listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    one = scripted()
    wait_for(lambda: one.answers == 1)
    (tmp_path / "refuse").touch()
    second = threading.Thread(target=one.workers._tend, args=(2,), daemon=True)
    second.start()
    wait_for(lambda: "Worker 2 ended as soon as it was started" in caplog.text)
    assert one.failed == []
    one.workers._stopping.set()
    second.join(60)
