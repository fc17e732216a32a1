"""``pixelpair`` as its users run it: a process of its own in a folder of its own, on free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from e2e.stack import free_port

PIXELPAIR = Path(sys.executable).with_name("pixelpair")
PIXEL = "COQDA8RC77U2TMR44LI0"
CEILING = 60  # seconds; generous, only a hang reaches it


def free_ports(count: int) -> list[int]:
    """Neighbours, none of them one that the system may give to a connection in between."""
    first = free_port(neighbours=count - 1)
    return list(range(first, first + count))


def wait_for(what: Callable[[], Any], why: Callable[[], str] = lambda: "it never happened", pause: float = 0.05) -> Any:
    """The first true answer of ``what``, in which a server that does not answer yet counts as no."""
    until = time.monotonic() + CEILING
    while time.monotonic() < until:
        try:
            if found := what():
                return found
        except requests.RequestException:
            pass
        time.sleep(pause)
    raise AssertionError(why())


class Running:
    """One process. Settings of the tester's own shell do not reach it; what it says stands in ``log()``."""

    def __init__(
        self, folder: Path, *arguments: str, program: Sequence[str | Path] = (PIXELPAIR,), **environ: str
    ) -> None:
        folder.mkdir(exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PIXELPAIR_")}
        self.log_path = folder / f"log-{arguments[0]}-{time.monotonic_ns()}"
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(
                [*program, *arguments],
                cwd=folder,
                env={**clean, "PYTHONFAULTHANDLER": "1", **environ},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return self.log_path.read_text()

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit code; a process that has ended already is fine.

        One that hangs is aborted, so that its log shows where each thread was.
        """
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(CEILING)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            return self.process.wait(CEILING)
