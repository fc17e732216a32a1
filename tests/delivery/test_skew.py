"""A clock that disagrees with TikTok's is noted once, and forgotten when it is set right."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate
from pathlib import Path

import pytest

from proxy.delivery.skew import FACT, Skew
from proxy.events.merging import merge
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox

NOW = 1_780_000_000_000
MINUTE = 60_000


class Noting(Outbox):
    """The real outbox, counting what is noted."""

    def __init__(self, path: Path) -> None:
        super().__init__(Sqlite(path), merge)
        self.noted: list[str] = []

    def remember(self, name: str, value: str) -> None:
        self.noted.append(value)
        super().remember(name, value)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Noting]:
    opened = Noting(tmp_path / "o.db")
    yield opened
    opened.close()


def dated(ms: int) -> dict[str, str]:
    return {"date": formatdate(ms / 1000, usegmt=True)}


def test_only_news_is_written_down(outbox: Noting, caplog: pytest.LogCaptureFixture) -> None:
    skew = Skew(outbox)
    for minutes in (0, 4, -4, 60, 60, 60, 61, -60, -60, 4, 0):
        for number in range(3):
            skew.look(dated(NOW), NOW + minutes * MINUTE + number)
    assert outbox.noted == [str(minutes * MINUTE) for minutes in (60, 61, -60, 0)]
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.split()[4] for text in told] == ["60", "61", "-60"]


def test_what_a_former_start_noted_is_known(outbox: Noting) -> None:
    Skew(outbox).look(dated(NOW), NOW + 60 * MINUTE)
    Skew(outbox).look(dated(NOW), NOW + 60 * MINUTE)
    assert outbox.noted == [str(60 * MINUTE)]
    Skew(outbox).look(dated(NOW), NOW)
    assert outbox.fact(FACT) == "0"


@pytest.mark.parametrize(
    "date",
    ["", "soon", "Thu, 26 Nov 99999 07:00:00 GMT", "-1", "\x00", "Thu, 00 Foo 2026", "1;2;3", "9" * 5_000, ",,,,"],
)
def test_no_date_at_all_is_no_news(outbox: Noting, date: str) -> None:
    Skew(outbox).look({"date": date}, NOW)
    Skew(outbox).look({}, NOW)
    assert outbox.noted == []


def test_a_date_without_a_zone_is_utc(outbox: Noting) -> None:
    told = format_datetime(datetime.fromtimestamp(NOW / 1000, UTC).replace(tzinfo=None))
    Skew(outbox).look({"date": told}, NOW)
    assert outbox.noted == []


def test_an_outbox_that_cannot_be_written_stops_nothing_and_a_later_answer_is_noted(
    outbox: Noting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
    impatient = Noting(tmp_path / "o.db")
    skew = Skew(impatient)
    with closing(sqlite3.connect(tmp_path / "o.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        skew.look(dated(NOW), NOW + 60 * MINUTE)
    assert impatient.fact(FACT) is None
    skew.look(dated(NOW), NOW + 60 * MINUTE)
    assert impatient.fact(FACT) == str(60 * MINUTE)
    impatient.close()
