"""After an erasure no byte of the person is left, in any file; and of what was told nothing is sent or sent twice."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.events.merging import merge
from proxy.outbox import erase as module
from proxy.outbox.entry import Entry
from proxy.outbox.erase import REASON, Erased, erase
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from tests.rows import all_rows, row_of

NOW = 1_700_000_000_000
ANNA = sha256(b"anna@shop.example").hexdigest()
BEN = sha256(b"ben@shop.example").hexdigest()
TTP = "2RsgAAAAanna-cookie-value-0001"
TTCLID = 'E.C.P.anna/click"value+0001'
V1 = Path(__file__).parent / "fixtures" / "v1.db"
Make = Callable[..., Entry]
Store = Callable[..., None]


def body(event_id: str, email: str = ANNA, url: str = "https://shop.example/", **user: object) -> str:
    item = {"event_id": event_id, "user": {"email": email, **user}, "page": {"url": url}}
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def traces(folder: Path, *marks: str) -> list[str]:
    """The files in which a mark stands."""
    return [file.name for file in folder.iterdir() if any(mark.encode() in file.read_bytes() for mark in marks)]


def held(outbox: Outbox, event_id: str) -> Entry:
    found = row_of(outbox, "shop/P1", "ViewContent", event_id)
    assert found is not None
    return found


@pytest.fixture
def everywhere(outbox: Outbox, store: Store, entry: Make) -> None:
    """Anna in every state, beside a body in flight, and Ben who must not be touched."""
    names = ("delivered", "dead", "sending")
    store(*(entry(name, body=body(name), view="anna-view", key=f"key-{name}") for name in names))
    claimed = {event.event_id: event.id for event in outbox.claim("shop/P1", NOW, 10, "claim", 1)}
    outbox.settle("claim", [claimed["delivered"]], NOW, code=0, request_id="r1")
    outbox.give_up("claim", [claimed["dead"]], NOW, reason=f"user.email: {ANNA} is refused", code=40002)
    store(entry("sending", backend=True, proved=True, body=body("sending", [ANNA, BEN])))  # type: ignore[arg-type]
    store(entry("waiting", body=body("waiting")), entry("withheld", state="withheld", body=body("withheld")))
    store(entry("ben", body=body("ben", BEN)))


@pytest.mark.usefixtures("everywhere")
class TestEveryState:
    def test_no_byte_of_her_is_left_in_any_file(self, outbox: Outbox, tmp_path: Path) -> None:
        assert traces(tmp_path, ANNA) != []
        assert erase(outbox, {ANNA}, NOW).events == 5
        assert traces(tmp_path, ANNA, "anna-view") == []
        assert traces(tmp_path, BEN) != []

    def test_a_line_stays_that_is_never_sent(self, outbox: Outbox) -> None:
        erase(outbox, {ANNA}, NOW)
        lines = {entry.event_id: (entry.state, entry.reason, entry.body, entry.beside) for entry in all_rows(outbox)}
        ben = lines.pop("ben")
        assert ben == ("waiting", None, body("ben", BEN), None)
        assert lines.pop("delivered") == ("delivered", None, "", None)
        assert lines == dict.fromkeys(("dead", "sending", "waiting", "withheld"), ("withheld", REASON, "", None))
        assert [event.event_id for event in outbox.claim("shop/P1", NOW, 10, "t", 1)] == ["ben"]
        assert held(outbox, "delivered").key == "key-delivered"

    def test_what_was_in_flight_ends_without_a_body(self, outbox: Outbox) -> None:
        flying = held(outbox, "sending").id
        erase(outbox, {ANNA}, NOW)
        assert outbox.release("claim", [flying], NOW, reason="timeout") == 0
        line = held(outbox, "sending")
        assert (line.state, line.body, line.unknown_outcome) == ("withheld", "", True)

    def test_told_again_a_delivered_event_is_still_known(self, outbox: Outbox, store: Store, entry: Make) -> None:
        erase(outbox, {ANNA}, NOW)
        store(entry("delivered", body=body("delivered")))
        assert held(outbox, "delivered").state == "delivered"
        assert held(outbox, "delivered").body == ""

    def test_a_dry_run_counts_and_changes_nothing(self, outbox: Outbox) -> None:
        before = all_rows(outbox)
        assert erase(outbox, {ANNA}, NOW, dry_run=True) == Erased(5, 0, ())
        assert all_rows(outbox) == before

    def test_another_sites_events_stay(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("other", site="other", body=body("other")))
        assert erase(outbox, {ANNA}, NOW, site="other").events == 1
        assert held(outbox, "waiting").body != ""

    def test_small_batches_find_as_much(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(module, "LOOKED_AT", 2)
        monkeypatch.setattr(module, "AT_ONCE", 1)
        assert erase(outbox, {ANNA}, NOW).events == 5
        assert traces(tmp_path, ANNA) == []

    def test_while_another_process_holds_the_file_open(self, outbox: Outbox, tmp_path: Path) -> None:
        other = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
        other.counts()
        erase(outbox, {ANNA}, NOW)
        assert traces(tmp_path, ANNA) == []
        assert sum(other.counts().values()) == 6
        other.close()


@pytest.mark.parametrize(
    "text",
    [
        body("e1", BEN, ttp=TTP),
        body("e1", BEN, ttclid=TTCLID),
        body("e1", BEN, url="https://shop.example/?ttclid=E.C.P.anna%2Fclick%22value%2B0001&utm_source=x"),
    ],
)
def test_cookie_values_are_found_however_they_are_written(
    outbox: Outbox, store: Store, entry: Make, tmp_path: Path, text: str
) -> None:
    store(entry("e1", body=text))
    assert erase(outbox, {TTP, TTCLID}, NOW).events == 1
    assert held(outbox, "e1").body == ""
    assert traces(tmp_path, TTP, "anna") == []


def test_a_row_named_after_the_person_goes_whole(outbox: Outbox, store: Store, entry: Make, tmp_path: Path) -> None:
    store(entry(f"signup-{ANNA}", key=f"signup-{ANNA}"))
    assert erase(outbox, {ANNA}, NOW).events == 1
    assert all_rows(outbox) == []
    assert traces(tmp_path, ANNA) == []


def test_bodies_longer_than_a_page_leave_nothing(outbox: Outbox, store: Store, entry: Make, tmp_path: Path) -> None:
    long = [body(f"e{number}", ANNA, note="x" * 9_000) for number in range(20)]
    store(*(entry(f"e{number}", body=text) for number, text in enumerate(long)))
    erase(outbox, {ANNA}, NOW)
    assert traces(tmp_path, ANNA, ANNA[:20], ANNA[-20:]) == []


def test_copies_made_before_an_update_are_cleared_too(tmp_path: Path) -> None:
    outbox = Outbox(Sqlite(Path(shutil.copy(V1, tmp_path / "o.db"))), merge)
    held_by_all = "0" * 64
    assert len(traces(tmp_path, held_by_all)) >= 2
    assert erase(outbox, {held_by_all}, NOW) == Erased(5, 5, ())
    outbox.close()
    assert traces(tmp_path, held_by_all) == []
    (copy,) = tmp_path.glob("o.db.v1-*Z")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (5,)


def test_a_corrupt_file_put_aside_is_named(outbox: Outbox, tmp_path: Path) -> None:
    aside = tmp_path / "outbox.db.corrupt-20200101T000000Z"
    aside.write_text("who knows")
    assert erase(outbox, {ANNA}, NOW).out_of_reach == (aside,)


class TestTheCommand:
    @pytest.fixture
    def run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
        monkeypatch.chdir(tmp_path)
        Path("pixelpair.toml").write_text(
            'outbox_url = "sqlite:///o.db"\n'
            '[sites.shop]\npixel_code = "COQDA8RC77U2TMR44LI0"\naccess_token = "t"\ndefault_region = "US"\n'
        )
        outbox = Outbox(Sqlite(tmp_path / "o.db"), merge)
        phone = sha256(b"+12125550123").hexdigest()
        texts = [body("e1"), body("e2", BEN, phone=phone), body("e3", BEN, external_id=sha256(b"42").hexdigest())]
        known = {"destination": "shop/P1", "event": "Contact", "site": "shop", "seen_at": NOW, "due_at": NOW}
        with outbox.write() as connection:
            entries = [Entry(event_id=f"e{number}", body=text, **known) for number, text in enumerate(texts, 1)]  # type: ignore[arg-type]
            outbox.add(connection, entries, NOW)
        outbox.close()
        return lambda *arguments: CliRunner().invoke(main, ["erase", *arguments])

    @pytest.mark.parametrize(
        "whom",
        [
            ["--email", " Anna@Shop.example "],
            ["--email", ANNA.upper()],
            ["--phone", "(212) 555-0123"],
            ["--phone", "+1 212 555 0123"],
            ["--external-id", "42"],
            ["--site", "shop", "--email", "anna@shop.example"],
        ],
    )
    def test_finds_whom_the_shop_knows(self, run: Callable[..., object], whom: list[str]) -> None:
        done = run(*whom, "--json")
        assert json.loads(done.output) == {  # type: ignore[attr-defined]
            "dry_run": False,
            "events": 1,
            "match_keys": 0,
            "in_copies": 0,
            "out_of_reach": [],
        }

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "Say whom"),
            (["--email", "nobody"], "--email"),
            (["--ttp", "short"], "whole value"),
            (["--email", "anna@shop.example", "--site", "mars"], "there is no site mars"),
        ],
    )
    def test_says_what_is_wrong(self, run: Callable[..., object], arguments: list[str], words: str) -> None:
        done = run(*arguments)
        assert done.exit_code == 2  # type: ignore[attr-defined]
        assert words in done.output  # type: ignore[attr-defined]
