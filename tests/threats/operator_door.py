"""The operator's pages behind a password: the real app over a real outbox, a browser's cookies, clocks that stand."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from proxy.events.merging import merge
from proxy.operator.app import create_app
from proxy.operator.password import make_hash
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.settings import Settings
from tests.operator.conftest import NOW, settings

PASSWORD = "correct horse battery staple"
KEY = "k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ"
HOST = "ops.shop.example"
# As a reverse proxy that speaks https passes it on, with its one hop in the settings.
HTTPS = {"Host": HOST, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
SECURE = "__Host-pixelpair-operator"
PLAIN = "pixelpair-operator"
VISITOR = "pixelpair-login"


@cache
def password_hash() -> str:
    """The hash of PASSWORD; made once, since making it is meant to be slow."""
    return make_hash(PASSWORD)


class Browser:
    """One browser's cookies at the door, sent as the reverse proxy sends them."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self._client = client
        self.headers = headers
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    def ask(self, path: str, method: str = "GET", **more: Any) -> TestResponse:
        sent = {**self.headers, **more.pop("headers", {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self._client.open(path, method=method, headers=sent, buffered=True, **more)
        for told in answer.headers.getlist("Set-Cookie"):
            name, _, value = told.partition(";")[0].partition("=")
            self.set_cookies.append(told)
            if value:
                self.cookies[name] = value
            else:
                assert "Max-Age=0" in told
                self.cookies.pop(name, None)
        return answer

    def post(self, path: str, form: dict[str, str], **headers: str) -> TestResponse:
        secure = self.headers.get("X-Forwarded-Proto") == "https"
        origin = f"{'https' if secure else 'http'}://{self.headers['Host']}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(path, "POST", data=form, headers={"Origin": origin, **named})

    def token(self, path: str = "/login") -> str:
        """The token in the form of a page."""
        found = re.search(r'name="token" value="([^"]+)"', self.ask(path).text)
        assert found is not None
        return found[1]

    def log_in(self, password: str = PASSWORD, **headers: str) -> TestResponse:
        return self.post("/login", {"token": self.token(), "password": password}, **headers)


class Door:
    """The app, its outbox, and its clock in ``seconds``."""

    def __init__(self, outbox: Outbox, asked: Settings) -> None:
        self.outbox = outbox
        self.seconds = 1_000.0
        self.app = create_app(outbox, asked, lambda: NOW, (KEY,), lambda: self.seconds)

    def browser(self, **headers: str) -> Browser:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Browser(self.app.test_client(use_cookies=False), {**HTTPS, **named})

    def direct(self) -> Browser:
        """A browser on this machine that comes directly, over http."""
        return Browser(self.app.test_client(use_cookies=False), {"Host": "127.0.0.1:8082"})


@contextmanager
def open_door(folder: Path, trusted_hops: int = 1) -> Iterator[Door]:
    """A door with the password PASSWORD behind ``trusted_hops`` reverse proxies."""
    outbox = Outbox(Sqlite(folder / "outbox.db"), merge)
    try:
        asked = {"operator_password_hash": password_hash(), "trusted_hops": trusted_hops}
        yield Door(outbox, Settings.model_validate({**settings().model_dump(), **asked}))
    finally:
        outbox.close()
