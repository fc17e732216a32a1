"""S17: nothing that a stranger wrote commands the terminal, the spreadsheet or the shell of who looks at it.

Pixelpair exports no CSV. What leaves it is the commands' tables, for a terminal, and ``--json``, for programs. A
stranger who writes terminal commands, markup or a formula into every field of every door finds them printed, no more.
"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.cli.opening import now_ms
from proxy.outbox.destinations import Destinations
from tests.web.conftest import BROWSER, SHOP, Shop

# A screen that is cleared, a title that is set, a link, a clipboard that is filled, a key that is pressed; the same in
# one byte; a line turned around, ended or hidden.
ESCAPES = (
    *("\x1b[2J\x1b[1;31m", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\", "\x1b]52;c;ZXZpbA==\x07", "\x9b2J"),
    *(
        "\x9d0;title\x9c",
        "\x1bP+q544e\x1b\\",
        "\r\n$ pixelpair",
        "\u2028\u2029\x85\x0b",
        "\u202e\u2066",
        "\u200b\U000e0001",
    ),
)
KEYS = (
    "\u202eorder\u2066\u2028\u2029",
    "[red]order[/red]:smile:",
    "=cmd|' /C calc'!A0",
    "$(reboot)`id`;'",
    "\U000e0001\u200b",
)
DESTINATION = f"default/{SHOP['PIXELPAIR_PIXEL_CODE']}"
EVIL = "".join(ESCAPES)


def everywhere(value: object) -> object:
    """The same with the escapes behind every text, a name or a value."""
    if isinstance(value, dict):
        return {name: everywhere(each) for name, each in value.items()} | {f"odd{EVIL}": EVIL}
    if isinstance(value, list):
        return [*map(everywhere, value), EVIL]
    return f"{value}{EVIL}"


ODD: dict[str, Any] = {
    "properties": everywhere({"description": "a", "contents": [{"content_id": "b"}], "currency": "MAD", "value": "1"}),
    "user": everywhere({"email": "jane@shop.example", "external_id": "7", "city": "Fes"}),
    **{name: everywhere("x") for name in ("url", "referrer", "ttclid", "ttp", "ticket", "pixel", "consent", "retry")},
    f"odd{EVIL}": EVIL,
}


@pytest.fixture
def told(shop: Shop, event: Callable[..., dict[str, Any]], tmp_path: Path) -> Shop:
    """An outbox in which strangers, a careless back end and TikTok have written all that they can."""
    shop.now = now_ms()
    for key in KEYS:
        for fields in (ODD, {**ODD, "properties": {"value": 3, "order_id": key}}, {"event": f"Purchase{EVIL}"}):
            for headers in (
                {},
                {"User_Agent": EVIL.replace("\r\n", ""), "Cookie": "ttclid=\x1b[2J; pixelpair_qa=\x1b[2J"},
            ):
                shop.post({**event(event="PlaceAnOrder", key=key), **fields}, **headers)
        shop.post({**event(), "site": EVIL})
        item = {"event": "Purchase", "event_id": key, "event_time": "", "properties": {"order_id": key, "value": 3}}
        body = {"event_source": "web", "event_source_id": SHOP["PIXELPAIR_PIXEL_CODE"], "data": [item]}
        headers = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"]}
        assert shop.client.post("/t/open_api/v1.3/event/track/", json=body, headers=headers).status_code == 200
        item["properties"] = ODD["properties"]
        shop.client.post("/t/open_api/v1.3/event/track/", json={**body, "test_event_code": EVIL}, headers=headers)
    shop.commit.refused.flush()
    outbox = shop.outbox
    rows = outbox.claim(DESTINATION, now_ms() + 60_000, 1_000, "token", 1_000)
    assert len(rows) == 2 * len(KEYS)
    told_by_tiktok = {"code": 40002, "request_id": EVIL}
    outbox.give_up("token", [row.id for row in rows[:-2]], now_ms(), reason=EVIL, **told_by_tiktok)
    outbox.settle("token", [rows[-1].id], now_ms(), code=20001, request_id=EVIL, alarm=EVIL)
    outbox.release("token", [rows[-2].id], now_ms(), reason=EVIL)
    Destinations(outbox).pause(DESTINATION, now_ms(), "tiktok", EVIL)
    outbox.remember("heartbeat", str(now_ms()))
    return shop


@pytest.fixture
def pixelpair(told: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command prints, on stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    environ = {
        **SHOP,
        "PIXELPAIR_OUTBOX_URL": f"sqlite:///{told.database}",
        "PIXELPAIR_TIKTOK_URL": "http://127.0.0.1:9",
    }

    def run(*words: str) -> str:
        done = CliRunner(env=environ).invoke(main, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output

    return run


LOOKS = [
    ("status",),
    ("check",),
    ("dead", "list"),
    ("dead", "list", "--reason", "no such"),
    ("dead", "list", "--event", "NoSuch"),
    ("dead", "list", "--site", "nosuch"),
    ("dead", "replay", "--dry-run"),
    ("events", "--code", "20001"),
    ("events", "--site", EVIL, "--code", "0"),
    ("pause", EVIL),
    *(("events", "--key", key) for key in KEYS),
]


@pytest.mark.parametrize("words", LOOKS, ids=lambda words: ascii(" ".join(words))[:60])
def test_a_terminal_only_prints_it(words: tuple[str, ...], pixelpair: Callable[..., str]) -> None:
    printed = pixelpair(*words)
    assert {char for char in printed if not char.isprintable()} <= {"\n"}
    assert len(printed) > 20


def test_each_event_only_prints_too(told: Shop, pixelpair: Callable[..., str]) -> None:
    rows = told.stored()
    assert {row.key for row in rows} == set(KEYS)
    for row in rows:
        printed = pixelpair("dead", "show", str(row.id))
        assert {char for char in printed if not char.isprintable()} <= {"\n"}
        assert row.event in printed
    assert any("[red]order[/red]:smile:" in pixelpair("dead", "show", str(row.id)) for row in rows), "no markup"


@pytest.mark.parametrize("words", [words for words in LOOKS if not {"no such", "NoSuch", "nosuch", EVIL} & set(words)])
def test_json_is_ascii_and_holds_what_was_written(words: tuple[str, ...], pixelpair: Callable[..., str]) -> None:
    printed = pixelpair(*words, "--json")
    assert {char for char in printed if not (char.isascii() and char.isprintable())} <= {"\n"}
    assert printed[0] in "[{", printed
    told = json.loads(printed)
    if words[:2] == ("events", "--key"):
        assert {event["key"] for event in told} == {words[2]}, "a formula is a string of JSON, and nothing before it"


def test_a_command_to_be_pasted_runs_nothing_else(pixelpair: Callable[..., str]) -> None:
    told = json.loads(pixelpair("status", "--json"))
    commands = [each["command"] for each in told["needs_a_person"]] + [each["replay"] for each in told["dead"]]
    assert commands
    for command in commands:
        assert shlex.split(command)[0] in ("pixelpair", "curl", "df", "timedatectl")
        assert command == shlex.join(shlex.split(command))
        assert command.isprintable()


def test_no_request_of_these_puts_a_control_character_into_an_answer(
    shop: Shop, event: Callable[..., dict[str, Any]]
) -> None:
    for body in ({**event(), **ODD}, {**event(), "site": EVIL}, {**event(), "event": EVIL}, [EVIL], {EVIL: EVIL}):
        assert shop.post(body).text.isprintable()
    key = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"], "Content-Type": "application/json"}
    for path in ("/t/open_api/v1.3/event/track/", "/t/tickets"):
        answer = shop.client.post(
            path, headers={**BROWSER, **key}, json={EVIL: EVIL, "event": EVIL, "data": [{EVIL: EVIL}]}
        )
        assert {char for char in answer.text if not char.isprintable()} <= {"\n"}
