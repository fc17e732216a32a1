"""An update in the middle of an outage: what the older version left waiting is delivered by this one."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from proxy.events.merging import merge
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.settings import Destination
from proxy.tiktok.client import Reply
from tests.rows import all_rows
from tests.senders import sender

NOW = 1_700_000_060_000
BACKLOGS = sorted((Path(__file__).parents[1] / "outbox" / "fixtures").glob("v*.db"))


class TikTokTakesAll:
    def __init__(self) -> None:
        self.received: list[dict[str, object]] = []

    def track(self, pixel_code: str, token: str, items: Sequence[str], test_event_code: str | None = None) -> Reply:
        self.received += [json.loads(item) for item in items]
        body = b'{"code": 0, "message": "OK", "request_id": "r9", "data": {}}'
        return Reply(status=200, body=body, headers={}, failure=None, sent=True)


@pytest.mark.parametrize("backlog", BACKLOGS, ids=lambda path: path.stem)
def test_the_backlog_of_an_older_version_is_delivered(backlog: Path, tmp_path: Path) -> None:
    outbox = Outbox(Sqlite(Path(shutil.copy(backlog, tmp_path / "o.db"))), merge)
    outbox.become_keeper()
    outbox.void_leases(NOW)
    tiktok = TikTokTakesAll()
    destination = Destination(name="shop/P1", site="shop", pixel_code="P1", access_token=SecretStr("token"))
    worker = sender(outbox, [destination], tiktok, clock_ms=lambda: NOW, uniform=lambda low, _: low)
    while worker.run_turn(NOW):
        pass
    states = {entry.event_id: entry.state for entry in all_rows(outbox)}
    outbox.close()
    assert sorted(str(item["event_id"]) for item in tiktok.received) == ["sending", "waiting"]
    assert states == {
        "delivered": "delivered",
        "sending": "delivered",
        "waiting": "delivered",
        "dead": "dead",
        "withheld": "withheld",
    }
