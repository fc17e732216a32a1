"""A small TikTok made of raw sockets, since no well-behaved server can misbehave as badly as a network does."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Talk = Callable[[socket.socket], None]


class Listener:
    """Accepts on a free loopback port and hands each connection to ``talk`` in a thread of its own."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.received: list[bytes] = []
        self._talk = talk
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._open.append(connection)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                self._talk(connection)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._open:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    """One whole request; b"" when the other side has gone."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = connection.recv(65536)
        if not part:
            return b""
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """``listen(talk, tls=None)``: a listener on which ``talk`` does all reading and writing."""
    listeners: list[Listener] = []

    def start(talk: Talk, tls: ssl.SSLContext | None = None) -> Listener:
        listeners.append(Listener(talk, tls))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.stop()


@pytest.fixture
def answer(listen: Callable[..., Listener]) -> Callable[..., Listener]:
    """``answer(bytes, …)``: reads each request whole, keeps it in ``received``, and writes those bytes, in turn."""

    def start(*replies: bytes, keep_open: bool = False, tls: ssl.SSLContext | None = None) -> Listener:
        def talk(connection: socket.socket) -> None:
            while request := read_request(connection):
                listener.received.append(request)
                connection.sendall(replies[min(len(listener.received), len(replies)) - 1])
                if not keep_open:
                    return

        listener = listen(talk, tls)
        return listener

    return start


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key for "localhost", trusted by nobody."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    extension = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", f"{path}.crt"]
    try:
        subprocess.run([*command.split(), *extension], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted_tls(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The same, and every client made from here on trusts it."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    return tls
