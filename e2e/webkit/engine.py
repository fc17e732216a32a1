"""WebKit as the iPhone has it, by Debian's WebKitGTK: its driver on a display of its own, and a browser for each story.

Playwright drives only a WebKit that it has downloaded itself, hence Selenium. Where the commands come from, and what
is said when they are missing, is left to e2e/browsers.py.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import requests
from selenium.webdriver import Remote
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.webkitgtk.options import Options

from e2e.stack import free_port, wait_until

# For the driver to start, and for each of its answers: a browser that never comes must end in a failure.
PATIENCE = 60
STOP_SECONDS = 10


class Safari(Remote):
    """A browser with nothing in its memory: the driver gives each session cookies and storage of its own."""

    def __init__(self, driver: str) -> None:
        # The driver starts its MiniBrowser, unsandboxed unless asked otherwise: so it also runs as root in a container.
        config = ClientConfig(driver, proxy=Proxy({"proxyType": ProxyType.DIRECT}), timeout=PATIENCE)
        super().__init__(RemoteConnection(client_config=config), options=Options())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, by the name that Playwright's page has for it."""
        return self.execute_script(f"return ({expression})")


@contextmanager
def running_driver(command: str, display: str, folder: Path) -> Iterator[str]:
    """Runs WebKit's driver, whose browsers show themselves on ``display``. Yields its address.

    ``folder`` takes its log and what the browsers keep, so that nothing of this machine's user gets in or out.
    """
    port = free_port()
    environ = {
        **os.environ,
        **{f"XDG_{kind}_HOME": str(folder) for kind in ("CACHE", "CONFIG", "DATA")},
        "DISPLAY": display,
        "GDK_BACKEND": "x11",  # also where a desktop offers Wayland
        "GIO_USE_PROXY_RESOLVER": "dummy",  # all is on this machine
        "NO_AT_BRIDGE": "1",  # no bus for screen readers
    }
    with _running([command, "-p", str(port)], folder / "driver.log", environ) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(address, process, folder), PATIENCE, lambda: f"{command} answers at {address}")
        yield address


@contextmanager
def running_display(command: str, folder: Path) -> Iterator[str]:
    """Runs an X server without a screen, on a display that is free. Yields its name."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as told, os.fdopen(writer, "wb") as teller:
        number = teller.fileno()
        line = [command, "-displayfd", str(number), "-nolisten", "tcp"]
        with _running(line, folder / "display.log", os.environ, pass_fds=[number]):
            teller.close()
            display = told.readline().strip()  # empty if it ended instead
            assert display, f"{command} gives no display:\n{(folder / 'display.log').read_text('utf-8')}"
            yield f":{display}"


def _answers(address: str, process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    log = folder / "driver.log"
    assert process.poll() is None, f"WebKit's driver exited with {process.returncode}:\n{log.read_text('utf-8')}"
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{address}/status", timeout=5).ok
        except requests.ConnectionError:
            return False


@contextmanager
def _running(
    command: Sequence[str], log: Path, environ: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = _start(command, output, environ, pass_fds)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(
    command: Sequence[str], output: IO[bytes], environ: Mapping[str, str], pass_fds: Sequence[int]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, pass_fds=pass_fds
    )
