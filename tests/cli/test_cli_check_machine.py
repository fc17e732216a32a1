"""``pixelpair check`` without a page: settings, files, the way to TikTok, the pixel, the outbox."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from proxy.cli.opening import now_ms
from proxy.outbox import inspect as looking
from proxy.outbox.destinations import Destinations
from proxy.outbox.store import Outbox
from proxy.outbox.tables import VERSION
from tests.cli.conftest import SHOP
from tests.listener import http
from tests.shop_page import PIXEL, TikTok, token_file

Told = Callable[..., Any]

SETTINGS = """
outbox_url = "sqlite:///outbox.db"
tiktok_url = "{url}"
{top}
[sites.shop]
domains = ["shop.example"]
pixel_code = "COQDA8RC77U2TMR44LI0"
access_token_file = "token"
{more}
"""


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    one = TikTok()
    yield one
    one.stop()


@pytest.fixture
def write(folder: Path, tiktok: TikTok) -> Callable[..., None]:
    def settings(more: str = "", top: str = "") -> None:
        (folder / "pixelpair.toml").write_text(SETTINGS.format(url=tiktok.url, top=top, more=more))

    token_file(folder, "a-token")
    settings()
    return settings


pytestmark = pytest.mark.usefixtures("write")


def bad(told: Any) -> dict[str, tuple[str, str, str]]:
    """What does not pass but the test event that was not sent: check -> (level, found, cure)."""
    lines = [line for line in told["lines"] if line["level"] != "pass"]
    assert all(line["cure"] for line in lines), "what does not pass says what to do"
    lines = [line for line in lines if line["check"] != "pixel"]
    found = {line["check"]: (line["level"], line["found"], line["cure"]) for line in lines}
    assert len(found) == len(lines)
    return found


def test_before_the_first_start_nothing_is_made(folder: Path, told: Told) -> None:
    before = sorted(path.name for path in folder.iterdir())
    assert bad(told("check")) == {}
    assert sorted(path.name for path in folder.iterdir()) == before


def test_beside_a_keeper_all_passes(told: Told, outbox: Outbox) -> None:
    found = told("check")
    assert bad(found) == {}
    assert [line["check"] for line in found["lines"]] == [
        *("settings", "files", "keys", "tiktok", "clock", "pixel", "outbox", "keeper", "delivery", "dead letters"),
        *("disk", "visitors"),
    ]


def test_what_to_do_stands_below_the_table(pixelpair: Callable[..., Result], folder: Path, outbox: Outbox) -> None:
    (folder / "token").chmod(0o640)
    shown = pixelpair("check").stdout
    assert "warn  files" in shown
    assert "\n- files: chmod 600 token\n" in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pixl = 1", "pixl"),
        ('require_ticket = ["PlaceOrder"]', "require_ticket"),
        ('consent = "maybe"', "consent"),
        ("[sites.shop", "not TOML"),
    ],
)
def test_wrong_settings_are_told_with_exit_code_2(
    text: str, words: str, write: Callable[..., None], told: Told
) -> None:
    write(text)
    level, found, _ = bad(told("check", code=2))["settings"]
    assert level == "fail"
    assert words in found


def test_one_pixel_in_two_sites_is_a_warning(write: Callable[..., None], told: Told) -> None:
    write('[sites.uk]\npixel_code = "COQDA8RC77U2TMR44LI0"\naccess_token = "b"\ndomains = ["uk.example"]')
    level, found, _ = bad(told("check"))["settings"]
    assert (level, "same pixel" in found) == ("warn", True)


def test_a_test_event_code_left_in_the_settings_is_a_warning(write: Callable[..., None], told: Told) -> None:
    write('test_event_code = "TEST1"')
    assert "is a test" in bad(told("check"))["settings"][1]


def test_a_token_file_that_is_gone(folder: Path, told: Told) -> None:
    (folder / "token").unlink()
    assert "access_token_file" in bad(told("check", code=2))["settings"][1]


@pytest.mark.parametrize("name", ["outbox.db", "outbox.db-wal", "outbox.secret"])
def test_files_that_others_may_read(name: str, folder: Path, told: Told, outbox: Outbox) -> None:
    (folder / "outbox.secret").write_text("k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ")
    (folder / "outbox.secret").chmod(0o600)
    assert bad(told("check")) == {}
    (folder / name).chmod(0o604)
    assert bad(told("check"))["files"][2] == f"chmod 600 {name}"


@pytest.mark.parametrize("secret", ['access_token = "a"', 'api_keys = ["a-key"]', 'Secret_Keys="a"'])
@pytest.mark.parametrize("name", ["pixelpair.toml", ".env"])
def test_settings_with_a_secret_in_them_that_others_may_read(
    name: str, secret: str, folder: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "pixelpair.toml").read_text()
    (folder / "pixelpair.toml").chmod(0o644)
    assert bad(told("check")) == {}, "only where the token's file is"
    (folder / name).write_text(f"{text if name != '.env' else ''}# {secret}\n")
    (folder / name).chmod(0o644)
    level, found, cure = bad(told("check"))["files"]
    assert (level, found, cure) == ("warn", f"others on this machine may read {name}", f"chmod 600 {name}")
    (folder / name).chmod(0o600)
    assert bad(told("check")) == {}


def test_a_key_file_that_holds_no_key(folder: Path, told: Told) -> None:
    (folder / "outbox.secret").write_text("")
    (folder / "outbox.secret").chmod(0o600)
    assert "the file is empty" in bad(told("check", code=1))["keys"][1]


@pytest.mark.parametrize(("ahead", "way"), [(120, "behind"), (-120, "ahead of"), (86_400, "behind")])
def test_a_clock_that_is_off(ahead: int, way: str, told: Told, tiktok: TikTok) -> None:
    tiktok.ahead = ahead
    level, found, _ = bad(told("check"))["clock"]
    assert level == "warn"
    assert way in found


def test_a_tiktok_that_is_out_of_reach(told: Told, tiktok: TikTok) -> None:
    tiktok.stop()
    found = bad(told("check", code=1))
    assert (set(found), found["tiktok"][0]) == ({"tiktok", "clock"}, "fail")
    assert "nothing listens there" in found["tiktok"][1]


def pixel_line(told: Any) -> tuple[str, str]:
    [line] = [line for line in told["lines"] if line["check"] == "pixel"]
    return line["level"], line["found"]


def test_without_a_test_code_nothing_is_sent(told: Told, tiktok: TikTok) -> None:
    level, found = pixel_line(told("check"))
    assert (level, "not tried" in found) == ("warn", True)
    assert [one.split(b" ", 1)[0] for one in tiktok.asked] == [b"GET"]


def test_a_test_event_is_really_sent_and_only_as_a_test(told: Told, tiktok: TikTok) -> None:
    level, found = pixel_line(told("check", "--test-code", "TEST12345"))
    [sent] = [one for one in tiktok.asked if one.startswith(b"POST /open_api/v1.3/event/track/ ")]
    body = json.loads(sent.partition(b"\r\n\r\n")[2])
    assert (body["event_source_id"], body["test_event_code"], len(body["data"])) == (PIXEL, "TEST12345", 1)
    assert level == "pass"
    assert body["data"][0]["event_id"] in found


@pytest.mark.parametrize(
    ("code", "level", "words"),
    [
        (20001, "warn", "partial success"),
        (40001, "fail", "no permission for this pixel"),
        (40105, "fail", "access token wrong or revoked"),
        (40002, "fail", "TikTok refused it: code 40002"),
        (40100, "fail", "too many requests"),
        (50000, "fail", "internal error"),
    ],
)
def test_tiktoks_words_on_the_test_event(code: int, level: str, words: str, told: Told, tiktok: TikTok) -> None:
    tiktok.answer = http(json.dumps({"code": code, "message": "words", "request_id": "r"}).encode())
    found = pixel_line(told("check", "--test-code", "TEST1", code=0 if level == "warn" else 1))
    assert found[0] == level
    assert words in found[1]


class TestOutbox:
    def test_a_broken_file_is_told_and_left_alone(self, folder: Path, told: Told) -> None:
        (folder / "outbox.db").write_bytes(b"no database" * 1000)
        (folder / "outbox.db").chmod(0o600)
        level, found, _ = bad(told("check", code=1))["outbox"]
        assert (level, "is broken" in found) == ("fail", True)
        assert (folder / "outbox.db").read_bytes() == b"no database" * 1000

    def test_a_broken_page_inside(self, folder: Path, told: Told, outbox: Outbox, put: Callable[..., int]) -> None:
        for number in range(200):
            put(f"e{number}")
        with closing(sqlite3.connect(folder / "outbox.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = bytearray((folder / "outbox.db").read_bytes())
        content[len(content) // 2 : len(content) // 2 + 8192] = b"\xff" * 8192
        (folder / "outbox.db").write_bytes(content)
        assert "is broken" in bad(told("check", code=1))["outbox"][1]

    @pytest.mark.parametrize(("version", "level", "words"), [(1, "warn", "older"), (VERSION + 2, "fail", "newer")])
    def test_an_outbox_of_another_version_is_not_touched(
        self, version: int, level: str, words: str, folder: Path, told: Told, outbox: Outbox
    ) -> None:
        outbox.remember("version", str(version))
        found = bad(told("check", code=0 if level == "warn" else 1))["outbox"]
        assert (found[0], words in found[1]) == (level, True)
        assert outbox.fact("version") == str(version)
        assert not list(folder.glob("outbox.db.v*"))

    def test_looking_is_given_up_in_time_and_says_so(
        self, told: Told, outbox: Outbox, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        with closing(sqlite3.connect(folder / "outbox.db")) as connection:
            connection.execute("CREATE TABLE much (a)")
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
                "INSERT INTO much SELECT i FROM n"
            )
            connection.execute("CREATE INDEX by_a ON much (a)")
            connection.commit()
        assert looking.inspect(folder / "outbox.db").whole
        assert not looking.inspect(folder / "outbox.db", seconds=0).whole

    def test_a_silent_keeper(self, told: Told, outbox: Outbox) -> None:
        outbox.remember("heartbeat", str(now_ms() - 60_000))
        level, found, cure = bad(told("check", code=1))["keeper"]
        assert (level, cure) == ("fail", "pixelpair serve")
        assert "silent" in found

    @pytest.mark.parametrize(("by", "reason"), [("tiktok", "code 40105"), ("operator", "paused by hand")])
    def test_a_paused_pixel(self, by: str, reason: str, told: Told, outbox: Outbox) -> None:
        rows = Destinations(outbox)
        rows.pause(SHOP, now_ms(), by, reason)
        level, found, cure = bad(told("check", code=1))["delivery"]
        assert (level, cure) == ("fail", f"pixelpair resume {SHOP}")
        assert reason in found

    def test_a_pixel_that_is_trying_again(self, told: Told, outbox: Outbox, put: Callable[..., int]) -> None:
        rows = Destinations(outbox)
        rows.settle_in(SHOP, "f", now_ms())
        rows.back_off(SHOP, now_ms() + 60_000, "no answer: dns")
        assert bad(told("check"))["delivery"][:2] == ("warn", f"{SHOP} is trying again: no answer: dns")

    def test_dead_letters(self, told: Told, die: Callable[..., int]) -> None:
        die()
        assert bad(told("check"))["dead letters"] == (
            "warn",
            "1 events were refused or came too late",
            "pixelpair dead list",
        )

    def test_visitors_without_an_address(self, told: Told, put: Callable[..., int]) -> None:
        for number in range(5):
            put(f"e{number}", host="shop.example", body='{"user": {}}')
        assert "trusted_hops".upper() in bad(told("check"))["visitors"][1]

    def test_an_outbox_that_is_a_folder(self, folder: Path, told: Told) -> None:
        (folder / "outbox.db").mkdir(mode=0o700)
        assert "it is a folder" in bad(told("check", code=1))["outbox"][1]
