"""A shop's server on this machine: real HTTP, whose pages a test writes, with the real tag of a site under /t."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from socket import socket
from typing import Any

from proxy.assets import asset_dir
from tests.listener import Listener, http, read_request

PIXEL = "COQDA8RC77U2TMR44LI0"
STUB = "<script>window.pixelpair=window.pixelpair||function(){(pixelpair.q=pixelpair.q||[]).push(arguments)}</script>"
TAG = '<script src="/t/tag.js" defer></script>'
GOOD = f"<!doctype html><title>Shop</title>{STUB}{TAG}<p>Hello"

Talk = Callable[[socket], None]


def html(body: str, head: str = "", status: str = "200 OK") -> bytes:
    return http(body.encode(), status, f"Content-Type: text/html; charset=utf-8\r\n{head}")


def tag(**told: Any) -> str:
    """The built tag with these settings over those of the site "shop" on localhost."""
    known = {"site": "shop", "domains": ["localhost"], "pixels": [PIXEL]}
    known |= {"pixel_script": "https://analytics.tiktok.com/i18n/pixel/events.js", "mount": "/t/"}
    core = (asset_dir("static") / "tag" / "built" / "core.js").read_text("utf-8")
    return core.replace("__PIXELPAIR__", f"...{json.dumps(list((known | told).values()), separators=(',', ':'))}")


def script(body: str, head: str = "Cache-Control: public, max-age=300\r\n", kind: str = "text/javascript") -> bytes:
    return http(body.encode(), head=f"Content-Type: {kind}\r\n{head}")


class Shop:
    """``pages`` by path: a whole answer, or what talks to the connection instead. ``asked``: each request's bytes."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self.pages: dict[str, bytes | Talk] = {
            "/": html(GOOD),
            "/t/tag.js": script(tag()),
            "/t/readyz": http(b'{"status":"ok","keeper_seen_ms_ago":null}'),
        }
        self._listener = Listener(self._talk, tls)
        self.url = f"{self._listener.url}/"
        self.port = self._listener.port
        self.stop = self._listener.stop

    @property
    def connections(self) -> int:
        return self._listener.connections

    def _talk(self, connection: socket) -> None:
        while request := read_request(connection):
            self.asked.append(request)
            page = self.pages.get(request.split(b" ", 2)[1].decode(), html("No such page", status="404 Not Found"))
            if not isinstance(page, bytes):
                page(connection)
                return
            connection.sendall(page)


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Shop]:
    shop = Shop(tls)
    try:
        yield shop
    finally:
        shop.stop()


class TikTok(Shop):
    """In TikTok's place: answers everything with ``answer``, and its clock is ``ahead`` seconds before ours."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        self.answer: bytes | None = None
        self.url = self.url.rstrip("/")

    def _talk(self, connection: socket) -> None:
        while request := read_request(connection):
            self.asked.append(request)
            date = f"Date: {formatdate(time.time() + self.ahead, usegmt=True)}\r\n"
            connection.sendall(self.answer or http(b'{"code":0,"message":"OK","request_id":"r1"}', head=date))


def drip(head: bytes) -> Talk:
    """An answer that comes, a byte at a time, and never ends."""

    def talk(connection: socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + head + b"\r\n" + GOOD.encode())
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return talk


class Flood:
    """A page of 100 MB, the good page at its start. ``sent`` is how much of it was taken."""

    def __init__(self, whole: int = 100_000_000) -> None:
        self.whole, self.sent = whole, 0

    def __call__(self, connection: socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {self.whole}\r\n\r\n{GOOD}".encode())
        while self.sent < self.whole:
            self.sent += connection.send(b" " * 65536)


def token_file(folder: Path, token: str) -> Path:
    path = folder / "token"
    path.write_text(token)
    path.chmod(0o600)
    return path
