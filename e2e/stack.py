"""The real program in a process of its own: `pixelpair demo` on free ports, and the questions tests ask it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAM = Path(sys.executable).with_name("pixelpair")
# A loaded machine with two cores needs many times the usual two seconds.
START_SECONDS = 60
STOP_SECONDS = 10
# Below the ports that Linux hands out by itself (32768 and up), so that no connection takes one in between.
PORTS = range(20000, 32000)


def free_port(neighbours: int = 0) -> int:
    """A port of 127.0.0.1 that is free, and so are the ``neighbours`` after it."""
    while True:
        first = random.choice(PORTS)
        if all(_is_free(port) for port in range(first, first + neighbours + 1)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do it: a connection of an earlier test that is still closing takes no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(
    condition: Callable[[], Any],
    timeout: float,
    explain: Callable[[], str],
    pause: Callable[[float], None] = time.sleep,
) -> Any:
    """The first true answer of ``condition``; AssertionError with ``explain()`` after ``timeout`` seconds of none."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {explain()}")
        pause(0.05)


class Stack:
    """One `pixelpair demo` with its own ports and data. ``environ`` adds to its environment and wins over the default.

    It may be stopped or killed and started again: ports, data and log stay.
    """

    def __init__(self, data: Path, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.port = free_port(neighbours=2)
        self.shop = f"http://127.0.0.1:{self.port}"
        self.proxy = f"{self.shop}/t"
        self.sandbox = f"http://127.0.0.1:{self.port + 1}"
        self.operator = f"http://127.0.0.1:{self.port + 2}"
        self._environ = _clean_environment() | {"PIXELPAIR_TRUSTED_HOPS": "1"} | dict(environ or {})
        self._log = data.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    def start(self) -> None:
        """Starts the program and waits until all its parts answer."""
        assert self._process is None, "it runs already"
        command = [str(PROGRAM), "demo", "--port", str(self.port), "--data", str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                cwd=self.data.parent,
            )
        try:
            wait_until(self._is_up, START_SECONDS, lambda: f"all parts of {self.shop} answer 200. Log:\n{self.log()}")
        except BaseException:
            self.kill()
            self._http.close()
            raise

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"pixelpair demo exited with {self._process.returncode}:\n{self.log()}"
        doors = (f"{self.proxy}/readyz", f"{self.sandbox}/sandbox/received", f"{self.operator}/")
        try:
            return all(self._http.get(door, timeout=5).status_code == 200 for door in doors)
        except requests.ConnectionError:
            return False

    def stop(self) -> int:
        """Asks it to end (SIGTERM) and returns its exit code; AssertionError after 10 seconds."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop within {STOP_SECONDS} s:\n{self.log()}") from None
        self._process = None
        return code

    def kill(self) -> None:
        """Ends it at once (SIGKILL), as a power cut would."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def close(self) -> list[str]:
        """Stops it if it runs. What went wrong, in sentences: its exit code, or a traceback in its log."""
        problems = []
        try:
            code = self.stop() if self._process else 0
        except AssertionError as late:
            problems.append(str(late))
        else:
            if code != 0:
                problems.append(f"pixelpair demo exited with {code}, not 0:\n{self.log()}")
        if not problems and "Traceback" in self.log():
            problems.append(f"pixelpair demo logged a traceback:\n{self.log()}")
        self._http.close()
        return problems

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "it does not run"
        return self._process

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        return self._running().pid

    def log(self) -> str:
        """All that the program wrote so far, of all its starts."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def received(self) -> dict[str, Any]:
        """What the sandbox received: ``requests``, ``server_events``, ``pixel_events`` and ``pairs``."""
        answer = self._http.get(f"{self.sandbox}/sandbox/received", timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def forget(self) -> None:
        """Makes the sandbox forget all it received."""
        self._http.delete(f"{self.sandbox}/sandbox/received", timeout=10).raise_for_status()

    def behave(self, path: str = "track", **behaviour: Any) -> None:
        """Changes how the sandbox answers on ``path``: status, code, delay_ms, times, body, headers."""
        answer = self._http.post(f"{self.sandbox}/sandbox/behave", json={"path": path, **behaviour}, timeout=10)
        assert answer.ok, answer.text

    def wait_for(
        self, predicate: Callable[[dict[str, Any]], Any], timeout: float = 30, page: "Page | None" = None
    ) -> dict[str, Any]:
        """What the sandbox received, once ``predicate`` holds for it; AssertionError that shows it all otherwise.

        Pass the ``page`` whose requests the test routes: its handlers run only while Playwright itself waits.
        """
        latest: dict[str, Any] = {}

        def holds() -> bool:
            nonlocal latest
            latest = self.received()
            return bool(predicate(latest))

        pause = (lambda seconds: page.wait_for_timeout(seconds * 1000)) if page else time.sleep
        wait_until(holds, timeout, lambda: _dump(latest, self.log()), pause)
        return latest


def _clean_environment() -> dict[str, str]:
    """This process's environment without settings of Pixelpair, which would reach into the test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PIXELPAIR_")}


def _dump(received: Mapping[str, Any], log: str) -> str:
    facts = {name: received.get(name) for name in ("server_events", "pixel_events", "pairs")}
    return (
        f"the condition holds for the sandbox, which received {len(received.get('requests', []))} requests:\n"
        f"{json.dumps(facts, indent=2, ensure_ascii=False)}\nEnd of the log:\n{log[-4000:]}"
    )
