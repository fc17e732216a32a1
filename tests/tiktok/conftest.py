"""A small TikTok made of raw sockets."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.listener import Listener, Talk, make_certificate, read_request, server_tls


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
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    return server_tls(certificate)


@pytest.fixture
def trusted_tls(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The same, and every client made from here on trusts it."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    return tls
