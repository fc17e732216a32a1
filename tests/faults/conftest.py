"""Every fault is tried on the real program in its own process, with the sandbox in TikTok's place."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.ledger import Balance, Ledger, balance, rows_of
from tests.program import PIXEL, PIXELPAIR, Running, free_ports, wait_for

TOKEN = "sandbox-token"
API_KEY = "fault-key"


class Sandbox:
    """TikTok's stand-in at one address; it outlives the proxies that are killed before it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def server_events(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.address}/sandbox/received", timeout=30).json()["server_events"])

    def requests(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.address}/sandbox/received", timeout=30).json()["requests"])

    def behave(self, **how: Any) -> None:
        answer = requests.post(f"{self.address}/sandbox/behave", json={"path": "track", **how}, timeout=10)
        assert answer.ok, answer.text

    def behave_again(self) -> None:
        requests.delete(f"{self.address}/sandbox/behave", timeout=10)


class Proxy:
    """One outbox with the ``serve`` that works on it, which may be killed and started again on the same port."""

    def __init__(self, folder: Path, sandbox: Sandbox, program: Sequence[str | Path], environ: dict[str, str]) -> None:
        self.folder = folder
        self.database = folder / "outbox.db"
        self.sandbox = sandbox
        self.port, self.operator_port = free_ports(2)
        self.address = f"http://localhost:{self.port}"
        self.running: Running | None = None
        self._program = program
        self.environ = {
            "PIXELPAIR_PIXEL_CODE": PIXEL,
            "PIXELPAIR_ACCESS_TOKEN": TOKEN,
            "PIXELPAIR_DOMAINS": "localhost",
            "PIXELPAIR_API_KEYS": API_KEY,
            "PIXELPAIR_MERGE_WAIT": "0",
            "PIXELPAIR_BOTS": "send",
            "PIXELPAIR_OUTBOX_URL": f"sqlite:///{self.database}",
            "PIXELPAIR_TIKTOK_URL": sandbox.address,
            "PIXELPAIR_PIXEL_URL": sandbox.address,
            **environ,
        }

    def launch(self, *options: str, **environ: str) -> Running:
        """Start it without waiting for anything."""
        ports = ("--port", str(self.port), "--operator-port", str(self.operator_port))
        self.running = Running(
            self.folder, "serve", *ports, *options, program=self._program, **{**self.environ, **environ}
        )
        return self.running

    def start(self, *options: str, **environ: str) -> "Proxy":
        """Start it and wait until it stores events."""
        running = self.launch(*options, **environ)

        def is_up() -> bool:
            assert running.process.poll() is None, running.log()
            return self.readyz().ok

        wait_for(is_up, running.log)
        return self

    def readyz(self, timeout: float = 5) -> requests.Response:
        return requests.get(f"{self.address}/t/readyz", timeout=timeout)

    def healthz(self) -> requests.Response:
        return requests.get(f"{self.address}/t/healthz", timeout=5)

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self.running is not None
        return self.running.end(how)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def log(self) -> str:
        """What all starts so far have said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("log-*")))

    def drain(self) -> None:
        """Wait until nothing waits and nothing is in flight."""
        wait_for(
            lambda: not [row for row in rows_of(self.database) if row[1] in ("waiting", "sending")],
            lambda: f"the backlog was not delivered; the log ends: {self.log()[-2000:]}",
        )

    def balance(self, ledger: Ledger) -> Balance:
        return balance(ledger, self.sandbox.server_events(), self.database)


class Crowd:
    """Shoppers who go on telling events, each from a thread of its own, until ``stop``."""

    def __init__(self, ledger: Ledger, address: str, shoppers: int = 4) -> None:
        self.ledger = ledger
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._tell, daemon=True) for _ in range(shoppers)]
        for thread in self._threads:
            thread.start()

    def _tell(self) -> None:
        with requests.Session() as session:
            while not self._stopped.is_set():
                if self.ledger.tell(self._address, session) != 202:
                    self._stopped.wait(0.02)  # the proxy is away: do not spin

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    (port,) = free_ports(1)
    running = Running(tmp_path, "sandbox", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(f"{address}/sandbox/received", timeout=5).ok, running.log)
    yield Sandbox(address)
    running.end()


@pytest.fixture
def proxy(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., Proxy]]:
    """``proxy(**environ)``: an outbox of its own, not started yet. Whatever runs in the end is killed."""
    made: list[Proxy] = []

    def make(program: Sequence[str | Path] = (PIXELPAIR,), **environ: str) -> Proxy:
        made.append(Proxy(tmp_path / f"proxy-{len(made)}", sandbox, program, environ))
        return made[-1]

    yield make
    for one in made:
        if one.running is not None:
            one.kill()


@pytest.fixture
def crowd(ledger: Ledger) -> Iterator[Callable[..., Crowd]]:
    """``crowd(proxy)``: shoppers at this proxy's doors."""
    crowds: list[Crowd] = []

    def gather(proxy: Proxy, shoppers: int = 4) -> Crowd:
        crowds.append(Crowd(ledger, proxy.address, shoppers))
        return crowds[-1]

    yield gather
    for one in crowds:
        one.stop()
