"""What ``status`` and ``events`` tell, and when they say that a person is needed."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from proxy.cli.opening import now_ms
from proxy.outbox.destinations import Destinations
from proxy.outbox.store import Outbox
from proxy.outbox.tally import Tally
from tests.room import MIB, set_room

SHOP = "shop/COQDA8RC77U2TMR44LI0"
UK2 = "uk/C4EXAMPLE0PIXEL0COD2"
HOUR = 3_600_000
ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., Result]
Told = Callable[..., Any]
Make = Callable[..., int]


def troubles(answer: Any) -> list[str]:
    return [trouble["command"] for trouble in answer["needs_a_person"]]


class TestStatus:
    def test_all_is_well(self, pixelpair: Run, told: Told, outbox: Outbox, put: Make) -> None:
        put("e1", age=5_000)
        put("e2", state="withheld", reason="a bot")
        answer = told("status")
        assert (answer["ok"], answer["needs_a_person"], answer["keeper"]["alive"]) == (True, [], True)
        assert answer["sites"]["shop"] == {"waiting": 1, "sending": 0, "delivered": 0, "dead": 0, "withheld": 1}
        [shop] = [one for one in answer["destinations"] if one["name"] == SHOP]
        assert (shop["standing"], shop["waiting"]) == ("not used yet", 1)
        assert 5_000 <= now_ms() - shop["waiting_since"] < 60_000
        assert answer["outbox"]["disk_free"] > 0
        output = pixelpair("status").stdout
        assert "Nothing needs a person." in output
        assert all(name in output for name in (SHOP, UK2, "outbox.db"))

    def test_what_the_doors_refused(self, told: Told, pixelpair: Run, outbox: Outbox) -> None:
        assert told("status")["refused"] == {"since": None, "counts": {}}
        assert "at the doors" not in pixelpair("status").stdout
        tally = Tally(outbox, lambda: 1_795_000_000_000)
        for reason in ("too_large", "origin", "origin"):
            tally.add(reason)
        tally.flush()
        assert told("status")["refused"] == {"since": 1_795_000_000_000, "counts": {"origin": 2, "too_large": 1}}
        line = "Refused or marked at the doors since 2026-11-18T11:06:40Z: 2 origin, 1 too_large"
        assert line in pixelpair("status").stdout

    def test_a_keeper_that_never_was_or_is_silent(self, told: Told, outbox: Outbox) -> None:
        outbox.remember("heartbeat", str(now_ms() - 60_000))
        answer = told("status", code=1)
        assert (answer["keeper"]["alive"], troubles(answer)) == (False, ["pixelpair serve"])

    def test_what_tiktok_took_with_a_reservation(self, told: Told, pixelpair: Run, outbox: Outbox, put: Make) -> None:
        words = "code 20001, partial success: 1 of 2"
        for name, code, alarm, age in (("e1", 0, None, 0), ("e2", 20001, words, 0), ("e3", 20001, words, 25 * HOUR)):
            row = put(name)
            outbox.claim(SHOP, now_ms(), 1, "held", 1_000)
            assert outbox.settle("held", [row], now_ms() - age, code=code, request_id=None, alarm=alarm) == 1
        answer = told("status", code=1)
        assert troubles(answer) == ["pixelpair events --code 20001"]
        assert f"1 of the last day's events only with a reservation ({words})" in pixelpair("status", code=1).stdout
        assert [event["event_id"] for event in told("events", "--code", "20001")] == ["e2", "e3"]
        assert [event["event_id"] for event in told("events", "--code", "0", "--site", "shop")] == ["e1"]
        assert told("events", "--code", "0", "--site", "uk", code=1) == []

    def test_a_site_is_found_behind_another_sites_many(
        self, told: Told, outbox: Outbox, put: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("proxy.cli.looking.MOST_EVENTS", 2)
        for name, destination in (("uk", UK2), ("e1", SHOP), ("e2", SHOP), ("e3", SHOP)):
            row = put(name, destination=destination)
            outbox.claim(destination, now_ms(), 1, "held", 1_000)
            assert outbox.settle("held", [row], now_ms(), code=20001, request_id=None, alarm="partly") == 1
        assert [event["event_id"] for event in told("events", "--code", "20001", "--site", "uk")] == ["uk"]
        assert len(told("events", "--code", "20001")) == 2

    @pytest.mark.parametrize("words", [[], ["--key", "k", "--code", "0"]])
    def test_events_are_named_in_one_way(self, pixelpair: Run, outbox: Outbox, words: list[str]) -> None:
        assert "--key KEY or --code CODE" in pixelpair("events", *words, code=2).output

    @pytest.mark.parametrize("by", ["tiktok", "operator"])
    def test_a_paused_destination(self, told: Told, pixelpair: Run, outbox: Outbox, by: str) -> None:
        Destinations(outbox).pause(SHOP, now_ms(), by, "token [refused]", now_ms() + 240_500)
        answer = told("status", code=1)
        assert troubles(answer) == [f"pixelpair resume {SHOP}"]
        output = pixelpair("status", code=1).stdout
        assert "paused" in output
        assert "token [refused]" in output
        assert ("in 4 min" in output) is (by == "tiktok")

    def test_a_fault_of_the_network_passes_by_itself_unless_it_lasts(
        self, told: Told, outbox: Outbox, put: Make
    ) -> None:
        Destinations(outbox).settle_in(SHOP, "f", 0)
        Destinations(outbox).back_off(SHOP, now_ms() + 30_000, "timeout")
        put("e1", age=60_000)
        assert told("status")["destinations"][0]["standing"] == "trying again"
        put("e2", age=2 * HOUR)
        assert troubles(told("status", code=1)) == ["curl -sS -o /dev/null https://business-api.tiktok.com"]

    def test_events_for_a_pixel_that_is_gone(self, told: Told, put: Make) -> None:
        put("e1", destination="gone/P1")
        assert troubles(told("status", code=1)) == ["pixelpair serve"]

    def test_a_disk_almost_full(self, told: Told, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        set_room(monkeypatch, free=900 * MIB)
        [trouble] = told("status", code=1)["needs_a_person"]
        assert trouble == {
            "sentence": "The outbox's disk has only 900 MiB left, and reports are refused below 512: make room.",
            "command": "df -h .",
        }

    def test_a_disk_so_full_that_reports_are_refused(
        self, told: Told, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_room(monkeypatch, free=100 * MIB)
        [trouble] = told("status", code=1)["needs_a_person"]
        assert "nearly full: Reports are refused (503) while less than 512 MiB are free" in trouble["sentence"]
        assert trouble["command"] == "df -h ."

    def test_a_clock_that_is_off(self, told: Told, outbox: Outbox) -> None:
        outbox.remember("clock_ahead_ms", str(-3_600_000))
        [trouble] = told("status", code=1)["needs_a_person"]
        assert "about 60 minutes behind TikTok's" in trouble["sentence"]
        assert trouble["command"] == "timedatectl status"
        outbox.remember("clock_ahead_ms", "0")
        assert told("status")["ok"]

    def test_dead_letters_with_a_command_that_finds_exactly_them(
        self, told: Told, pixelpair: Run, die: Make, outbox: Outbox
    ) -> None:
        reasons = ['it\'s "bad" & 100% $HOME', "line\nbreak", *(f"r{number}" for number in range(5))]
        for number, reason in enumerate(reasons):
            for copy in range(10 - number):
                die(f"e{number}-{copy}", reason=reason)
        answer = told("status", code=1)
        assert [(one["reason"], one["number"]) for one in answer["dead"]] == [
            (reason, 10 - number) for number, reason in enumerate(reasons[:5])
        ]
        assert answer["other_reasons"] == 2
        for letters, command in zip(answer["dead"], troubles(answer), strict=True):
            assert command == letters["look"]
            words = shlex.split(letters["look"])[1:]
            assert told(*words)["matched"] == letters["number"]
        replay = shlex.split(answer["dead"][0]["replay"])[1:]
        assert told(*replay)["replayed"] == 10
        output = pixelpair("status", code=1).stdout
        assert answer["dead"][1]["replay"] in output

    def test_unusual_settings_are_shown_and_need_nobody(self, folder: Path, outbox: Outbox, told: Told) -> None:
        settings = folder / "pixelpair.toml"
        settings.write_text(settings.read_text().replace("C4EXAMPLE0PIXEL0COD3", "COQDA8RC77U2TMR44LI0"))
        answer = told("status")
        assert "sends to the same pixel" in answer["warnings"][0]

    def test_commands_repeat_which_settings_were_meant(self, folder: Path, outbox: Outbox, told: Told) -> None:
        (folder / "pixelpair.toml").rename(folder / "my shop.toml")
        Destinations(outbox).pause(SHOP, now_ms(), "operator", "by hand")
        answer = told("status", "--config", "my shop.toml", code=1)
        assert troubles(answer) == [f"pixelpair resume {SHOP} --config 'my shop.toml'"]


class TestEvents:
    def test_a_key_is_found_whatever_became_of_it(self, told: Told, put: Make, die: Make) -> None:
        die("wc-1042", key="1042", event="PlaceAnOrder", reason="bad", value=349.0, currency="MAD")
        put("wc-1042", key="1042", event="Purchase", state="delivered", code=0, request_id="r9", age=HOUR)
        put("other", key="1043")
        found = told("events", "--key", " 1042")
        assert [(one["event"], one["state"], one["reason"], one["request_id"]) for one in found] == [
            ("Purchase", "delivered", None, "r9"),
            ("PlaceAnOrder", "dead", "bad", "r1"),
        ]
        assert found[1]["value"] == 349.0

    def test_a_line_of_it_tells_nothing_of_the_shopper(self, pixelpair: Run, put: Make) -> None:
        put("e1", key="1042", body=json.dumps({"user": {"email": "f" * 64, "ip": "203.0.113.7"}, "page": {"url": "u"}}))
        for output in (pixelpair("events", "--key", "1042").stdout, pixelpair("events", "--key=1042", "--json").stdout):
            assert "e1" in output
            assert not any(words in output for words in ("ffff", "203.0.113", "body", "page"))

    def test_without_its_body_a_line_is_still_there(self, told: Told, put: Make) -> None:
        put("e1", key="1042", body="", state="delivered")
        assert told("events", "--key", "1042")[0]["state"] == "delivered"

    def test_only_the_site_asked_for(self, told: Told, pixelpair: Run, put: Make) -> None:
        put("e1", key="1042")
        put("e2", key="1042", destination=UK2)
        assert [one["site"] for one in told("events", "--key", "1042", "--site", "uk")] == ["uk"]
        assert len(told("events", "--key", "1042")) == 2
        assert "there are shop, uk." in pixelpair("events", "--key", "1042", "--site", "fr", code=2).stderr

    def test_a_key_nobody_told_needs_a_look(self, told: Told, pixelpair: Run, outbox: Outbox) -> None:
        assert told("events", "--key", "1042", code=1) == []
        assert "never told here" in pixelpair("events", "--key", "1042", code=1).stderr

    @pytest.mark.parametrize("key", ["", " ", "a\x00b", "x" * 129])
    def test_what_can_be_no_key_is_wrong_usage(self, pixelpair: Run, outbox: Outbox, key: str) -> None:
        assert "No event can have this key" in pixelpair("events", "--key", key, code=2).stderr


COMMANDS = [
    ("status",),
    ("events", "--key", "1042"),
    *(("dead", *words) for words in (("list",), ("show", "1"), ("replay",), ("drop", "--all"))),
    ("pause", "shop"),
    ("resume", "shop"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
class TestEachCommand:
    def test_makes_no_outbox_where_there_is_none(self, folder: Path, pixelpair: Run, words: tuple[str, ...]) -> None:
        done = pixelpair(*words, code=1)
        assert done.stderr == "pixelpair: There is no outbox at outbox.db yet: “pixelpair serve” makes it.\n"
        assert [path.name for path in folder.iterdir()] == ["pixelpair.toml"]

    def test_leaves_a_keeper_and_what_it_has_in_flight_alone(
        self, pixelpair: Run, outbox: Outbox, put: Make, die: Make, words: tuple[str, ...]
    ) -> None:
        outbox.become_keeper()
        assert die("e0", key="1042") == 1
        put("e1")
        [claimed] = outbox.claim(SHOP, now_ms(), 9, "held", 60_000)
        pixelpair(*words, code=1 if words == ("status",) else 0)
        assert outbox.settle("held", [claimed.id], now_ms(), code=0, request_id=None) == 1

    def test_wrong_settings_are_named(self, folder: Path, pixelpair: Run, words: tuple[str, ...]) -> None:
        (folder / "pixelpair.toml").write_text("outbx_url = 1")
        assert "outbx_url" in pixelpair(*words, code=2).stderr

    def test_takes_one_place_only(self, pixelpair: Run, words: tuple[str, ...]) -> None:
        assert "not both" in pixelpair(*words, "--config", "a", "--demo", "b", code=2).stderr

    def test_its_help_loads_nothing_heavy(self, words: tuple[str, ...]) -> None:
        names = [word for word in words[:2] if word.isalpha()] if words[0] == "dead" else [words[0]]
        program = (
            "import sys, proxy.cli\n"
            f"try: proxy.cli.main({[*names, '--help']!r})\n"
            "except SystemExit as end: assert not end.code\n"
            "print({'sqlalchemy', 'flask', 'rich', 'pydantic', 'requests'} & sys.modules.keys())"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.stdout.endswith("set()\n"), done.stdout + done.stderr

    def test_the_operators_guide_has_it(self, words: tuple[str, ...]) -> None:
        name = " ".join(words[:2] if words[0] == "dead" else words[:1])
        assert f"$ pixelpair {name}" in (ROOT / "docs/operate.md").read_text(encoding="utf-8")


def on_a_terminal(*words: str, **environ: str) -> tuple[int, str]:
    """Exit code and output of the command on a pseudo-terminal, which is a terminal to it."""
    run = f"[sys.executable, '-c', 'import proxy.cli; proxy.cli.main()', *{words!r}]"
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-c", f"import pty, sys; sys.exit(pty.spawn({run}) >> 8)"],
        env={**clean, "TERM": "xterm", "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


def test_no_colour_where_nobody_wants_one(folder: Path, outbox: Outbox) -> None:
    Destinations(outbox).pause(SHOP, now_ms(), "operator", "by hand")
    code, coloured = on_a_terminal("status")
    assert code == 1
    assert "\x1b[33m" in coloured
    assert "\x1b[33m" not in on_a_terminal("status", NO_COLOR="1")[1]


def test_a_bar_moves_on_a_terminal_only(pixelpair: Run, die: Make) -> None:
    die("e1")
    assert "dropping" in on_a_terminal("dead", "drop", "--all")[1]
    die("e2")
    assert pixelpair("dead", "drop", "--all").output == "1 dead letter dropped.\n"
