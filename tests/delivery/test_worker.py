"""A sender's turns, with its own time and a TikTok that answers by script; the outbox is real."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from proxy.delivery.worker import ALIKE, PROBE_AFTER_MS, SPLIT_AFTER, Worker
from proxy.errors import OutboxBusy
from proxy.events.merging import merge
from proxy.outbox.destinations import Destinations, DestinationState
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import HOUR, Outbox
from proxy.outbox.tables import events
from proxy.settings import Destination
from proxy.tiktok.client import Reply
from tests.rows import all_rows, row_of
from tests.senders import sender

START = 1_700_000_000_000


def answer(code: int, message: str = "OK", status: int = 200, **headers: str) -> Reply:
    body = json.dumps({"code": code, "message": message, "request_id": "r1", "data": {}}).encode()
    return Reply(status=status, body=body, headers=headers, failure=None, sent=True)


def failure(words: str = "timeout", sent: bool = True) -> Reply:
    return Reply(status=None, body=b"", headers={}, failure=words, sent=sent)


def http_date(seconds: float) -> str:
    return formatdate(START / 1000 + seconds, usegmt=True)


OK = answer(0)


class ScriptedTikTok:
    """Answers by a function of (pixel code, event ids) and remembers every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[str], str | None]] = []
        self.tokens: list[str] = []
        self.reply: Callable[[str, list[str]], Reply] = lambda _pixel, _ids: OK

    def track(self, pixel_code: str, token: str, items: Sequence[str], test_event_code: str | None = None) -> Reply:
        ids = [json.loads(item)["event_id"] for item in items]
        self.requests.append((pixel_code, ids, test_event_code))
        self.tokens.append(token)
        return self.reply(pixel_code, ids)

    def poison(self, *bad: str, message: str = "Batch.0.user.email: invalid") -> None:
        self.reply = lambda _pixel, ids: answer(40002, message) if set(ids) & set(bad) else OK


class Stage:
    """One worker on a real outbox; time moves only when a test moves it."""

    def __init__(self, path: Path, pixels: Sequence[str] = ("P1",), token_files: bool = False) -> None:
        self.now = START
        self.outbox = Outbox(Sqlite(path / "o.db"), merge)
        self.tiktok = ScriptedTikTok()
        self.token_file = path / "token"
        self.token_file.write_text("first-token")
        self.destinations = [
            Destination(name=f"shop/{pixel}", site="shop", pixel_code=pixel, access_token_file=self.token_file)
            if token_files
            else Destination(name=f"shop/{pixel}", site="shop", pixel_code=pixel, access_token=SecretStr("token"))
            for pixel in pixels
        ]
        self.worker = sender(
            self.outbox,
            self.destinations,
            self.tiktok,
            clock_ms=lambda: self.now,
            uniform=lambda _low, high: high,
        )

    def another_worker(self) -> Worker:
        """A second sender of the same keeper."""
        return sender(
            self.outbox,
            self.destinations,
            self.tiktok,
            clock_ms=lambda: self.now,
            uniform=lambda _low, high: high,
            desk=self.worker._desk,
        )

    def store(self, *ids: str, pixel: str = "P1", **facts: Any) -> None:
        entries = [
            Entry(
                **{
                    "destination": f"shop/{pixel}",
                    "event": "Contact",
                    "event_id": name,
                    "site": "shop",
                    "body": json.dumps({"event": "Contact", "event_id": name}),
                    "seen_at": self.now,
                    "due_at": self.now,
                    "browser": True,
                    **facts,
                }
            )
            for name in ids
        ]
        with self.outbox.write() as connection:
            self.outbox.add(connection, entries, self.now)

    def turn(self) -> bool:
        return self.worker.run_turn(self.now)

    def drain(self, turns: int = 50) -> None:
        for _ in range(turns):
            if not self.turn():
                return
        pytest.fail("still sending")

    def states(self) -> dict[str, str]:
        return {entry.event_id: entry.state for entry in all_rows(self.outbox)}

    def entry(self, name: str, pixel: str = "P1") -> Entry:
        found = row_of(self.outbox, f"shop/{pixel}", "Contact", name)
        assert found is not None
        return found

    def destination(self, pixel: str = "P1") -> DestinationState:
        found = Destinations(self.outbox).get(f"shop/{pixel}")
        assert found is not None
        return found

    def others_deliver(self) -> None:
        """Something else gets through to P1."""
        Destinations(self.outbox).delivered("shop/P1", self.now, self.destination().next_at)


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**options: Any) -> Stage:
        made.append(Stage(tmp_path, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.outbox.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()


def names(count: int) -> list[str]:
    return [f"e{number}" for number in range(count)]


class TestDelivered:
    def test_a_backlog_goes_out_in_requests_of_a_thousand(self, stage: Stage) -> None:
        stage.store(*names(2_500))
        stage.drain()
        assert [len(ids) for _, ids, _ in stage.tiktok.requests] == [1000, 1000, 500]
        assert set(stage.states().values()) == {"delivered"}
        assert stage.entry("e0").request_id == "r1"

    def test_an_idle_turn_sends_nothing(self, stage: Stage) -> None:
        assert stage.turn() is False
        assert stage.tiktok.requests == []

    def test_partial_success_is_delivered_with_an_alarm(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        stage.tiktok.reply = lambda *_: answer(20001, "partial success")
        stage.store("e1")
        stage.drain()
        assert (stage.entry("e1").state, stage.entry("e1").code) == ("delivered", 20001)
        assert stage.entry("e1").reason == "code 20001, partial success: partial success"
        assert "partial success" in caplog.text

    def test_a_test_event_carries_its_code_in_a_request_of_its_own(self, stage: Stage) -> None:
        stage.store("live")
        stage.store("test", test_code="TEST1")
        stage.drain()
        assert sorted((ids[0], code) for _, ids, code in stage.tiktok.requests) == [("live", None), ("test", "TEST1")]


class TestTests:
    """Events with a test code go apart from live ones, and no live event goes out as a test."""

    def test_never_share_a_request_with_live_ones(self, stage: Stage) -> None:
        codes = ["", "TEST1", "", "TEST2", "TEST1", ""] * 20
        for name, code in zip(names(len(codes)), codes, strict=True):
            stage.store(name, test_code=code)
        stage.drain(200)
        sent = [(name, code or "") for _, ids, code in stage.tiktok.requests for name in ids]
        assert sorted(sent) == sorted(zip(names(len(codes)), codes, strict=True))

    def test_a_live_report_ends_the_wait_of_a_test_as_a_live_event(self, stage: Stage) -> None:
        stage.store("e1", test_code="TEST1", due_at=stage.now + 20_000)
        stage.store("e1")
        stage.drain()
        assert stage.tiktok.requests == [("P1", ["e1"], None)]

    def test_a_live_report_of_a_delivered_test_goes_out(self, stage: Stage) -> None:
        stage.store("e1", test_code="TEST1")
        stage.drain()
        stage.store("e1")
        stage.drain()
        stage.store("e1")
        stage.drain()
        assert [code for _, _, code in stage.tiktok.requests] == ["TEST1", None]
        assert stage.states() == {"e1": "delivered"}

    @pytest.mark.parametrize("first", [OK, failure(), answer(40002)])
    def test_a_live_report_while_the_test_is_in_flight_goes_out_after_it(self, stage: Stage, first: Reply) -> None:
        def reply(_pixel: str, _ids: list[str]) -> Reply:
            if len(stage.tiktok.requests) > 1:
                return OK
            stage.store("e1")
            return first

        stage.tiktok.reply = reply
        stage.store("e1", test_code="TEST1")
        stage.turn()
        stage.now += 2_000
        stage.drain()
        assert [code for _, _, code in stage.tiktok.requests] == ["TEST1", None]
        assert stage.states() == {"e1": "delivered"}

    def test_the_failure_of_an_old_test_shortens_no_live_events_life(self, stage: Stage) -> None:
        def reply(_pixel: str, _ids: list[str]) -> Reply:
            stage.store("e1")
            return failure()

        stage.tiktok.reply = reply
        stage.store("e1", test_code="TEST1")
        stage.now += 40 * HOUR
        stage.turn()
        stage.tiktok.reply = lambda *_: OK
        stage.now += 9 * HOUR
        stage.drain()
        assert stage.states() == {"e1": "delivered"}

    def test_a_test_of_a_live_event_leaves_it_live(self, stage: Stage) -> None:
        stage.store("e1", due_at=stage.now + 20_000)
        stage.store("e1", test_code="TEST1")
        stage.now += 20_000
        stage.drain()
        stage.store("e1", test_code="TEST1")
        stage.drain()
        assert stage.tiktok.requests == [("P1", ["e1"], None)]


class TestTryAgain:
    def test_an_outage_loses_nothing_and_backs_off_the_destination(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: failure()
        stage.store("e1", "e2")
        assert stage.turn() is True
        assert stage.turn() is False, "backing off"
        assert stage.states() == {"e1": "waiting", "e2": "waiting"}
        assert stage.entry("e1").unknown_outcome is True
        assert stage.destination().attempts == 1
        stage.tiktok.reply = lambda *_: OK
        stage.now = stage.destination().next_at
        stage.drain()
        assert set(stage.states().values()) == {"delivered"}
        assert stage.destination().attempts == 0

    @pytest.mark.parametrize("reply", [answer(40100), answer(50000), answer(51021), answer(0, status=500)])
    def test_codes_of_a_busy_tiktok_keep_everything(self, stage: Stage, reply: Reply) -> None:
        stage.tiktok.reply = lambda *_: reply
        stage.store("e1")
        stage.turn()
        assert stage.states() == {"e1": "waiting"}
        assert stage.destination().next_at > stage.now

    def test_retry_after_is_a_minimum(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40100, **{"retry-after": "120"})
        stage.store("e1")
        stage.turn()
        assert stage.destination().next_at >= stage.now + 120_000

    @pytest.mark.parametrize("told", [answer(40100, **{"retry-after": "120"}), answer(40105)])
    def test_a_success_that_was_in_flight_meanwhile_ends_no_wait_and_no_pause(self, stage: Stage, told: Reply) -> None:
        other = stage.another_worker()

        def reply(_pixel: str, ids: list[str]) -> Reply:
            if ids == ["b"]:
                return told
            stage.store("b")
            assert other.run_turn(stage.now)
            return OK

        stage.tiktok.reply = reply
        stage.store("a")
        stage.turn()
        assert stage.states() == {"a": "delivered", "b": "waiting"}
        assert stage.destination().next_at >= stage.now + 120_000
        assert stage.turn() is False

    @pytest.mark.parametrize("told", [answer(40100, **{"retry-after": "120"}), answer(40105), failure()])
    @pytest.mark.parametrize("when", ["while it is noted", "after another sender looked"])
    def test_no_other_sender_takes_what_was_told_to_wait(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, told: Reply, when: str
    ) -> None:
        other = stage.another_worker()
        stage.tiktok.reply = lambda *_: told
        stage.store("a")
        for worker in (stage.worker, other):
            worker._look_at_tokens(stage.now)
        if when == "while it is noted":
            release = stage.outbox.release

            def release_and_look(*ids: Any, **facts: Any) -> int:
                released = release(*ids, **facts)
                monkeypatch.setattr(stage.outbox, "release", release)
                assert other.run_turn(stage.now) is False
                return released

            monkeypatch.setattr(stage.outbox, "release", release_and_look)
            stage.turn()
        else:
            look = other._rows.all

            def look_and_be_late() -> dict[str, DestinationState]:
                seen = look()
                monkeypatch.setattr(other._rows, "all", look)
                stage.turn()
                return seen

            monkeypatch.setattr(other._rows, "all", look_and_be_late)
            assert other.run_turn(stage.now) is False
        assert len(stage.tiktok.requests) == 1
        assert (stage.entry("a").state, stage.entry("a").claim, stage.entry("a").attempts) == ("waiting", None, 1)

    FORMS: ClassVar = [
        # Retry-After, the earliest and latest next attempt in seconds from now, by the least and the most of jitter
        ("7", 7, 7),
        (http_date(90), 90, 90),
        (http_date(-86_400), 0, 1),
        ("-5", 0, 1),
        ("soon", 0, 1),
        (str(10**9), 3600, 3600),
    ]

    @pytest.mark.parametrize(("asked", "earliest", "latest"), FORMS)
    @pytest.mark.parametrize("page", [answer(40100), answer(50000), Reply(429, b"<html>"), Reply(503, b"")])
    def test_retry_after_holds_in_every_form_up_to_an_hour(
        self, stage: Stage, page: Reply, asked: str, earliest: int, latest: int
    ) -> None:
        stage.tiktok.reply = lambda *_: replace(page, headers={"retry-after": asked})
        stage.store("e1")
        for jitter, seconds in ((min, earliest), (max, latest)):
            stage.worker._uniform = jitter
            Destinations(stage.outbox).resume("shop/P1")
            stage.turn()
            assert stage.destination().next_at == stage.now + seconds * 1000

    def test_a_request_that_never_left_has_a_known_outcome(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: failure("refused", sent=False)
        stage.store("e1")
        stage.turn()
        assert stage.entry("e1").unknown_outcome is False

    def test_one_slow_destination_starves_no_other(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(pixels=("P1", "P2"))
        stage.tiktok.reply = lambda pixel, _ids: failure() if pixel == "P1" else OK
        stage.store("a", pixel="P1")
        stage.store("b", pixel="P2")
        stage.drain()
        assert stage.states() == {"a": "waiting", "b": "delivered"}

    def test_a_batch_that_keeps_failing_while_others_pass_is_split_until_the_culprit_is_alone(
        self, stage: Stage
    ) -> None:
        stage.tiktok.reply = lambda _pixel, ids: failure() if "e3" in ids else OK
        stage.store(*names(8))
        for _ in range(SPLIT_AFTER):
            stage.turn()
            stage.now = max(stage.now, stage.destination().next_at)
        # Something else gets through meanwhile.
        stage.others_deliver()
        for _ in range(40):
            stage.now = max(stage.now + 1_000, stage.destination().next_at)
            stage.others_deliver()
            stage.turn()
        assert {name for name, state in stage.states().items() if state != "delivered"} == {"e3"}


class TestRefused:
    @pytest.mark.parametrize("bad", [("e0",), ("e999",), ("e17", "e500"), tuple(f"e{n}" for n in range(0, 1000, 100))])
    def test_only_the_culprits_die_and_bisection_is_cheap(self, stage: Stage, bad: tuple[str, ...]) -> None:
        stage.store("warm")
        stage.drain()
        stage.tiktok.requests.clear()
        stage.tiktok.poison(*bad)
        stage.store(*names(1000))
        stage.drain()
        assert {name for name, state in stage.states().items() if state == "dead"} == set(bad)
        assert {state for name, state in stage.states().items() if name not in bad} == {"delivered"}
        assert len(stage.tiktok.requests) <= 2 * len(bad) * 10 + 1
        assert stage.entry(bad[0]).reason == "Batch.0.user.email: invalid"
        assert stage.entry(bad[0]).code == 40002

    def test_good_parts_are_settled_before_the_rest_is_tried(self, stage: Stage) -> None:
        stage.store("warm")
        stage.drain()
        seen: list[int] = []

        def reply(_pixel: str, ids: list[str]) -> Reply:
            seen.append(sum(state == "delivered" for state in stage.states().values()))
            return answer(40002) if "e3" in ids else OK

        stage.tiktok.reply = reply
        stage.store(*names(4))
        stage.drain()
        # whole, e0+e1 (passes), e2+e3, e2 (passes), e3
        assert seen == [1, 1, 3, 3, 4]

    def test_a_413_halves_and_blames_only_a_single_event(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda _pixel, ids: answer(1, status=413) if len(ids) > 2 else OK
        stage.store(*names(8))
        stage.drain()
        assert set(stage.states().values()) == {"delivered"}

    def test_a_wrong_setting_pauses_after_few_requests_and_kills_nothing(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40002, "Batch.0.page.url: not a valid address")
        stage.store(*names(1000))
        stage.drain()
        assert set(stage.states().values()) == {"waiting"}
        assert stage.destination().paused_by == "tiktok"
        assert len(stage.tiktok.requests) <= 15

    def test_it_is_noticed_too_when_events_come_one_by_one(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40002, "Batch.0.page.url: not a valid address")
        for name in names(ALIKE):
            stage.store(name)
            stage.turn()
        assert set(stage.states().values()) == {"waiting"}
        assert stage.destination().paused_by == "tiktok"

    def test_refusals_after_a_success_are_the_events_own_fault(self, stage: Stage) -> None:
        stage.store("good")
        stage.drain()
        stage.tiktok.reply = lambda *_: answer(40002, "Batch.0.page.url: not a valid address")
        stage.store(*names(5))
        stage.drain()
        assert [state for name, state in stage.states().items() if name != "good"] == ["dead"] * 5
        assert stage.destination().paused_at is None

    def test_a_refusal_that_names_the_request_pauses_at_once(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40002, "Invalid value for event_source_id")
        stage.store(*names(10))
        stage.drain()
        assert len(stage.tiktok.requests) == 1
        assert set(stage.states().values()) == {"waiting"}
        assert stage.destination().paused_at == stage.now


class TestPause:
    def test_a_refused_token_pauses_only_its_destination_and_keeps_everything(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        stage = make_stage(pixels=("P1", "P2"))
        stage.tiktok.reply = lambda pixel, _ids: answer(40105, "token") if pixel == "P1" else OK
        stage.store("a", pixel="P1")
        stage.store("b", pixel="P2")
        stage.drain()
        assert stage.states() == {"a": "waiting", "b": "delivered"}
        assert stage.destination("P1").paused_by == "tiktok"
        assert stage.destination("P2").paused_at is None

    def test_a_changed_token_file_resumes_by_itself(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(token_files=True)
        stage.tiktok.reply = lambda *_: OK if stage.tiktok.tokens[-1] == "second-token" else answer(40105)
        stage.store("a")
        stage.drain()
        assert stage.states() == {"a": "waiting"}
        stage.token_file.write_text("second-token")
        stage.now += 1_500
        stage.drain()
        assert stage.states() == {"a": "delivered"}

    def test_a_wrong_token_that_stood_for_a_moment_only_is_forgotten_with_it(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        """Put in and taken back between two looks at the file, but a request went out in between."""
        stage = make_stage(token_files=True)
        stage.tiktok.reply = lambda *_: OK if stage.tiktok.tokens[-1] == "first-token" else answer(40105)
        stage.turn()
        stage.token_file.write_text("wrong-token")
        stage.store("a")
        stage.drain()
        assert stage.destination().paused_by == "tiktok"
        stage.token_file.write_text("first-token")
        stage.now += 1_500
        stage.drain()
        assert stage.states() == {"a": "delivered"}

    def test_a_late_refusal_of_the_former_token_does_not_stop_the_new_one(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        stage = make_stage(token_files=True)

        def reply(_pixel: str, _ids: list[str]) -> Reply:
            if stage.tiktok.tokens[-1] == "second-token":
                return OK
            stage.token_file.write_text("second-token")
            stage.now += 1_500
            stage.worker._look_at_tokens(stage.now)  # as the other sender does meanwhile
            return answer(40105)

        stage.tiktok.reply = reply
        stage.store("a")
        stage.turn()
        assert stage.states() == {"a": "waiting"}
        stage.now += 1_500
        stage.drain()
        assert stage.states() == {"a": "delivered"}

    def test_a_missing_token_file_pauses_with_the_settings_own_words(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(token_files=True)
        stage.token_file.unlink()
        stage.store("a")
        stage.drain()
        assert stage.states() == {"a": "waiting"}
        assert "access_token_file" in (stage.destination().reason or "")
        assert stage.tiktok.requests == []

    def test_a_probe_with_one_event_ends_the_pause(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40001, "no permission")
        stage.store(*names(5))
        stage.drain()
        stage.now += PROBE_AFTER_MS - 1
        assert stage.turn() is False
        stage.tiktok.reply = lambda *_: OK
        stage.now += 1
        stage.drain()
        assert len(stage.tiktok.requests[1][1]) == 1, "the probe"
        assert set(stage.states().values()) == {"delivered"}

    def test_an_operators_pause_is_not_probed(self, stage: Stage) -> None:
        stage.turn()
        Destinations(stage.outbox).pause("shop/P1", stage.now, "operator", "maintenance")
        stage.store("a")
        stage.now += 10 * PROBE_AFTER_MS
        assert stage.turn() is False


class TestHorizon:
    def test_past_48_hours_only_what_tiktok_cannot_have_counted_goes_out(self, stage: Stage) -> None:
        stage.store("blocked", pixel="P1")
        stage.store("sent")
        stage.store("backend", browser=False, backend=True)
        with stage.outbox.write() as connection:
            for name, pixel in (("blocked", "blocked"), ("sent", "sent")):
                stage.outbox.add(connection, [stage.entry(name).__class__(**_again(stage, name, pixel))], stage.now)
        stage.now += 48 * HOUR + 1
        stage.drain()
        assert stage.states() == {"blocked": "delivered", "sent": "dead", "backend": "delivered"}
        assert "48 hours" in (stage.entry("sent").reason or "")
        assert stage.entry("sent").attempts == 0


def _again(stage: Stage, name: str, pixel: str) -> dict[str, Any]:
    held = stage.entry(name)
    wanted = ("destination", "event", "event_id", "site", "body", "seen_at", "due_at", "browser")
    return {**{field: getattr(held, field) for field in wanted}, "pixel": pixel}


def test_a_clock_set_back_by_days_does_not_stop_sending(stage: Stage) -> None:
    stage.tiktok.reply = lambda *_: failure()
    stage.store("a")
    stage.turn()
    stage.tiktok.reply = lambda *_: OK
    stage.now -= 3 * 24 * HOUR
    stage.drain()
    assert stage.states() == {"a": "delivered"}


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 24 * HOUR, -24 * HOUR])
class TestAClockThatJumps:
    def test_frees_no_event_that_another_sender_holds(self, stage: Stage, jump: int) -> None:
        other = sender(
            stage.outbox,
            stage.destinations,
            stage.tiktok,
            clock_ms=lambda: stage.now,
            uniform=lambda _low, high: high,
        )
        turns: list[bool] = []

        def reply(_pixel: str, ids: list[str]) -> Reply:
            if ids == ["a"]:
                stage.now += jump
                turns.append(other.run_turn(stage.now))
                stage.store("b")
                turns.append(other.run_turn(stage.now))
            return OK

        stage.tiktok.reply = reply
        stage.store("a")
        stage.drain()
        assert turns == [False, True]
        assert [ids for _, ids, _ in stage.tiktok.requests] == [["a"], ["b"]]
        assert stage.states() == {"a": "delivered", "b": "delivered"}

    def test_leaves_no_delivery_in_the_future(self, stage: Stage, jump: int) -> None:
        stage.store("a")
        stage.drain()
        stage.now += jump
        stage.store("b")
        stage.drain()
        assert stage.destination().delivered_at == stage.now

    def test_lets_no_sender_oversleep(self, stage: Stage, jump: int, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        stopped = threading.Event()

        def sleep(_seen: int, seconds: float) -> None:
            slept.append(seconds)
            stopped.set()

        def turn(_now: int) -> bool:
            stage.worker._wake_at = stage.now + 1_000
            stage.now += jump
            return False

        monkeypatch.setattr(stage.worker._waker, "sleep", sleep)
        monkeypatch.setattr(stage.worker, "run_turn", turn)
        stage.worker.run_until(stopped)
        assert slept == [0.0 if jump > 0 else 1.0]


def test_an_idle_sender_sleeps_until_the_next_event_is_due_or_a_second(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    stopped = threading.Event()

    def sleep(_seen: int, seconds: float) -> None:
        slept.append(seconds)
        stopped.set()

    monkeypatch.setattr(stage.worker._waker, "sleep", sleep)
    stage.worker.run_until(stopped)
    stage.store("soon", due_at=stage.now + 250)
    stopped.clear()
    stage.worker.run_until(stopped)
    assert slept == [1.0, 0.25]


class TestOneBadEventAmongMany:
    def test_is_passed_by_and_isolated_though_every_batch_holds_it(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda _pixel, ids: answer(50000) if "e2" in ids else OK
        stage.store(*names(5))
        for _ in range(60):
            stage.now = max(stage.now + 1_000, stage.destination().next_at if stage.tiktok.requests else 0)
            stage.turn()
        assert {name for name, state in stage.states().items() if state != "delivered"} == {"e2"}

    def test_new_events_get_past_an_old_one(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda _pixel, ids: answer(50000) if "bad" in ids else OK
        stage.store("bad")
        for number in range(40):
            stage.store(f"e{number}")
            stage.now = max(stage.now + 60_000, stage.destination().next_at if stage.tiktok.requests else 0)
            for _ in range(5):
                stage.turn()
        assert {name for name, state in stage.states().items() if state == "waiting"} == {"bad"}

    def test_a_long_retry_after_is_kept_to(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: answer(40100, **{"retry-after": "1800"})
        stage.store("a")
        with stage.outbox.write() as connection:
            connection.execute(
                sa.update(events).values(attempts=SPLIT_AFTER, first_attempt_at=stage.now - 10, batch_limit=1)
            )
        stage.turn()
        stage.others_deliver()
        for _ in range(5):
            stage.turn()
        before = len(stage.tiktok.requests)
        for _ in range(10):
            assert stage.turn() is False
        assert len(stage.tiktok.requests) == before

    def test_a_gateways_413_kills_nothing(self, stage: Stage) -> None:
        stage.tiktok.reply = lambda *_: Reply(status=413, body=b"<html>", headers={})
        stage.store(*names(4))
        for _ in range(30):
            stage.now = max(stage.now + 1_000, stage.destination().next_at if stage.tiktok.requests else 0)
            stage.turn()
        assert set(stage.states().values()) == {"waiting"}


class TestASendersOwnFailure:
    def test_strands_nothing(self, stage: Stage) -> None:
        def broken(_pixel: str, _ids: list[str]) -> Reply:
            raise RuntimeError("a bug")

        stage.tiktok.reply = broken
        stage.store("a")
        with pytest.raises(RuntimeError):
            stage.turn()
        held = stage.entry("a")
        assert (held.state, held.claim, held.unknown_outcome) == ("waiting", None, True)

    @pytest.mark.parametrize("step", ["_stopped_meanwhile", "_drop_late", "_send"])
    def test_before_anything_was_posted_leaves_no_doubt(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(stage.worker, step, fail)
        stage.store("a", "b")
        with pytest.raises(RuntimeError):
            stage.turn()
        for held in (stage.entry("a"), stage.entry("b")):
            assert (held.state, held.claim, held.unknown_outcome, held.attempts) == ("waiting", None, False, 0)
        assert stage.tiktok.requests == []

    def test_in_the_middle_of_a_bisection_is_in_doubt_for_one_part_alone(self, stage: Stage) -> None:
        def reply(_pixel: str, ids: list[str]) -> Reply:
            if len(ids) > 2:
                return answer(40002)
            raise RuntimeError("a bug")

        stage.turn()
        stage.others_deliver()
        stage.tiktok.reply = reply
        stage.store(*names(4))
        with pytest.raises(RuntimeError):
            stage.turn()
        assert {entry.state for entry in all_rows(stage.outbox)} == {"waiting"}
        assert [stage.entry(name).unknown_outcome for name in names(4)] == [True, True, False, False]

    def test_to_note_the_clock_cannot_touch_an_answer(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        found: list[str] = []
        monkeypatch.setattr(stage.worker._skew, "look", lambda *_: found.append(stage.entry("a").state))
        stage.store("a")
        stage.turn()
        assert found == ["delivered"]

    def test_an_answer_is_written_down_when_the_disk_refused_once(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settle = stage.outbox.settle
        refused: list[bool] = []

        def refuse_once(*arguments: Any, **facts: Any) -> int:
            if not refused:
                refused.append(True)
                raise OutboxBusy("disk")
            return settle(*arguments, **facts)

        monkeypatch.setattr(stage.outbox, "settle", refuse_once)
        stage.store("a")
        stage.turn()
        assert (stage.entry("a").state, len(stage.tiktok.requests)) == ("delivered", 1)

    def test_a_stop_ends_a_bisection(self, stage: Stage) -> None:
        stage.turn()
        stage.others_deliver()

        def refuse_and_stop(_pixel: str, _ids: list[str]) -> Reply:
            stage.worker._stopped.set()
            return answer(40002)

        stage.tiktok.reply = refuse_and_stop
        stage.store(*names(64))
        stage.turn()
        assert len(stage.tiktok.requests) == 1
        assert set(stage.states().values()) == {"waiting"}


def test_an_ailing_destination_is_tried_by_one_sender_at_a_time(stage: Stage) -> None:
    stage.turn()
    Destinations(stage.outbox).back_off("shop/P1", stage.now, "timeout")
    other = stage.another_worker()
    turns: list[bool] = []

    def reply(_pixel: str, _ids: list[str]) -> Reply:
        stage.store("b")
        turns.append(other.run_turn(stage.now))
        return OK

    stage.tiktok.reply = reply
    stage.store("a")
    stage.turn()
    assert turns == [False]


def test_refusals_before_a_change_of_token_count_no_more(stage: Stage) -> None:
    stage.tiktok.reply = lambda *_: answer(40002, "Batch.0.page.url: not a valid address")
    for name in ("a", "b"):
        stage.store(name)
        stage.turn()
    stage.now += HOUR
    Destinations(stage.outbox).settle_in("shop/P1", "another token", stage.now)
    stage.worker._look_at_tokens = lambda _now: None  # type: ignore[method-assign]
    stage.store("c")
    stage.turn()
    assert stage.states() == {"a": "dead", "b": "dead", "c": "dead"}
    assert stage.destination().paused_at is None


def test_an_operators_pause_outlives_what_was_in_flight(stage: Stage) -> None:
    def reply(_pixel: str, _ids: list[str]) -> Reply:
        Destinations(stage.outbox).pause("shop/P1", stage.now, "operator", "maintenance")
        return OK if len(stage.tiktok.requests) == 1 else answer(40105)

    stage.tiktok.reply = reply
    stage.store("a")
    stage.turn()
    assert stage.destination().paused_by == "operator"
    Destinations(stage.outbox).resume("shop/P1")
    stage.store("b")
    stage.turn()
    assert stage.destination().paused_by == "operator"
