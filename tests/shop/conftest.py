"""A shop in a temporary folder, a clock that tests turn, and a shopper who clicks through its forms."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from proxy.shop.app import create_app


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = datetime(2026, 11, 2, 12, tzinfo=ZoneInfo("Africa/Casablanca")).timestamp()

    def __call__(self) -> float:
        return self.now

    def set(self, *when: int) -> None:
        """Set the shop's local time: year, month, day, hour, minute, second."""
        self.now = datetime(*when, tzinfo=ZoneInfo("Africa/Casablanca")).timestamp()


@dataclass
class Shopper:
    """One browser in the shop."""

    client: FlaskClient
    last: TestResponse = field(init=False)

    def get(self, path: str) -> str:
        self.last = self.client.get(path, follow_redirects=True)
        return self.last.text

    def post(self, path: str, files: dict[str, bytes] | None = None, **fields: Any) -> str:
        """Send a form with a good token, as a browser would, and follow the redirect."""
        data: dict[str, Any] = {"csrf_token": self.token(), **fields}
        data |= {name: (BytesIO(content), "x.bin") for name, content in (files or {}).items()}
        kind = "multipart/form-data" if files else None
        self.last = self.client.post(path, data=data, content_type=kind, follow_redirects=True)
        # The test client spools large bodies to a file and leaves its closing to the garbage collector.
        for answer in (*self.last.history, self.last):
            answer.request.environ["wsgi.input"].close()
        return self.last.text

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get("/contact").text)
        assert found
        return found[1]

    @property
    def path(self) -> str:
        return self.last.request.path

    @property
    def calls(self) -> list[list[Any]]:
        """The pixelpair(…) calls of the page, read as a browser would read them."""
        lines = [line.strip() for line in self.last.text.splitlines()]
        calls = [line for line in lines if line.startswith("pixelpair(") and line.endswith(");")]
        return [json.loads("[" + call[len("pixelpair(") : -2] + "]") for call in calls]

    @property
    def words(self) -> str:
        """What the page says, without its marks and with single spaces."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.last.text.partition("<main")[2])).split())

    def value(self, name: str) -> str:
        """What stands in the page's input of this name."""
        found = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', self.last.text)
        assert found, f"no input {name}"
        return unescape(found[1])

    def order(self, *wanted: str, **buyer: str) -> str:
        """Buy one piece of each ``content_id/size``; returns the path of the thank-you page."""
        for ref in wanted or ("1077218/M",):
            content_id, _, size = ref.partition("/")
            self.post("/cart/add", content_id=content_id, size=size)
            assert self.last.status_code == 200
        self.get("/checkout")
        self.post("/checkout", **(BUYER | buyer))
        assert self.path.startswith("/orders/"), self.last.text
        return self.path


BUYER = {
    "name": "Salma B.",
    "phone": "0612 345 678",
    "email": "Salma@Example.com",
    "city": "Rabat",
    "address": "12 rue des Oliviers",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Flask:
    return create_app(tmp_path, clock=clock)


@pytest.fixture
def new_shopper(app: Flask) -> Callable[[], Shopper]:
    """Makes a fresh browser, with cookies of its own."""
    return lambda: Shopper(app.test_client())


@pytest.fixture
def shopper(new_shopper: Callable[[], Shopper]) -> Shopper:
    return new_shopper()


@pytest.fixture
def png() -> bytes:
    """The first bytes of a PNG, which are all the shop looks at."""
    return b"\x89PNG\r\n\x1a\n" + b"picture" * 20
