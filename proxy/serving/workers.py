"""Worker processes under one parent: started, watched, replaced when they die, stopped in order.

A worker has two pipes. Its standard input brings what it is told, once, and then stays open for as long as the parent
lives: at its end the worker ends too, so that none is ever left behind. Into the other it writes one byte when it
answers, and after that one for each commit, which wakes the parent's senders.
"""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

log = logging.getLogger("pixelpair")

BACKLOG = 1_024
STOP_SECONDS = 2.0
AGAIN_SECONDS = 5.0  # between two tries to replace a worker
LIVED_SECONDS = 2.0  # one that lived no longer would be replaced over and over
# So ends one that was told to, the second before it has set itself up. A stop meant for all (systemd signals every
# process of a service) may have reached it first, so it is replaced only if no stop comes in a moment.
ORDERLY = (0, -signal.SIGTERM)
MOMENT_SECONDS = 1.0


def listen(host: str, port: int) -> socket.socket:
    """The socket that all workers answer at. Raises ``OSError`` when it cannot be had."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Workers:
    """``count`` processes of the Python module ``module``, each told ``told`` (pickled) and given ``listener``.

    ``committed`` is called whenever one of them has stored something. One that dies is replaced, however often that
    takes; ``failed`` is called with a sentence if none of them ever answers.
    """

    def __init__(
        self,
        module: str,
        told: Any,
        listener: socket.socket,
        count: int,
        committed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._module = module
        self._told = pickle.dumps(told)
        self._listener = listener
        self._committed = committed
        self._failed = failed
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._answered = False  # whether any of them ever has
        self._threads = [
            threading.Thread(target=self._tend, args=(number,), name=f"worker-{number}", daemon=True)
            for number in range(1, count + 1)
        ]

    def start(self) -> None:
        """Start them all; they answer a moment later."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more connections and let them finish; after ``STOP_SECONDS`` they are killed."""
        with self._lock:
            self._stopping.set()
            self._listener.close()
            for process in self._running.values():
                process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            for process in self._running.values():
                process.kill()
        for thread in self._threads:
            thread.join()

    def _tend(self, number: int) -> None:
        """Run a worker, and another one whenever it ends, until ``stop``."""
        while True:
            began = time.monotonic()
            try:
                answered, code = self._run(number)
                how = f"exit code {code}"
            except OSError as error:  # no memory or no process is left for it
                answered, code, how = False, 1, str(error)
            if self._stopping.wait(MOMENT_SECONDS if code in ORDERLY else 0.0):
                return
            if not self._answered:
                self._failed(f"No worker can be started ({how}); the reason stands above.")
                return
            if answered and time.monotonic() - began > LIVED_SECONDS:
                log.error("Worker %d ended (%s): another one takes its place.", number, how)
                continue
            log.error("Worker %d ended as soon as it was started (%s): it is tried again.", number, how)
            if self._stopping.wait(AGAIN_SECONDS):
                return

    def _run(self, number: int) -> tuple[bool, int]:
        """Run one worker to its end: whether it ever answered, and its exit code. Raises ``OSError``."""
        hears, tells = os.pipe()
        try:
            try:
                with self._lock:
                    if self._stopping.is_set():
                        return False, 0
                    process = self._running[number] = self._start(tells)
            finally:
                os.close(tells)
            answered = self._listen_to(process, hears)
            with self._lock:
                del self._running[number]
            return answered, process.returncode
        finally:
            os.close(hears)

    def _start(self, tells: int) -> "subprocess.Popen[bytes]":
        # -P: a folder “proxy” where the command was started is not ours.
        command = [sys.executable, "-P", "-m", self._module, str(self._listener.fileno()), str(tells)]
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            bufsize=0,  # what a dead worker did not take is not tried again when its pipe is closed
            pass_fds=(self._listener.fileno(), tells),
            start_new_session=True,  # Ctrl-C is the parent's to hear
        )

    def _listen_to(self, process: "subprocess.Popen[bytes]", hears: int) -> bool:
        """Until it ends. Whether it has said anything."""
        answered = False
        with process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended already, and its exit code says so
                process.stdin.write(self._told)
            while os.read(hears, 4_096):
                answered = self._answered = True
                self._committed()
        return answered


class Parent:
    """A worker's side. Made first of all in the worker's process; ends the process when the parent is gone."""

    def __init__(self) -> None:
        listener, self._tells = (int(word) for word in sys.argv[1:])
        self.listener = socket.socket(fileno=listener)
        os.set_blocking(self._tells, False)
        self.told: Any = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
        threading.Thread(target=self._outlive, name="parent", daemon=True).start()

    def tell(self) -> None:
        """Tell it that this worker answers, or has stored something. Never waits: a full pipe wakes it as well."""
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._tells, b".")

    def _outlive(self) -> None:
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)
