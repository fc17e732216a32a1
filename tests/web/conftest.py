"""The public doors over a real outbox, with a clock of their own and nobody delivering."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.events import inheriting
from proxy.events.merging import merge
from proxy.outbox.entry import Entry
from proxy.outbox.group_commit import GroupCommit
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.outbox.tally import read_refused
from proxy.settings import load
from proxy.web import create_app
from proxy.web.doors import Doors
from tests.rows import all_rows

NOW = 1_795_000_000_000
SECRET = "k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ"
SHOP = {
    "PIXELPAIR_PIXEL_CODE": "COQDA8RC77U2TMR44LI0",
    "PIXELPAIR_ACCESS_TOKEN": "tiktoks-token",
    "PIXELPAIR_DOMAINS": "shop.example,www.shop.example",
    "PIXELPAIR_API_KEYS": "the-shops-key",
    "PIXELPAIR_SECRET_KEYS": SECRET,
    "PIXELPAIR_TRUSTED_HOPS": "1",
    "PIXELPAIR_DEFAULT_REGION": "MA",
}
BROWSER = {
    "Host": "shop.example",
    "Origin": "https://shop.example",
    "Content-Type": "text/plain;charset=UTF-8",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "X-Forwarded-For": "8.8.8.8",
}


class Shop:
    """The doors of one proxy and what stands behind them."""

    def __init__(self, folder: Path, environ: dict[str, str], toml: Path | None = None) -> None:
        self.now = NOW
        self.database = folder / "outbox.db"
        self.outbox = Outbox(Sqlite(self.database), merge, inheriting)
        self.commit = GroupCommit(self.outbox, lambda: self.now)
        settings = load(toml, environ, None)
        self.doors = Doors(settings, (SECRET,), self.outbox, self.commit, clock_ms=lambda: self.now)
        self.app = create_app(self.doors)
        self.client: FlaskClient = self.app.test_client(use_cookies=False)

    def post(self, body: Any, path: str = "/t/e", **headers: str | None) -> Any:
        """POST as a browser on the shop's page would; a header named None is left out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**BROWSER, **named}.items() if value is not None}
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.post(path, headers=sent, data=text)

    def track(self, order: str) -> Any:
        """POST an order as the shop's back end would."""
        item = {
            "event": "CompletePayment",
            "event_id": order,
            "event_time": NOW // 1000,
            "user": {"ip": "8.8.8.8"},
            "properties": {"value": 120, "currency": "MAD", "order_id": order},
        }
        body = {"event_source": "web", "event_source_id": SHOP["PIXELPAIR_PIXEL_CODE"], "data": [item]}
        headers = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"]}
        return self.client.post("/t/open_api/v1.3/event/track/", headers=headers, json=body)

    def stored(self) -> list[Entry]:
        """Everything in the outbox, oldest first."""
        return all_rows(self.outbox)

    def refused(self) -> dict[str, int]:
        """What the doors have refused or marked so far, by reason."""
        self.commit.refused.flush()
        return read_refused(self.outbox).counts

    def close(self) -> None:
        self.commit.close()
        self.outbox.close()


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    opened: list[Shop] = []

    def open_one(toml: str | None = None, **environ: str) -> Shop:
        path = None
        if toml is not None:
            path = tmp_path / "pixelpair.toml"
            path.write_text(toml)
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        base = {"PIXELPAIR_SECRET_KEYS": SECRET} if toml is not None else SHOP
        opened.append(Shop(folder, {**base, **environ}, path))
        return opened[-1]

    yield open_one
    for shop in opened:
        shop.close()


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """A good report; every field can be named, and one named None is left out."""

    def make(**fields: Any) -> dict[str, Any]:
        report = {
            "v": 1,
            "event": "ViewContent",
            "view": "mfabc123" + "a" * 16,
            "n": 1,
            "time": NOW - 1_000,
            "sent": NOW,
            "url": "https://shop.example/shirt?ttclid=E.C.P.abcdefgh&email=jane@shop.example",
            "properties": {"value": 120, "currency": "MAD", "contents": [{"content_id": "1077218"}]},
        }
        return {name: value for name, value in {**report, **fields}.items() if value is not None}

    return make
