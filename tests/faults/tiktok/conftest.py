"""TikTok's faults, each met by a pixel of its own: one started program goes through many of them at once."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from proxy.sandbox.app import create_app
from proxy.serving import Server
from tests.faults.conftest import API_KEY, TOKEN, Proxy, Sandbox
from tests.faults.ledger import Ledger
from tests.faults.wire import Wire
from tests.program import PIXELPAIR, Running, free_ports, wait_for

MOST_PIXELS = 64


def pixel_code(number: int) -> str:
    return f"FAULT{number:015}"


class Shop:
    """A site with pixels, the program that serves it, and the wire to TikTok."""

    def __init__(self, proxy: Proxy, wire: Wire, pixels: Sequence[str]) -> None:
        self.proxy = proxy
        self.wire = wire
        self.pixels = pixels
        self.ledger = Ledger()

    def token_file(self, pixel: str) -> Path:
        return self.proxy.folder / f"token-{pixel}"

    def tell(self, count: int = 1, **facts: Any) -> None:
        """Events of browsers: each goes to every pixel."""
        for _ in range(count):
            assert self.ledger.tell(self.proxy.address, **facts) == 202

    def relay(self, pixel: str, ids: Sequence[str], test_code: str | None = None, **facts: Any) -> None:
        """Events of the back end, for one pixel, in one request."""
        page = {"url": "http://localhost/p"}
        item = {"event": "ViewContent", "event_time": int(time.time()), "page": page, **facts}
        body: dict[str, Any] = {"event_source": "web", "event_source_id": pixel}
        body["data"] = [{**item, "event_id": name} for name in ids]
        if test_code is not None:
            body["test_event_code"] = test_code
        address = f"{self.proxy.address}/t/open_api/v1.3/event/track/"
        told = requests.post(address, json=body, headers={"Access-Token": API_KEY}, timeout=30)
        assert (told.status_code, told.json()["code"]) == (200, 0), told.text

    def received(self, pixel: str) -> Counter[str]:
        """How often TikTok took each event of this pixel, by event_id."""
        return Counter(
            event["event_id"] for event in self.proxy.sandbox.server_events() if event["pixel_code"] == pixel
        )

    def rows(self, pixel: str) -> list[sqlite3.Row]:
        return self._select("SELECT * FROM events WHERE destination = ?", f"shop/{pixel}")

    def states(self, pixel: str) -> Counter[str]:
        query = "SELECT state, count(*) AS number FROM events WHERE destination = ? GROUP BY state"
        return Counter({row["state"]: row["number"] for row in self._select(query, f"shop/{pixel}")})

    def standing(self, pixel: str) -> sqlite3.Row:
        """The destination's own row."""
        (row,) = self._select("SELECT * FROM destinations WHERE name = ?", f"shop/{pixel}")
        return row

    def _select(self, query: str, *values: str) -> list[sqlite3.Row]:
        database = f"file:{self.proxy.database}?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return list(connection.execute(query, values))

    def resume(self, *pixels: str) -> None:
        """As the operator would, all at once."""
        commands = [Running(self.proxy.folder, "resume", f"shop/{pixel}", **self.proxy.environ) for pixel in pixels]
        for command in commands:
            assert command.process.wait(60) == 0, command.log()

    def settle(self, pixels: Sequence[str] = ()) -> None:
        """Wait until nothing of these pixels (default: all) waits or is in flight."""
        wait_for(
            lambda: not any({"waiting", "sending"} & self.states(pixel).keys() for pixel in pixels or self.pixels),
            lambda: f"still waiting; the log ends: {self.proxy.log()[-2000:]}",
        )

    def all_arrived_once(self, pixels: Sequence[str] = ()) -> None:
        """Everything told by browsers reached every one of these pixels exactly once and is known as delivered."""
        accepted = set(self.ledger.accepted.values())
        self.proxy.balance(self.ledger).holds()
        for pixel in pixels or self.pixels:
            assert self.received(pixel) == dict.fromkeys(accepted, 1), pixel
            assert self.states(pixel) == {"delivered": len(accepted)}, pixel


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """TikTok's stand-in, with as many pixels as there are faults; for all of them the same token is right."""
    (port,) = free_ports(1)
    server = Server(create_app({pixel_code(number): TOKEN for number in range(MOST_PIXELS)}), "127.0.0.1", port, 8)
    server.start()
    yield Sandbox(f"http://127.0.0.1:{port}")
    server.stop()


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[Wire]:
    made = Wire(int(sandbox.address.rpartition(":")[2]))
    yield made
    made.stop()


@pytest.fixture
def shop(proxy: Callable[..., Proxy], wire: Wire) -> Callable[..., Shop]:
    """``shop(3)``: a running program with three pixels, each with a token file. Settings of the environment follow."""

    def open_shop(pixels: int | Sequence[str], program: Sequence[str | Path] = (PIXELPAIR,), **environ: str) -> Shop:
        codes = [pixel_code(number) for number in range(pixels)] if isinstance(pixels, int) else list(pixels)
        # Set to nothing is not set: the pixels stand in the file.
        one_pixel = {"PIXELPAIR_PIXEL_CODE": "", "PIXELPAIR_ACCESS_TOKEN": ""}
        one = proxy(program, **{**one_pixel, "PIXELPAIR_TIKTOK_URL": wire.url, **environ})
        made = Shop(one, wire, codes)
        one.folder.mkdir()
        lines = ["[sites.shop]"]
        for code in codes:
            made.token_file(code).write_text(TOKEN)
            lines += ["[[sites.shop.pixels]]", f'pixel_code = "{code}"', f'access_token_file = "token-{code}"']
        (one.folder / "pixelpair.toml").write_text("\n".join(lines))
        one.start()
        return made

    return open_shop
