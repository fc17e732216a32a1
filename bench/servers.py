"""Starts what is measured, each in its own process on its own port, and stops it again."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import sqlalchemy as sa

BIN = Path(sys.executable).parent
PIXEL = "COQDA8RC77U2TMR44LI0"
SITE = "default"  # as the environment names its one site
DESTINATION = f"{SITE}/{PIXEL}"
API_KEY = "bench-key"
TIKTOK_SECONDS = 0.15
WORKERS = 2  # of granian; the baseline has two processes as well
# A file system on disk: an fsync into memory would flatter every figure.
ROOT = Path(__file__).resolve().parent.parent / "var" / "bench"


@dataclass(frozen=True)
class Bare:
    """A route that stores nothing."""

    url: str


@dataclass(frozen=True)
class Proxy:
    """A running ``pixelpair serve`` with an outbox of its own."""

    url: str
    relay: str
    database: Path
    tiktok: "Tiktok"
    pid: int

    def count(self, *states: str) -> int:
        """How many events stand in these states; with none named, all."""
        engine = sa.create_engine(f"sqlite:///{self.database}")
        marks = ",".join(f"'{state}'" for state in states)
        try:
            with engine.connect() as connection:
                where = f"WHERE state IN ({marks})" if states else ""
                return int(connection.exec_driver_sql(f"SELECT count(*) FROM events {where}").scalar_one())
        finally:
            engine.dispose()

    def drain(self, seconds: float = 60.0) -> None:
        """Wait until everything is delivered, so that one measurement does not pay for the last."""
        _until(lambda: self.count("waiting", "sending") == 0, seconds, "the backlog was not delivered")


@dataclass(frozen=True)
class Tiktok:
    """A running stand-in for TikTok."""

    url: str

    def received(self) -> dict[str, object]:
        """``requests`` and ``ids``; see ``standin``."""
        return requests.get(self.url, timeout=60).json()  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Forget all that came."""
        requests.delete(self.url, timeout=60)


@contextmanager
def bare_gunicorn() -> Iterator[Bare]:
    """The bare route on gunicorn, 2 processes of 16 threads."""
    port = _free_port()
    command = [str(BIN / "gunicorn"), "-w2", "--threads=16", "-b", f"127.0.0.1:{port}", "--log-level=error"]
    with _process([*command, "bench.bare:app"], port):
        yield Bare(f"http://127.0.0.1:{port}/t/e")


@contextmanager
def bare_waitress() -> Iterator[Bare]:
    """The bare route on waitress, set up as ``serve`` sets it up."""
    port = _free_port()
    with _process([sys.executable, "-m", "bench.bare", "waitress", str(port)], port):
        yield Bare(f"http://127.0.0.1:{port}/t/e")


@contextmanager
def bare_granian() -> Iterator[Bare]:
    """The bare route on granian, set up as ``serve --server granian --workers 2`` sets it up."""
    port = _free_port()
    with _process([sys.executable, "-m", "bench.bare", "granian", str(port), str(WORKERS)], port):
        yield Bare(f"http://127.0.0.1:{port}/t/e")


@contextmanager
def tiktok(seconds: float = TIKTOK_SECONDS) -> Iterator[Tiktok]:
    """A stand-in that answers after ``seconds``."""
    port = _free_port()
    with _process([sys.executable, "-m", "bench.standin", str(port), str(seconds)], port):
        yield Tiktok(f"http://127.0.0.1:{port}/")


@contextmanager
def proxy(server: str = "waitress", database: Path | None = None) -> Iterator[Proxy]:
    """``pixelpair serve`` as it is shipped, delivering to a stand-in; on ``database``, or on a fresh one."""
    port, operator_port = _free_port(), _free_port()
    command = [str(BIN / "pixelpair"), "serve", f"--port={port}", f"--operator-port={operator_port}"]
    if server == "granian":
        command += ["--server=granian", f"--workers={WORKERS}"]
    with folder() as fresh, tiktok() as behind:
        path = database or fresh / "outbox.db"
        environ = {
            "PIXELPAIR_PIXEL_CODE": PIXEL,
            "PIXELPAIR_ACCESS_TOKEN": "bench-token",
            "PIXELPAIR_DOMAINS": "127.0.0.1",
            "PIXELPAIR_API_KEYS": API_KEY,
            "PIXELPAIR_OUTBOX_URL": f"sqlite:///{path}",
            "PIXELPAIR_TIKTOK_URL": behind.url.rstrip("/"),
            "PIXELPAIR_TRUSTED_HOPS": "1",
        }
        with _process(command, port, environ, fresh) as pid:
            base = f"http://127.0.0.1:{port}/t"
            yield Proxy(f"{base}/e", f"{base}/open_api/v1.3/event/track/", path, behind, pid)


@contextmanager
def shop(pages: Path, sites: Mapping[str, Mapping[str, object]]) -> Iterator[int]:
    """A shop of the files in ``pages``, with ``pixelpair serve`` under its ``/t`` and the sandbox as TikTok.

    ``sites`` are settings, by the site's name, beside those every site has here. Gives the shop's port.
    """
    port, behind, operator, tiktok = (_free_port() for _ in range(4))
    own = {"pixel_code": PIXEL, "access_token": "sandbox-token", "bots": "send"}
    with folder() as fresh:
        lines = [f'outbox_url = "sqlite:///{fresh / "outbox.db"}"']
        lines += [f'{door} = "http://127.0.0.1:{tiktok}"' for door in ("tiktok_url", "pixel_url")]
        for name, more in sites.items():
            # JSON writes texts and lists of them as TOML does.
            lines += [f"[sites.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in {**own, **more}.items())]
        settings = fresh / "pixelpair.toml"
        settings.write_text("\n".join(lines) + "\n")
        serve = [str(BIN / "pixelpair"), "serve", f"--port={behind}", f"--operator-port={operator}"]
        front = [sys.executable, "-m", "bench.shopfront", str(port), str(pages), f"http://127.0.0.1:{behind}"]
        with (
            _process([str(BIN / "pixelpair"), "sandbox", f"--port={tiktok}"], tiktok),
            _process([*serve, f"--config={settings}"], behind, cwd=fresh),
            _process(front, port),
        ):
            yield port


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    ROOT.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=ROOT))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def _process(
    command: list[str], port: int, environ: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[int]:
    """Run ``command`` until the block ends; entered once it answers on ``port``."""
    with tempfile.TemporaryFile() as said:
        told = {**os.environ, **(environ or {}), "PYTHONPATH": str(ROOT.parent.parent)}
        process = subprocess.Popen(command, env=told, cwd=cwd, stdout=said, stderr=said)
        try:
            _until(lambda: _answers(port) or process.poll() is not None, 20, f"{command[0]} did not start")
            if process.poll() is not None:
                said.seek(0)
                raise SystemExit(f"bench: {' '.join(command)} ended: {said.read().decode()}")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until(condition: object, seconds: float, complaint: str) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until:
            raise SystemExit(f"bench: {complaint} within {seconds:g} s")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    """Does a request get an answer? A port may be open before the workers behind it are there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as probe:
            probe.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return probe.recv(1) != b""
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
