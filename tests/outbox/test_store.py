"""What the outbox promises: one row an event, a claim before a send, and only the holder of a claim ends it."""

import fcntl
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from proxy.errors import OutboxBusy, OutboxError
from proxy.events.merging import merge
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import AS_NEW, Entry
from proxy.outbox.erase import erase
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import (
    DAY,
    HOUR,
    MERGE_WINDOW,
    REMEMBER_PROVED_KEY,
    REMEMBER_UNKEYED,
    REMEMBER_UNPROVED_KEY,
    TWO_IDS,
    Outbox,
)
from proxy.outbox.tables import VERSION, events, facts
from tests.rows import all_rows, row_of

NOW = 1_700_000_000_000
Make = Callable[..., Entry]
Store = Callable[..., None]
LEASE = 60_000
SOME_VIEWS = "abcd"


def ids(claimed: list) -> list[str]:
    return [event.event_id for event in claimed]


def claim(outbox: Outbox, limit: int = 1000, now: int = NOW, token: str = "t1") -> list:
    return outbox.claim("shop/P1", now, limit, token, LEASE)


def get(outbox: Outbox, event_id: str = "e1") -> Entry:
    found = row_of(outbox, "shop/P1", "ViewContent", event_id)
    assert found is not None
    return found


class TestAdd:
    def test_one_event_is_one_row_for_each_destination(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry(), entry(destination="shop/P2"))
        store(entry())
        assert outbox.counts() == {("shop/P1", "waiting"): 1, ("shop/P2", "waiting"): 1}
        assert get(outbox).reports == 2

    @pytest.mark.parametrize("known", ["", "a", "d", "bc", "abd", "abcd"])
    def test_known_and_new_events_of_one_commit_are_told_apart(
        self, outbox: Outbox, store: Store, entry: Make, known: str
    ) -> None:
        store(*(entry(name) for name in known), entry("youngest"))
        outbox.claim("shop/P1", NOW, 1000, "t1", LEASE)
        store(*(entry(name, pixel="blocked", view=name) for name in "abcd"), entry("d", pixel="blocked"))
        found = {name: (get(outbox, name).reports, get(outbox, name).state) for name in "abcd"}
        expected = {name: (2, "sending") if name in known else (1, "waiting") for name in "abcd"}
        expected["d"] = (expected["d"][0] + 1, expected["d"][1])
        assert found == expected

    def test_ids_freed_by_a_clean_up_mix_nothing_up(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("e1"), entry("e2"), entry("e3"))
        with outbox.write() as connection:
            connection.execute(sa.delete(events).where(events.c.event_id == "e3"))
        store(entry("e2"), entry("e3"), entry("e4"))
        assert [get(outbox, name).reports for name in ("e1", "e2", "e3", "e4")] == [1, 2, 1, 1]

    def test_two_reports_in_one_commit_merge(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry(), entry(pixel="blocked"))
        assert get(outbox).pixel == "blocked"

    def test_everything_comes_back_as_it_went_in(self, outbox: Outbox, store: Store, entry: Make) -> None:
        told = entry(key="k", view="v", host="shop.example", value=1.5, currency="MAD", warnings=("é: \U0001f600",))
        store(told)
        held = get(outbox)
        for name in ("key", "view", "host", "value", "currency", "warnings", "body", "seen_at", "consent"):
            assert getattr(held, name) == getattr(told, name), name

    def test_the_pixels_state_holds_for_all_rows_of_its_view(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("e1", view="v1", pixel="unknown"), entry("e2", view="v2"))
        store(entry("e3", view="v1", pixel="blocked"))
        assert [get(outbox, name).pixel for name in ("e1", "e2", "e3")] == ["blocked", None, "blocked"]

    def test_a_later_report_that_knows_nothing_of_the_pixel_learns_it(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("e1", view="v1", pixel="blocked"), entry("other", view="v1", pixel="unknown", site="elsewhere"))
        store(entry("e2", view="v1", pixel="unknown"))
        assert [get(outbox, name).pixel for name in ("e1", "e2", "other")] == ["blocked", "blocked", "unknown"]

    def test_what_a_back_end_told_first_joins_the_view_of_the_browsers_report(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("e1", browser=False, backend=True, proved=True))
        store(entry("e1", view="v1", pixel="unknown"))
        store(entry("e2", view="v1", pixel="blocked"))
        assert (get(outbox).view, get(outbox).pixel) == ("v1", "blocked")

    def test_sent_stays_sent_whatever_others_of_the_view_say(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("e1", view="v1", pixel="sent"))
        store(entry("e2", view="v1", pixel="blocked"))
        assert get(outbox, "e1").pixel == "sent"

    def test_an_older_word_that_comes_late_learns_that_the_pixel_has_sent(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("e1", view="v1", pixel="sent"))
        store(entry("late", view="v1", pixel="blocked"))
        assert get(outbox, "late").pixel == "sent"

    def test_many_views_of_one_commit_keep_their_own_states(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(*(entry(f"{view}{n}", view=view) for view in SOME_VIEWS for n in (1, 2)))
        states = ("sent", "blocked", "off", "sent")
        store(*(entry(f"{view}3", view=view, pixel=pixel) for view, pixel in zip(SOME_VIEWS, states, strict=True)))
        store(entry("a4", view="a", pixel="blocked"))
        found = [[get(outbox, f"{view}{n}").pixel for n in (1, 2)] for view in SOME_VIEWS]
        assert found == [["sent"] * 2, ["blocked"] * 2, ["off"] * 2, ["sent"] * 2]

    def test_equal_views_of_two_sites_share_nothing(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("e1", view="v1"), entry("e2", view="v1", site="elsewhere"), entry("e3", view="v2"))
        store(entry("e4", view="v1", pixel="sent"), entry("e5", view="v2", pixel="blocked", site="elsewhere"))
        assert [get(outbox, name).pixel for name in ("e1", "e2", "e3")] == ["sent", None, None]

    def test_of_two_states_told_of_a_view_in_one_commit_sent_stands(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("e1", view="v1"))
        store(entry("e2", view="v1", pixel="sent"), entry("e3", view="v1", pixel="off"))
        assert [get(outbox, name).pixel for name in ("e1", "e2", "e3")] == ["sent", "sent", "sent"]

    def test_a_word_that_reached_another_views_row_still_holds_for_its_own_view(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("order", view="first", pixel="blocked"), entry("e2", view="again", pixel="unknown"))
        store(entry("order", view="again", pixel="sent"))
        assert [get(outbox, name).pixel for name in ("order", "e2")] == ["sent", "sent"]

    @pytest.mark.parametrize("pixel", ["sent", "blocked", "off", "unknown"])
    def test_views_whose_events_agree_cost_no_statement_of_their_own(
        self, outbox: Outbox, store: Store, entry: Make, pixel: str
    ) -> None:
        seen: list[str] = []
        sa.event.listen(
            outbox._engine._engine,  # type: ignore[attr-defined]
            "before_cursor_execute",
            lambda _connection, _cursor, statement, *_: seen.append(statement.split()[0]),
        )
        store(*(entry(f"{view}.{n}", view=f"v{view}", pixel=pixel) for view in range(50) for n in range(2)))
        assert Counter(seen) == {"BEGIN": 1, "INSERT": 1, "SELECT": 1}

    def test_more_views_than_a_statement_takes(self, outbox: Outbox, store: Store, entry: Make) -> None:
        names = [f"v{number}" for number in range(2_100)]
        store(*(entry(f"{name}.1", view=name) for name in names))
        store(*(entry(f"{name}.2", view=name, pixel="off") for name in names))
        assert Counter(row.pixel for row in all_rows(outbox)) == {"off": 4_200}

    def test_one_key_under_two_event_ids_is_noted_on_both(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("e1", key="k"), entry("e2", key="other"))
        assert get(outbox, "e1").warnings == ()
        store(entry("own-id", key="k"))
        store(entry("own-id", key="k"))
        assert [get(outbox, name).warnings for name in ("e1", "own-id", "e2")] == [(TWO_IDS,), (TWO_IDS,), ()]

    def test_a_second_id_is_seen_among_events_known_and_without_key(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry("e1", key="k"), entry("e2", key="x"))
        store(entry("e2", key="x"), entry("plain"), entry("e3", key="k"), entry("e4", key="x", site="elsewhere"))
        noted = {row.event_id for row in all_rows(outbox) if row.warnings}
        assert noted == {"e1", "e3"}

    def test_a_failed_transaction_stores_nothing(self, outbox: Outbox, entry: Make) -> None:
        class PowerCut(Exception):
            pass

        def fail() -> None:
            with outbox.write() as connection:
                outbox.add(connection, [entry()], NOW)
                raise PowerCut

        with pytest.raises(PowerCut):
            fail()
        assert outbox.counts() == {}

    def test_a_proved_report_after_delivery_prolongs_the_memory(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry(key="k", value=1.0))
        outbox.settle("t1", [event.id for event in claim(outbox)], NOW, code=0, request_id=None)
        later = NOW + 49 * HOUR
        store(entry(key="k", value=1.0, proved=True), now=later)
        held = get(outbox)
        assert (held.state, held.expires_at) == ("delivered", NOW + REMEMBER_PROVED_KEY)


class TestClaim:
    def test_nothing_is_claimed_twice(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry())
        assert ids(claim(outbox)) == ["e1"]
        assert claim(outbox, token="t2") == []

    def test_racing_senders_share_without_overlap(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(*(entry(f"e{number}") for number in range(200)))
        barrier = threading.Barrier(4)
        got: list[list[str]] = []

        def race(token: str) -> None:
            barrier.wait()
            while part := claim(outbox, limit=7, token=token):
                got.append(ids(part))

        threads = [threading.Thread(target=race, args=(f"t{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        flat = [name for part in got for name in part]
        assert len(flat) == len(set(flat)) == 200

    def test_what_is_not_due_waits(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry(due_at=NOW + 3_000))
        assert claim(outbox) == []
        assert outbox.next_due("shop/P1", NOW) == NOW + 3_000
        assert ids(claim(outbox, now=NOW + 3_000)) == ["e1"]

    def test_fresh_ones_go_first_topped_up_with_the_oldest(self, outbox: Outbox, store: Store, entry: Make) -> None:
        old = NOW - MERGE_WINDOW
        store(*(entry(f"old{number}", seen_at=old - number, due_at=old - number) for number in range(3)))
        store(entry("fresh"))
        assert set(ids(claim(outbox, limit=2))) == {"fresh", "old2"}

    def test_a_clock_set_back_strands_nothing(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry(due_at=NOW + 20_000))
        before = NOW - DAY
        assert outbox.next_due("shop/P1", before) == before
        assert ids(claim(outbox, now=before)) == ["e1"]

    def test_an_order_stored_after_the_sender_looked_at_its_clock_waits_all_the_same(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry(seen_at=NOW + 50, due_at=NOW + 20_050))
        assert outbox.next_due("shop/P1", NOW) == NOW + 20_050
        assert claim(outbox) == []
        assert ids(claim(outbox, now=NOW + 20_050)) == ["e1"]

    def test_test_events_never_share_a_request_with_live_ones(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("live1"), entry("test", test_code="TEST1", due_at=NOW - 1), entry("live2"))
        assert ids(claim(outbox)) == ["test"]
        assert ids(claim(outbox)) == ["live1", "live2"]

    def test_a_batch_limit_keeps_suspects_apart(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(*(entry(f"e{number}") for number in range(4)))
        held = claim(outbox)
        outbox.release("t1", [event.id for event in held], NOW, reason="timeout", batch_limit=2)
        assert [len(claim(outbox, token=f"t{turn}")) for turn in range(2, 5)] == [2, 2, 0]


class TestEndOfAClaim:
    def test_a_delivered_event_is_remembered_by_its_kind(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry("plain"), entry("keyed", key="k1"), entry("proved", key="k2", proved=True))
        claimed = claim(outbox)
        assert outbox.settle("t1", [event.id for event in claimed], NOW, code=0, request_id="r") == 3
        kept = {name: get(outbox, name).expires_at for name in ("plain", "keyed", "proved")}
        assert kept == {
            "plain": NOW + REMEMBER_UNKEYED,
            "keyed": NOW + REMEMBER_UNPROVED_KEY,
            "proved": NOW + REMEMBER_PROVED_KEY,
        }
        assert get(outbox, "plain").request_id == "r"

    def test_a_stale_holder_changes_nothing(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry())
        numbers = [event.id for event in claim(outbox, token="stale")]
        outbox.void_leases(NOW)
        claim(outbox, token="owner")
        assert outbox.settle("stale", numbers, NOW, code=0, request_id=None) == 0
        assert outbox.release("stale", numbers, NOW, reason="x") == 0
        assert outbox.give_up("stale", numbers, NOW, reason="x") == 0
        assert outbox.settle("owner", numbers, NOW, code=0, request_id=None) == 1

    def test_a_released_event_waits_again_and_keeps_its_history(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry())
        numbers = [event.id for event in claim(outbox)]
        outbox.release("t1", numbers, NOW, reason="timeout", unknown=True)
        held = get(outbox)
        assert (held.state, held.attempts, held.reason, held.unknown_outcome) == ("waiting", 1, "timeout", True)
        assert held.claim is None

    def test_an_untried_event_has_made_no_attempt(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry())
        outbox.release("t1", [event.id for event in claim(outbox)], NOW, reason="paused", untried=True)
        assert get(outbox).attempts == 0

    def test_the_dead_keep_the_reason(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry())
        outbox.give_up("t1", [event.id for event in claim(outbox)], NOW, reason="Invalid value", code=40002)
        held = get(outbox)
        assert (held.state, held.reason, held.code) == ("dead", "Invalid value", 40002)

    def test_a_start_frees_what_was_in_flight_and_notes_that_tiktok_may_have_it(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry())
        claim(outbox)
        assert outbox.void_leases(NOW) == 1
        assert (get(outbox).state, get(outbox).unknown_outcome) == ("waiting", True)


class TestALiveReportDuringATestsFlight:
    """TikTok counts no test: whatever becomes of it, the live event is as if it had never been tried."""

    @pytest.fixture
    def in_flight(self, outbox: Outbox, store: Store, entry: Make) -> list[int]:
        store(entry(test_code="TEST1", seen_at=NOW - DAY, due_at=NOW - DAY))
        with outbox.write() as connection:
            connection.execute(sa.update(events).values(attempts=6, first_attempt_at=NOW - DAY, unknown_outcome=True))
        numbers = [event.id for event in claim(outbox)]
        store(entry(due_at=NOW + 5, body='{"live":1}'))
        return numbers

    @pytest.mark.parametrize(
        "end",
        [
            lambda outbox, ids: outbox.release("t1", ids, NOW, reason="timeout", unknown=True),
            lambda outbox, ids: outbox.release(
                "t1", ids, NOW, reason="x", unknown=True, due_at=NOW + DAY, batch_limit=1
            ),
            lambda outbox, ids: outbox.release("t1", ids, NOW, reason="paused", untried=True),
            lambda outbox, ids: outbox.release_token("t1", NOW, "a sender failed"),
            lambda outbox, ids: outbox.give_up("t1", ids, NOW, reason="refused"),
            lambda outbox, ids: outbox.settle("t1", ids, NOW, code=0, request_id="r", test_code="TEST1"),
            lambda outbox, ids: outbox.void_leases(NOW),
        ],
        ids=["unknown", "suspect", "untried", "sender failed", "refused", "delivered", "keeper died"],
    )
    def test_counts_for_nothing(self, outbox: Outbox, in_flight: list[int], end: Callable[..., int]) -> None:
        assert end(outbox, in_flight) == 1
        held = get(outbox)
        assert (held.state, held.test_code, held.body, held.due_at) == ("waiting", "", '{"live":1}', NOW + 5)
        assert (held.attempts, held.first_attempt_at, held.batch_limit, held.delivered_at) == (0, None, None, None)
        assert (held.unknown_outcome, held.horizon_from) == (False, NOW)

    def test_leaves_no_doubt_behind_when_it_is_erased(self, outbox: Outbox, in_flight: list[int]) -> None:
        erase(outbox, ["live"], NOW)
        assert (get(outbox).state, get(outbox).unknown_outcome) == ("withheld", False)


class TestReportsDuringFlight:
    def test_what_goes_out_once_more_starts_over(self, outbox: Outbox, store: Store, entry: Make) -> None:
        store(entry())
        with outbox.write() as connection:
            past = {"attempts": 6, "first_attempt_at": NOW - DAY, "batch_limit": 1, "reason": "timeout", "code": 50000}
            connection.execute(sa.update(events).values(**past))
        numbers = [event.id for event in claim(outbox)]
        store(entry(proved=True, backend=True, body='{"event_id":"e1","proved":1}'))
        outbox.settle("t1", numbers, NOW, code=0, request_id="r")
        held = get(outbox)
        assert {name: getattr(held, name) for name in AS_NEW} == AS_NEW
        assert (held.delivered_at, held.horizon_from, held.due_at) == (NOW, NOW, NOW)

    @pytest.fixture
    def in_flight(self, outbox: Outbox, store: Store, entry: Make) -> Callable[..., list[int]]:
        def fly(**facts: object) -> list[int]:
            store(entry(key="k"))
            numbers = [event.id for event in claim(outbox)]
            store(entry(key="k", body='{"event":"ViewContent","event_id":"e1","user":{"email":"x"}}', **facts))
            return numbers

        return fly

    def test_after_a_crash_the_merge_goes_out(self, outbox: Outbox, in_flight: Callable[..., list[int]]) -> None:
        in_flight()
        outbox.void_leases(NOW)
        assert '"email":"x"' in claim(outbox)[0].body

    def test_a_proved_event_is_not_sent_again_for_another_proved_report(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        store(entry(key="k", proved=True, backend=True))
        numbers = [event.id for event in claim(outbox)]
        store(
            entry(key="k", proved=True, backend=True, body='{"event":"ViewContent","event_id":"e1","user":{"a":"b"}}')
        )
        outbox.settle("t1", numbers, NOW, code=0, request_id=None)
        assert get(outbox).state == "delivered"

    def test_what_is_sent_again_has_48_hours_of_its_own(
        self, outbox: Outbox, in_flight: Callable[..., list[int]]
    ) -> None:
        outbox.settle("t1", in_flight(proved=True, backend=True), NOW + 47 * HOUR, code=0, request_id=None)
        assert get(outbox).horizon_from == NOW + 47 * HOUR

    def test_on_failure_the_merge_goes_out(self, outbox: Outbox, in_flight: Callable[..., list[int]]) -> None:
        outbox.release("t1", in_flight(), NOW, reason="timeout")
        assert '"email":"x"' in claim(outbox)[0].body

    def test_on_delivery_an_unproved_report_is_dropped(
        self, outbox: Outbox, in_flight: Callable[..., list[int]]
    ) -> None:
        assert outbox.settle("t1", in_flight(), NOW, code=0, request_id=None) == 1
        assert (get(outbox).state, get(outbox).beside) == ("delivered", None)

    def test_on_delivery_the_first_proved_report_goes_out_once_more(
        self, outbox: Outbox, in_flight: Callable[..., list[int]]
    ) -> None:
        assert outbox.settle("t1", in_flight(proved=True, backend=True), NOW, code=0, request_id=None) == 1
        again = claim(outbox, token="t2")
        assert '"email":"x"' in again[0].body
        outbox.settle("t2", [again[0].id], NOW, code=0, request_id=None)
        assert get(outbox).state == "delivered"

    def test_of_one_batch_only_what_was_proved_meanwhile_goes_out_once_more(
        self, outbox: Outbox, store: Store, entry: Make
    ) -> None:
        names = ("plain", "told", "proved", "late")
        store(*(entry(name) for name in names))
        batch = {event.event_id: event.id for event in claim(outbox)}
        store(entry("told", pixel="off"), entry("proved", proved=True, backend=True, body='{"event_id":"proved"}'))
        outbox.give_up("t1", [batch["late"]], NOW, reason="bad")
        assert outbox.settle("t1", list(batch.values()), NOW, code=0, request_id=None) == 3
        assert [get(outbox, name).state for name in names] == ["delivered", "delivered", "waiting", "dead"]

    def test_a_refused_body_is_not_the_merges_fault(self, outbox: Outbox, in_flight: Callable[..., list[int]]) -> None:
        outbox.give_up("t1", in_flight(), NOW, reason="bad")
        assert get(outbox).state == "waiting"


class TestTheFile:
    def test_a_second_keeper_is_refused_with_a_sentence(self, tmp_path: Path) -> None:
        first, second = (Outbox(Sqlite(tmp_path / "o.db"), merge) for _ in range(2))
        first.become_keeper()
        with pytest.raises(OutboxError, match=r"Another keeper .* already delivers"):
            second.become_keeper()
        first.close()
        second.become_keeper()
        second.close()

    def test_writers_of_all_processes_take_turns(self, outbox: Outbox, tmp_path: Path) -> None:
        entered = threading.Event()

        def write() -> None:
            with outbox.write():
                entered.set()

        with (tmp_path / "outbox.db-lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            thread = threading.Thread(target=write)
            thread.start()
            assert not entered.wait(0.2)
        thread.join(10)
        assert entered.is_set()

    def test_its_errors_carry_no_shoppers_data(self, outbox: Outbox, entry: Make) -> None:
        def fail() -> None:
            with outbox.write() as connection:
                outbox.add(connection, [entry(body="jane", site=None)], NOW)

        with pytest.raises(sa.exc.IntegrityError) as failed:
            fail()
        assert "jane" not in str(failed.value)

    def test_every_commit_is_synced(self, outbox: Outbox) -> None:
        with outbox.write() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"

    def test_nobody_else_may_read_it(self, outbox: Outbox, tmp_path: Path) -> None:
        assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("outbox.db*")} == {0}

    def test_a_schema_from_the_far_future_is_refused(self, tmp_path: Path) -> None:
        outbox = Outbox(Sqlite(tmp_path / "o.db"), merge)
        with outbox.write() as connection:
            connection.execute(sa.update(facts).values(value=str(VERSION + 2)))
        outbox.close()
        with pytest.raises(OutboxError, match="newer Pixelpair"):
            Sqlite(tmp_path / "o.db")

    def test_a_file_that_is_no_database_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "o.db"
        path.write_bytes(b"not a database at all" * 100)
        with pytest.raises(OutboxError, match="broken"):
            Sqlite(path)
        assert path.read_bytes() == b"not a database at all" * 100

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutboxError, match="PIXELPAIR_OUTBOX_URL"):
            Sqlite(tmp_path / "file" / "o.db")

    def test_a_stranger_holding_the_file_makes_us_busy_not_broken(
        self, outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sqlite3

        monkeypatch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
        impatient = Sqlite(tmp_path / "outbox.db")
        stranger = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        stranger.execute("BEGIN EXCLUSIVE")
        try:
            with pytest.raises(OutboxBusy), impatient.write():
                pass
        finally:
            stranger.close()
            impatient.close()


class TestDestinations:
    def test_a_pause_by_tiktok_ends_when_the_token_changes(self, outbox: Outbox) -> None:
        rows = Destinations(outbox)
        rows.settle_in("shop/P1", "a", NOW)
        rows.pause("shop/P1", NOW, "tiktok", "token refused", NOW + 1)
        rows.settle_in("shop/P1", "a", NOW)
        assert rows.get("shop/P1").paused_at == NOW  # type: ignore[union-attr]
        rows.settle_in("shop/P1", "b", NOW)
        assert rows.get("shop/P1").paused_at is None  # type: ignore[union-attr]

    def test_a_pause_by_the_operator_does_not(self, outbox: Outbox) -> None:
        rows = Destinations(outbox)
        rows.settle_in("shop/P1", "a", NOW)
        rows.pause("shop/P1", NOW, "operator", "maintenance")
        rows.settle_in("shop/P1", "b", NOW)
        assert rows.get("shop/P1").paused_by == "operator"  # type: ignore[union-attr]
        rows.resume("shop/P1")
        assert rows.get("shop/P1").paused_by is None  # type: ignore[union-attr]

    def test_two_senders_may_settle_one_in_at_once(self, outbox: Outbox) -> None:
        barrier = threading.Barrier(4)
        failed: list[BaseException] = []

        def settle() -> None:
            barrier.wait()
            try:
                Destinations(outbox).settle_in("shop/P1", "a", NOW)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=settle) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


class TestNothingScans:
    """With millions of rows remembered, the daily questions still touch only their own."""

    @pytest.fixture
    def plans(self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        seen: list[str] = []

        def explain(connection: sa.Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
            if statement.startswith(("SELECT", "UPDATE")) and "FROM facts" not in statement:
                plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                seen.extend(row[3] for row in plan)

        sa.event.listen(outbox._engine._engine, "before_cursor_execute", explain)  # type: ignore[attr-defined]
        return seen

    def test_in_any_table(self, outbox: Outbox, store: Store, entry: Make, plans: list[str]) -> None:
        store(entry("e1", view="v", pixel="sent"), entry("e2"), entry("e3"))
        store(entry("e1", pixel="sent", view="v"))
        outbox.next_due("shop/P1", NOW)
        first, second, third = claim(outbox)
        outbox.settle("t1", [first.id], NOW, code=0, request_id=None)
        outbox.release("t1", [second.id], NOW, reason="x")
        outbox.give_up("t1", [third.id], NOW, reason="bad")
        outbox.dead_alike("shop/P1", "bad", 0)
        outbox.revive("shop/P1", "bad", 0, NOW)
        outbox.void_leases(NOW)
        assert len(plans) > 10
        assert [plan for plan in plans if plan.startswith("SCAN") and "INDEX" not in plan] == []
