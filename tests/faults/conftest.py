"""Every fault is tried on the real program in its own process, with the sandbox in TikTok's place."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.ledger import Balance, Ledger, balance, rows_of
from tests.program import CEILING, PIXEL, PIXELPAIR, Running, free_ports, wait_for

TOKEN = "sandbox-token"
API_KEY = "fault-key"
# The real program by way of ``failing.py``; it takes FAILPOINT and CLOCK_FILE.
FAILING = (sys.executable, "-m", "tests.faults.failing")
ROOT = Path(__file__).parents[2]


class Sandbox:
    """TikTok's stand-in at one address; it outlives the proxies that are killed before it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._known: dict[str, dict[str, Any]] = {}

    def server_events(self) -> list[dict[str, Any]]:
        """All since the start. The sandbox itself keeps the newest 20,000, so a long test looks in now and then."""
        received = requests.get(f"{self.address}/sandbox/received", timeout=30).json()
        self._known |= {event["number"]: event for event in received["server_events"]}
        return list(self._known.values())

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
            "PYTHONPATH": str(ROOT),
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
        self.launch(*options, **environ)
        return self.comes_up()

    def comes_up(self) -> "Proxy":
        """Wait until what was launched stores events."""
        running = self.running
        assert running is not None

        def is_up() -> bool:
            assert running.process.poll() is None, running.log()
            return self.readyz().ok

        wait_for(is_up, running.log)
        return self

    def run(self, *words: str) -> str:
        """What an operator's command says, run beside it."""
        running = Running(self.folder, *words, program=self._program, **self.environ)
        running.process.wait(CEILING)
        return running.log()

    def readyz(self, timeout: float = 5) -> requests.Response:
        return requests.get(f"{self.address}/t/readyz", timeout=timeout)

    def healthz(self) -> requests.Response:
        return requests.get(f"{self.address}/t/healthz", timeout=5)

    def end(self, how: int = signal.SIGTERM, within: float = CEILING) -> int:
        assert self.running is not None
        return self.running.end(how, within)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def dies(self) -> None:
        """Wait until the process has died at its failpoint."""
        assert self.running is not None
        code = self.running.process.wait(CEILING)
        assert code == -signal.SIGKILL, self.running.log()

    def stored(self) -> set[str]:
        """The event_ids of all rows."""
        return {event_id for event_id, _ in rows_of(self.database)}

    def in_flight(self) -> set[str]:
        """The event_ids that a sender holds, or held when it died."""
        return {event_id for event_id, state in rows_of(self.database) if state == "sending"}

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


@contextmanager
def running_sandbox(folder: Path) -> Iterator[Sandbox]:
    (port,) = free_ports(1)
    running = Running(folder, "sandbox", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(f"{address}/sandbox/received", timeout=5).ok, running.log)
    yield Sandbox(address)
    running.end()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path) as one:
        yield one


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
