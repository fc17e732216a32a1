"""``pixelpair serve`` on either server as its users run it: slow clients, killed workers, stops, large bodies."""

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from proxy.cli import main
from tests.program import CEILING, PIXELPAIR, free_ports, wait_for

SERVERS = pytest.mark.parametrize("server", ["waitress", "granian"])
HALF_OPEN = 200
LOAD_THREADS = 6

_numbers = itertools.count()


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Running:
    """One ``pixelpair`` process."""

    def __init__(self, log: Path, *arguments: str, **environ: str) -> None:
        self.log_path = log
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PIXELPAIR_")}
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [PIXELPAIR, *arguments], cwd=log.parent, env={**clean, **environ}, stdout=output, stderr=output
            )

    def log(self) -> str:
        return self.log_path.read_text()

    def workers(self) -> set[int]:
        children: set[int] = set()
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():  # a child belongs to the thread that made it
            with suppress(FileNotFoundError):  # a thread that ended meanwhile
                children.update(map(int, (task / "children").read_text().split()))
        return children

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(CEILING)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def tiktok(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    (port,) = free_ports(1)
    running = Running(tmp_path_factory.mktemp("sandbox") / "log", "sandbox", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(f"{address}/sandbox/received", timeout=5).ok)
    yield address
    assert running.end() == 0


class Proxy:
    """``serve`` with an outbox of its own; ``start`` may be called again after an end."""

    def __init__(self, folder: Path, tiktok: str) -> None:
        self._folder = folder
        self._port, self._operator_port = free_ports(2)
        self._environ = {
            "PIXELPAIR_PIXEL_CODE": "COQDA8RC77U2TMR44LI0",
            "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
            "PIXELPAIR_DOMAINS": "127.0.0.1",
            "PIXELPAIR_API_KEYS": "key",
            "PIXELPAIR_BOTS": "send",
            "PIXELPAIR_TRUSTED_HOPS": "1",
            "PIXELPAIR_TIKTOK_URL": tiktok,
        }
        self.started: list[Running] = []
        self.address = ("127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._port}/t"

    def run(self, server: str, port: int | None = None, operator_port: int | None = None, **environ: str) -> Running:
        """Start it, and don't wait."""
        arguments = ["--port", str(port or self._port), "--operator-port", str(operator_port or self._operator_port)]
        log = self._folder / f"log-{len(self.started)}"
        self.started.append(Running(log, "serve", "--server", server, *arguments, **self._environ, **environ))
        return self.started[-1]

    def start(self, server: str, **environ: str) -> Running:
        """Start it, and wait until it can store."""
        running = self.run(server, **environ)

        def is_ready() -> bool:
            assert running.process.poll() is None, running.log()
            return requests.get(f"{self.url}/readyz", timeout=5).ok

        wait_for(is_ready)
        return running


@contextmanager
def placed(folder: Path, tiktok: str) -> Iterator[Proxy]:
    made = Proxy(folder, tiktok)
    try:
        yield made
    finally:
        for running in made.started:
            running.kill()


@pytest.fixture(autouse=True)
def _forgetful(tiktok: str) -> None:
    requests.delete(f"{tiktok}/sandbox/received", timeout=10)
    requests.delete(f"{tiktok}/sandbox/behave", timeout=10)


@pytest.fixture
def proxy(tmp_path: Path, tiktok: str) -> Iterator[Proxy]:
    with placed(tmp_path, tiktok) as made:
        yield made


@pytest.fixture(scope="module")
def waitress(tmp_path_factory: pytest.TempPathFactory, tiktok: str) -> Iterator[Proxy]:
    """One that runs for all tests which leave it as it was."""
    with placed(tmp_path_factory.mktemp("waitress"), tiktok) as made:
        made.start("waitress")
        yield made


@pytest.fixture(scope="module")
def granian(tmp_path_factory: pytest.TempPathFactory, tiktok: str) -> Iterator[Proxy]:
    """The same on granian, with both its workers there."""
    with placed(tmp_path_factory.mktemp("granian"), tiktok) as made:
        made.start("granian")
        wait_for(lambda: len(made.started[0].workers()) == 2)
        yield made


def report() -> str:
    told = {"event": "Contact", "view": "mfabc123" + "b" * 16, "n": next(_numbers), "url": "http://127.0.0.1/contact"}
    return json.dumps(told)


def tell(proxy: Proxy, body: str, session: Any = requests) -> requests.Response:
    headers = {"Origin": "http://127.0.0.1", "Content-Type": "text/plain"}
    answer: requests.Response = session.post(f"{proxy.url}/e", data=body, headers=headers, timeout=30)
    return answer


def received(tiktok: str) -> Counter[str]:
    events = requests.get(f"{tiktok}/sandbox/received", timeout=10).json()["server_events"]
    return Counter(event["event_id"] for event in events)


class Load:
    """Threads that tell events as fast as they can, each until it is told by 202; ``accepted`` are their ids."""

    def __init__(self, proxy: Proxy) -> None:
        self.accepted: list[str] = []
        self._proxy = proxy
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._tell_on) for _ in range(LOAD_THREADS)]

    def _tell_on(self) -> None:
        with requests.Session() as session:
            while not self._ended.is_set():
                self._tell_until_accepted(session, report())

    def _tell_until_accepted(self, session: requests.Session, body: str) -> None:
        while not self._ended.is_set():
            try:
                answer = tell(self._proxy, body, session)
            except requests.RequestException:
                time.sleep(0.01)
                continue
            if answer.status_code == 202:
                self.accepted.append(answer.json()["event_id"])
                return

    @contextmanager
    def __call__(self) -> Iterator["Load"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()

    def goes_on(self, more: int = 50) -> None:
        """Wait until so many more are accepted."""
        until = len(self.accepted) + more
        wait_for(lambda: len(self.accepted) >= until)


@SERVERS
def test_half_open_connections_hold_nobody_up(server: str, request: pytest.FixtureRequest) -> None:
    proxy: Proxy = request.getfixturevalue(server)
    start = b"POST /t/e HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Type: text/plain\r\n"
    with ExitStack() as open_ones:
        for number in range(HALF_OPEN):
            connection = open_ones.enter_context(socket.create_connection(proxy.address))
            connection.sendall(start + (b"Content-Length: 90\r\n\r\n{" if number % 4 else b""))
        for _ in range(20):
            answer = tell(proxy, report())
            assert answer.status_code == 202
            assert answer.elapsed.total_seconds() < 2


@SERVERS
def test_a_stop_under_load_loses_nothing_and_sends_nothing_twice(proxy: Proxy, server: str, tiktok: str) -> None:
    running = proxy.start(server)
    with Load(proxy)() as load:
        load.goes_on()
        began = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - began < 10, "a service manager would have killed it"
        before = len(load.accepted)
        proxy.start(server)
        load.goes_on()
        assert len(load.accepted) > before
    wait_for(lambda: set(load.accepted) <= received(tiktok).keys())
    assert [name for name, times in received(tiktok).items() if times > 1] == []
    assert "Traceback" not in running.log()


def test_a_stop_finishes_a_request_under_way_and_takes_nothing_new(proxy: Proxy, tiktok: str) -> None:
    running = proxy.start("granian")
    body = report().encode()
    headers = {"Origin": "http://127.0.0.1", "Content-Type": "text/plain"}
    with socket.create_connection(proxy.address, timeout=CEILING) as slow:
        slow.sendall(head(proxy, f"{proxy.url}/e", headers, f"Content-Length: {len(body)}") + body[:10])
        tell(proxy, report())  # what was sent before this has arrived
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not accepts(proxy))
        slow.sendall(body[10:])
        answer = slow.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 202")
    assert running.process.wait(CEILING) == 0
    proxy.start("granian")
    wait_for(lambda: len(received(tiktok)) == 2)


def accepts(proxy: Proxy) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(proxy.address) == 0


def test_a_second_signal_ends_all_at_once(proxy: Proxy, tiktok: str) -> None:
    running = proxy.start("granian")
    workers = running.workers()
    requests.post(f"{tiktok}/sandbox/behave", json={"path": "track", "delay_ms": 5_000, "times": 1}, timeout=10)
    told = tell(proxy, report()).json()["event_id"]
    wait_for(lambda: told in received(tiktok))  # the sandbox keeps it before it answers late
    running.process.send_signal(signal.SIGTERM)
    wait_for(lambda: not any(map(is_there, workers)))
    assert running.process.poll() is None, "it waits for TikTok's answer"
    assert running.end() == -signal.SIGTERM


def test_a_stop_that_signals_every_process_finishes_a_request_under_way(proxy: Proxy, tiktok: str) -> None:
    """As systemd stops a service: the workers hear of it twice, from there and from their parent."""
    running = proxy.start("granian")
    workers = wait_for(lambda: len(running.workers()) == 2 and running.workers())
    with Load(proxy)() as load:
        load.goes_on()
        for process in (*workers, running.process.pid):
            os.kill(process, signal.SIGTERM)
        assert running.process.wait(CEILING) == 0
    assert "takes its place" not in running.log()
    assert "tried again" not in running.log()
    proxy.start("granian")
    wait_for(lambda: set(load.accepted) <= received(tiktok).keys())


def test_a_killed_worker_is_replaced_and_nothing_is_lost(proxy: Proxy, tiktok: str) -> None:
    running = proxy.start("granian")
    first = wait_for(lambda: len(running.workers()) == 2 and running.workers())
    with Load(proxy)() as load:
        load.goes_on()
        for worker in first:
            os.kill(worker, signal.SIGKILL)
            load.goes_on()
            wait_for(lambda killed=worker: len(running.workers() - {killed}) == 2)
        load.goes_on()
    assert not running.workers() & first
    wait_for(lambda: set(load.accepted) <= received(tiktok).keys())
    assert len(load.accepted) == len(set(load.accepted))
    assert [name for name, times in received(tiktok).items() if times > 1] == []
    assert all(f"Worker {number} ended" in running.log() for number in (1, 2))
    assert running.end() == 0


def test_a_killed_parent_leaves_no_worker_and_the_next_start_works(proxy: Proxy, tiktok: str) -> None:
    running = proxy.start("granian")
    workers = running.workers()
    requests.post(f"{tiktok}/sandbox/behave", json={"path": "track", "status": 503, "times": None}, timeout=10)
    told = tell(proxy, report()).json()["event_id"]
    running.end(signal.SIGKILL)
    wait_for(lambda: not any(map(is_there, workers)))
    requests.delete(f"{tiktok}/sandbox/behave", timeout=10)
    proxy.start("granian")
    wait_for(lambda: received(tiktok).keys() == {told})


def test_a_second_one_on_the_same_outbox_is_refused_and_the_first_undisturbed(granian: Proxy) -> None:
    workers = granian.started[0].workers()
    second = granian.run("granian", *free_ports(2))
    assert second.process.wait(CEILING) == 1
    assert "Another keeper" in second.log()
    assert "Traceback" not in second.log()
    assert granian.started[0].workers() == workers
    assert tell(granian, report()).status_code == 202


def test_a_taken_port_is_named_before_any_worker_starts(proxy: Proxy) -> None:
    with socket.socket() as taken:
        taken.bind(proxy.address)
        taken.listen()
        running = proxy.run("granian")
        assert running.process.wait(CEILING) == 1
    assert f"cannot listen on 127.0.0.1:{proxy.address[1]}" in running.log()
    assert "Traceback" not in running.log()


def test_a_granian_that_cannot_be_used_ends_the_start(proxy: Proxy, tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "granian"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('made for another machine')")
    running = proxy.run("granian", PYTHONPATH=str(broken.parent))
    assert running.process.wait(CEILING) == 1
    assert "made for another machine" in running.log()
    assert "No worker can be started" in running.log()


def test_workers_tell_the_truth_about_their_health(granian: Proxy) -> None:
    ready = requests.get(f"{granian.url}/readyz", timeout=10)
    assert ready.status_code == 200
    assert ready.json()["keeper_seen_ms_ago"] is not None
    health = requests.get(f"{granian.url}/healthz", timeout=10)
    assert (health.status_code, health.json()) == (200, {"status": "ok"})


def test_granian_hands_over_the_forwarding_header_as_it_came(granian: Proxy, tiktok: str) -> None:
    headers = {"Origin": "http://127.0.0.1", "Content-Type": "text/plain", "X-Forwarded-For": "1.1.1.1, 8.8.8.8"}
    answer = requests.post(f"{granian.url}/e", data=report(), headers=headers, timeout=10)
    told = answer.json()["event_id"]
    wait_for(lambda: told in received(tiktok))
    events = requests.get(f"{tiktok}/sandbox/received", timeout=10).json()["server_events"]
    assert [event["user"]["ip"] for event in events if event["event_id"] == told] == ["8.8.8.8"]


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def head(proxy: Proxy, url: str, headers: dict[str, str], length: str) -> bytes:
    names = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {url.partition(str(proxy.address[1]))[2]} HTTP/1.1\r\nHost: x\r\n{names}{length}\r\n\r\n".encode()


def send_all(proxy: Proxy, url: str, headers: dict[str, str], length: str) -> str:
    """Send 20 megabytes to the end, as a client does that listens only then; what it hears."""
    chunked = "chunked" in length
    with socket.create_connection(proxy.address, timeout=CEILING) as connection:
        connection.sendall(head(proxy, url, headers, length))
        for _ in range(20):
            data = b"x" * 1_000_000
            connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(4_096)
    return answer.decode()


def test_large_bodies_on_granian_get_the_doors_answer_and_stay_out_of_memory_and_files(granian: Proxy) -> None:
    workers = granian.started[0].workers()
    before = {worker: peak_kib(worker) for worker in workers}
    report_headers = {"Origin": "http://127.0.0.1", "Content-Type": "text/plain"}
    relay_headers = {"Access-Token": "key", "Content-Type": "application/json"}
    relay = f"{granian.url}/open_api/v1.3/event/track/"
    for url, headers in ((f"{granian.url}/e", report_headers), (relay, relay_headers)):
        for declared in ("Content-Length: 20000000", "Transfer-Encoding: chunked"):
            answer = send_all(granian, url, headers, declared)
            assert answer.startswith("HTTP/1.1 413")
            assert "KiB" in answer
    assert max(peak_kib(worker) - before[worker] for worker in workers) < 30_000
    with socket.create_connection(granian.address) as held:
        held.sendall(head(granian, relay, relay_headers, "Content-Length: 4000000"))
        held.sendall(b"x" * 3_900_000)
        for worker in workers:
            files = {str(file.readlink()) for file in Path(f"/proc/{worker}/fd").iterdir()}
            assert {name for name in files if "deleted" in name or name.startswith(("/tmp/tmp", "/var/tmp"))} == set()


def test_workers_are_granians_alone() -> None:
    done = subprocess.run([PIXELPAIR, "serve", "--workers", "2"], capture_output=True, text=True, timeout=CEILING)
    assert done.returncode == 2
    assert "--server granian" in done.stderr


def test_a_missing_granian_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.running.find_spec", lambda _name: None)
    done = CliRunner().invoke(main, ["serve", "--server", "granian"])
    assert done.exit_code == 1
    assert "pip install 'pixelpair[fast]'" in done.stderr
