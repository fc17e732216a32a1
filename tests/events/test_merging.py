"""Two reports of one event: the table, cell by cell, and what joining may and may not change."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from proxy.events.merging import (
    AS_NEW,
    HOUR,
    MOST_WARNINGS,
    TABLE,
    TEST_OF_LIVE,
    Kind,
    Move,
    join,
    kind_of,
    merge,
    move_for,
    pixel_after,
)

NOW = 1_700_000_000_000


@dataclass(frozen=True)
class Told:
    state: str = "waiting"
    body: str = "{}"
    beside: str | None = None
    browser: bool = False
    backend: bool = False
    proved: bool = False
    consent: str = "granted"
    pixel: str | None = None
    key: str | None = "order-1"
    host: str | None = None
    value: float | None = None
    currency: str | None = None
    warnings: tuple[str, ...] = ()
    test_code: str = ""
    view: str | None = None
    due_at: int = NOW
    delivered_at: int | None = None
    sent_proved: bool = False
    seen_at: int = NOW


def report(item: dict[str, Any], **facts: Any) -> Told:
    properties = item.get("properties", {})
    return Told(body=json.dumps(item), value=properties.get("value"), currency=properties.get("currency"), **facts)


def order(value: float, **user: Any) -> dict[str, Any]:
    return {
        "event": "PlaceAnOrder",
        "event_id": "order-1",
        "event_time": 1,
        "user": user,
        "properties": {"value": value, "currency": "MAD", "contents": [{"content_id": str(value)}]},
    }


BROWSER = report(order(10, ip="8.8.8.8", user_agent="Firefox", ttclid="E.C.P.x", email="b" * 64), browser=True)
BACKEND = report(order(12, email="a" * 64, phone="c" * 64), backend=True, proved=True)
TICKET = report(order(11, ip="8.8.4.4", user_agent="Safari"), browser=True, proved=True)


def body(changes: dict[str, Any]) -> dict[str, Any]:
    return json.loads(changes["body"])


CELLS = [
    ("waiting", Kind.UNPROVED, Move.JOIN),
    ("waiting", Kind.FIRST_PROVED, Move.JOIN),
    ("waiting", Kind.PROVED_AGAIN, Move.JOIN),
    ("sending", Kind.UNPROVED, Move.JOIN_BESIDE),
    ("sending", Kind.FIRST_PROVED, Move.JOIN_BESIDE),
    ("sending", Kind.PROVED_AGAIN, Move.JOIN_BESIDE),
    ("delivered", Kind.UNPROVED, Move.ANSWER),
    ("delivered", Kind.FIRST_PROVED, Move.SEND_AGAIN),
    ("delivered", Kind.PROVED_AGAIN, Move.ANSWER),
    ("dead", Kind.UNPROVED, Move.REVIVE_IF_NEW),
    ("dead", Kind.FIRST_PROVED, Move.REVIVE),
    ("dead", Kind.PROVED_AGAIN, Move.REVIVE_IF_NEW),
    ("withheld", Kind.UNPROVED, Move.REVIVE_IF_NEW),
    ("withheld", Kind.FIRST_PROVED, Move.REVIVE),
    ("withheld", Kind.PROVED_AGAIN, Move.REVIVE_IF_NEW),
]
PAIRS = {
    Kind.UNPROVED: (BROWSER, BROWSER),
    Kind.FIRST_PROVED: (BROWSER, BACKEND),
    Kind.PROVED_AGAIN: (BACKEND, BACKEND),
}


def test_every_cell_of_the_table_is_named_here() -> None:
    assert {(state, kind) for state, kind, _ in CELLS} == set(TABLE)


@pytest.mark.parametrize(("state", "kind", "move"), CELLS, ids=lambda cell: getattr(cell, "name", cell))
def test_each_cell_makes_its_move(state: str, kind: Kind, move: Move) -> None:
    held, told = PAIRS[kind]
    held = replace(held, state=state, delivered_at=NOW if state == "delivered" else None)
    assert kind_of(held, told) is kind
    assert move_for(held, told, NOW) is move


class TestWaiting:
    def test_the_back_ends_money_and_people_and_the_browsers_signals_win(self) -> None:
        for held, told in ((BROWSER, BACKEND), (BACKEND, BROWSER)):
            item = body(merge(held, told, NOW))
            assert item["properties"]["value"] == 12
            assert item["user"]["email"] == "a" * 64
            assert item["user"]["phone"] == "c" * 64
            assert item["user"]["ip"] == "8.8.8.8"
            assert item["user"]["ttclid"] == "E.C.P.x"

    def test_the_wait_ends_when_both_have_told(self) -> None:
        assert merge(replace(BROWSER), BACKEND, NOW)["due_at"] == NOW
        assert "due_at" not in merge(BROWSER, TICKET, NOW)

    def test_an_unproved_report_changes_nothing_of_a_proved_one_but_first_signals(self) -> None:
        forged = report(order(0.01, email="f" * 64, ip="9.9.9.9", zip_code="f"), browser=True)
        changes = merge(BACKEND, forged, NOW)
        item = body(changes)
        assert item["properties"] == order(12)["properties"]
        assert item["user"] == {"email": "a" * 64, "phone": "c" * 64, "ip": "9.9.9.9"}
        assert changes["proved"] is True

    @pytest.mark.parametrize("state", ["waiting", "sending", "dead", "withheld"])
    def test_a_ticket_leaves_nothing_of_an_unproved_browser_that_came_first(self, state: str) -> None:
        forged = {
            **order(0.01, email="f" * 64, phone="f" * 64, ttclid="E.C.P.f"),
            "page": {"url": "https://f.example/"},
        }
        changes = merge(replace(report(forged, browser=True), state=state), TICKET, NOW)
        assert json.loads(changes["beside" if state == "sending" else "body"]) == json.loads(TICKET.body)

    def test_a_second_browser_gives_no_signals_even_with_a_ticket(self) -> None:
        held = replace(BACKEND, body=json.dumps(body(merge(BACKEND, TICKET, NOW))), browser=True)
        replayed = report(order(11, ip="9.9.9.9", ttclid="E.C.P.f"), browser=True, proved=True)
        user = body(merge(held, replayed, NOW))["user"]
        assert (user["ip"], user["user_agent"]) == ("8.8.4.4", "Safari")
        assert "ttclid" not in user

    @pytest.mark.parametrize("state", ["waiting", "sending", "dead", "withheld"])
    @pytest.mark.parametrize("behind", ["a ticket", "a ticket and the back end"])
    def test_a_ticket_told_again_with_other_words_changes_nothing(self, state: str, behind: str) -> None:
        held = replace(TICKET, state=state)
        if behind != "a ticket":
            joined = body(merge(TICKET, BACKEND, NOW))
            held = replace(BACKEND, body=json.dumps(joined), browser=True, state=state)
        forged = {
            **order(11, ip="9.9.9.9", ttclid="E.C.P.f", email="f" * 64, phone="f" * 64, zip_code="f"),
            "page": {"url": "https://f.example/"},
        }
        forged["properties"] |= {"contents": [{"content_id": "forged"}], "description": "forged"}
        changes = merge(held, report(forged, browser=True, proved=True), NOW)
        assert json.loads(changes.get("beside" if state == "sending" else "body", held.body)) == json.loads(held.body)
        assert "state" not in changes

    def test_an_unproved_browser_that_came_first_adds_match_keys_but_no_properties(self) -> None:
        forged = {**order(0.01, email="f" * 64, ip="9.9.9.9")}
        forged["properties"] |= {"description": "forged"}
        bare = {"event": "PlaceAnOrder", "user": {"phone": "c" * 64}, "properties": {"value": 12, "currency": "MAD"}}
        item = body(merge(report(forged, browser=True), report(bare, backend=True, proved=True), NOW))
        assert item["properties"] == bare["properties"]
        assert item["user"] == {"email": "f" * 64, "phone": "c" * 64, "ip": "9.9.9.9"}

    def test_a_ticketed_browsers_contents_fill_what_the_back_end_leaves_out(self) -> None:
        bare = report({"event": "PlaceAnOrder", "properties": {"value": 12}}, backend=True, proved=True)
        for held, told in ((TICKET, bare), (bare, TICKET)):
            assert body(merge(held, told, NOW))["properties"]["contents"] == [{"content_id": "11"}]

    def test_nothing_withheld_fills_a_proved_report(self) -> None:
        forged = replace(report(order(0.01, email="f" * 64, zip_code="f"), browser=True), state="withheld")
        assert body(merge(forged, BACKEND, NOW)) == json.loads(BACKEND.body)

    def test_a_second_browser_gives_no_signals(self) -> None:
        second = report(order(10, ip="9.9.9.9", user_agent="Curl", ttp="t"), browser=True)
        assert body(merge(BROWSER, second, NOW))["user"] == json.loads(BROWSER.body)["user"]

    def test_the_back_end_beats_a_ticket_whichever_comes_first(self) -> None:
        assert body(merge(TICKET, BACKEND, NOW))["properties"]["value"] == 12
        assert body(merge(BACKEND, TICKET, NOW))["properties"]["value"] == 12

    def test_a_later_word_of_the_back_end_corrects_an_earlier_one(self) -> None:
        later = report(order(13), backend=True, proved=True)
        assert body(merge(BACKEND, later, NOW))["properties"]["value"] == 13

    def test_value_and_currency_are_never_mixed_from_two_reports(self) -> None:
        bare = report({"event": "PlaceAnOrder", "properties": {"value": 5}}, backend=True, proved=True)
        properties = body(merge(BROWSER, bare, NOW))["properties"]
        assert properties["value"] == 5
        assert "currency" not in properties
        properties = body(merge(TICKET, bare, NOW))["properties"]
        assert properties["value"] == 5
        assert "currency" not in properties

    def test_the_stricter_consent_holds(self) -> None:
        limited = replace(report({**order(10), "limited_data_use": True}, browser=True), consent="limited")
        changes = merge(BACKEND, limited, NOW)
        assert changes["consent"] == "limited"
        assert body(changes)["limited_data_use"] is True
        assert merge(limited, BACKEND, NOW)["consent"] == "limited"
        assert body(merge(limited, BACKEND, NOW))["limited_data_use"] is True

    def test_money_columns_follow_the_merge(self) -> None:
        changes = merge(BROWSER, BACKEND, NOW)
        assert (changes["value"], changes["currency"]) == (12, "MAD")


class TestSending:
    def test_the_merge_is_kept_beside_the_body_in_flight(self) -> None:
        changes = merge(replace(BROWSER, state="sending"), BACKEND, NOW)
        assert "body" not in changes
        assert json.loads(changes["beside"])["properties"]["value"] == 12

    def test_the_same_again_is_kept_beside_nothing(self) -> None:
        """Or whoever tells a refused event again while it is in flight would have it sent for ever."""
        for held in (BROWSER, BACKEND, TICKET):
            assert merge(replace(held, state="sending"), replace(held, pixel="sent"), NOW).keys() == {
                *("pixel", "browser", "backend", "proved", "consent", "value", "currency")
            }

    def test_unless_it_is_the_first_proved_one(self) -> None:
        changes = merge(replace(BROWSER, state="sending"), replace(BROWSER, proved=True), NOW)
        assert json.loads(changes["beside"]) == json.loads(BROWSER.body)

    def test_a_third_report_joins_the_merge_not_the_body(self) -> None:
        held = replace(
            BROWSER, state="sending", beside=merge(replace(BROWSER, state="sending"), BACKEND, NOW)["beside"]
        )
        held = replace(held, proved=True, backend=True)
        third = json.loads(merge(held, report(order(13), backend=True, proved=True), NOW)["beside"])
        assert (third["properties"]["value"], third["user"]["phone"]) == (13, "c" * 64)
        assert "beside" not in merge(held, BROWSER, NOW)


class TestDelivered:
    held = replace(BROWSER, state="delivered", delivered_at=NOW - HOUR)

    def test_an_unproved_report_is_answered_only(self) -> None:
        assert merge(self.held, replace(BROWSER, value=99.0), NOW).keys() <= {"warnings"}

    def test_the_first_proved_report_goes_out_once_with_both_reports_match_keys(self) -> None:
        changes = merge(self.held, BACKEND, NOW)
        assert changes["state"] == "waiting"
        assert changes["horizon_from"] == NOW
        assert changes["unknown_outcome"] is False
        assert body(changes)["user"]["ttclid"] == "E.C.P.x"
        assert body(changes)["user"]["phone"] == "c" * 64

    def test_after_48_hours_only_other_money_is_worth_sending(self) -> None:
        old = replace(self.held, delivered_at=NOW - 48 * HOUR - 1)
        assert merge(old, BACKEND, NOW)["state"] == "waiting"
        same = replace(BACKEND, value=BROWSER.value)
        assert "state" not in merge(old, same, NOW)
        assert merge(old, same, NOW)["proved"] is True

    def test_other_money_is_the_currency_too(self) -> None:
        old = replace(self.held, delivered_at=NOW - 48 * HOUR - 1)
        assert merge(old, replace(BACKEND, value=BROWSER.value, currency="EUR"), NOW)["state"] == "waiting"

    def test_exactly_48_hours_is_still_within(self) -> None:
        edge = replace(self.held, delivered_at=NOW - 48 * HOUR)
        assert merge(edge, replace(BACKEND, value=BROWSER.value), NOW)["state"] == "waiting"

    def test_a_body_that_was_cleared_is_no_hindrance(self) -> None:
        assert body(merge(replace(self.held, body=""), BACKEND, NOW)) == json.loads(BACKEND.body)


@pytest.mark.parametrize("state", ["dead", "withheld"])
class TestDeadAndWithheld:
    def test_the_same_again_wakes_nothing(self, state: str) -> None:
        assert merge(replace(BROWSER, state=state), BROWSER, NOW) == {}

    def test_new_content_revives(self, state: str) -> None:
        richer = report({**order(10), "user": {"phone": "d" * 64}}, browser=True)
        changes = merge(replace(BROWSER, state=state), richer, NOW)
        assert changes["state"] == "waiting"
        assert changes["attempts"] == 0

    def test_the_horizon_is_not_moved(self, state: str) -> None:
        assert "horizon_from" not in merge(replace(BROWSER, state=state), BACKEND, NOW)

    def test_the_first_proved_report_revives_even_the_same_content(self, state: str) -> None:
        changes = merge(replace(BROWSER, state=state), replace(BROWSER, proved=True), NOW)
        assert changes["state"] == "waiting"

    def test_a_report_that_is_itself_withheld_revives_nothing(self, state: str) -> None:
        bot = replace(report({**order(10), "user": {"phone": "d" * 64}}, browser=True), state="withheld")
        assert "state" not in merge(replace(BROWSER, state=state), bot, NOW)


class TestStricterConsent:
    limited = replace(report({**order(10), "limited_data_use": True}, browser=True), consent="limited")

    @pytest.mark.parametrize("state", ["waiting", "sending", "delivered", "dead", "withheld"])
    def test_holds_in_every_state_even_when_nothing_else_is_taken_over(self, state: str) -> None:
        held = replace(BACKEND, state=state, delivered_at=NOW)
        for told in (self.limited, replace(self.limited, state="withheld")):
            changes = merge(held, told, NOW)
            assert changes["consent"] == "limited"
            text = changes["beside" if state == "sending" else "body"]
            assert json.loads(text)["limited_data_use"] is True

    def test_holds_for_what_is_sent_again(self) -> None:
        held = replace(BROWSER, state="delivered", delivered_at=NOW, consent="limited", body="")
        assert body(merge(held, BACKEND, NOW))["limited_data_use"] is True


class TestABotCameFirst:
    bot = replace(report(order(10, user_agent="Googlebot", ip="66.249.66.1"), browser=True), state="withheld")

    def test_the_shoppers_own_report_takes_its_place(self) -> None:
        changes = merge(self.bot, BROWSER, NOW)
        assert changes["state"] == "waiting"
        assert body(changes)["user"] == json.loads(BROWSER.body)["user"]

    def test_the_back_ends_report_goes_out_without_the_bots_signals(self) -> None:
        assert "Googlebot" not in merge(self.bot, BACKEND, NOW)["body"]

    @pytest.mark.parametrize("shopper", [BROWSER, TICKET])
    def test_the_shoppers_own_browser_still_gives_its_signals_after_the_back_end(self, shopper: Told) -> None:
        told = replace(BACKEND, due_at=NOW + 20_000)
        changes = merge(self.bot, told, NOW)
        assert (changes["browser"], changes["due_at"]) == (False, NOW + 20_000), "it waits for the shopper's"
        facts = ("state", "body", "browser", "backend", "proved", "due_at")
        held = replace(self.bot, **{name: changes[name] for name in facts})
        after = merge(held, shopper, NOW)
        signals = {name: json.loads(shopper.body)["user"][name] for name in ("ip", "user_agent")}
        assert body(after)["user"].items() >= signals.items()
        assert after["due_at"] == NOW, "nothing is left to wait for"

    @pytest.mark.parametrize(("held", "after"), [(None, "unknown"), ("blocked", "blocked"), ("sent", "sent")])
    def test_what_its_pixel_may_have_told_is_not_forgotten(self, held: str | None, after: str) -> None:
        assert merge(replace(self.bot, pixel=held), BACKEND, NOW).get("pixel", held) == after


def test_an_events_time_stays_unless_a_proved_report_corrects_it() -> None:
    later = replace(BROWSER, body=json.dumps({**order(10), "event_time": 99}))
    assert body(merge(BACKEND, later, NOW))["event_time"] == 1


STATES = ["waiting", "sending", "delivered", "dead", "withheld"]


@pytest.mark.parametrize("state", STATES)
class TestTests:
    def test_a_live_report_takes_the_row_of_a_test_over(self, state: str) -> None:
        test = replace(BACKEND, state=state, test_code="TEST1", delivered_at=NOW, key="made up", warnings=("odd",))
        live = replace(BROWSER, view="v" * 24, due_at=NOW + 20_000)
        changes = merge(test, live, NOW)
        assert json.loads(changes["beside" if state == "sending" else "body"]) == json.loads(BROWSER.body)
        kept = {
            name: changes[name] for name in ("test_code", "proved", "backend", "browser", "value", "key", "warnings")
        }
        assert kept == {**{name: getattr(BROWSER, name) for name in kept}, "warnings": ()}
        assert ("body" in changes) == (state != "sending")
        past = {**AS_NEW, "state": "sending" if state == "sending" else "waiting", "due_at": NOW + 20_000}
        past |= {"horizon_from": NOW, "unknown_outcome": False, "delivered_at": None}
        assert {name: changes[name] for name in past} == past

    def test_a_test_changes_nothing_of_a_live_event_but_says_so(self, state: str) -> None:
        live = replace(BROWSER, state=state, delivered_at=NOW)
        changes = merge(live, replace(BACKEND, test_code="TEST1"), NOW)
        assert changes.keys() == {"warnings"}
        assert changes["warnings"] == (TEST_OF_LIVE,)

    def test_two_tests_are_joined_as_two_live_reports_are(self, state: str) -> None:
        live = merge(replace(BROWSER, state=state, delivered_at=NOW), BACKEND, NOW)
        codes = {"test_code": "TEST1"}
        assert merge(replace(BROWSER, state=state, delivered_at=NOW, **codes), replace(BACKEND, **codes), NOW) == live

    def test_a_bot_takes_nothing_over(self, state: str) -> None:
        test = replace(BACKEND, state=state, test_code="TEST1", delivered_at=NOW)
        assert "test_code" not in merge(test, replace(BROWSER, state="withheld"), NOW)

    def test_the_stricter_consent_holds_for_what_takes_over(self, state: str) -> None:
        test = replace(BACKEND, state=state, test_code="TEST1", delivered_at=NOW, consent="limited")
        changes = merge(test, BROWSER, NOW)
        assert json.loads(changes["beside" if state == "sending" else "body"])["limited_data_use"] is True


class TestPixelState:
    @pytest.mark.parametrize(
        ("held", "told", "after"),
        [
            (None, "unknown", "unknown"),
            (None, None, None),
            ("unknown", "blocked", "blocked"),
            ("blocked", "unknown", "blocked"),
            ("blocked", "sent", "sent"),
            ("sent", "blocked", "sent"),
            ("unknown", None, "unknown"),
        ],
    )
    def test_a_guess_never_wins_and_sent_stays(self, held: str | None, told: str | None, after: str | None) -> None:
        assert pixel_after(held, told) == after

    @pytest.mark.parametrize("state", ["waiting", "sending", "delivered", "dead", "withheld"])
    def test_it_is_taken_over_in_every_state(self, state: str) -> None:
        held = replace(BROWSER, state=state, pixel="unknown", delivered_at=NOW)
        assert merge(held, replace(BROWSER, pixel="blocked"), NOW)["pixel"] == "blocked"
        assert merge(held, replace(BROWSER, pixel="sent", state="withheld"), NOW)["pixel"] == "sent"


class TestKeyReused:
    def test_another_value_or_host_is_shown(self) -> None:
        held = replace(BROWSER, host="shop.example")
        changes = merge(held, replace(BROWSER, value=11.0, host="shop.example"), NOW)
        assert changes["warnings"] == ("key: reused, told again with another value",)
        changes = merge(held, replace(BROWSER, host="other.example"), NOW)
        assert changes["warnings"] == ("key: reused, told again from another host",)

    def test_warnings_are_not_repeated_and_bounded(self) -> None:
        held = replace(BROWSER, warnings=("a",))
        assert "warnings" not in merge(held, replace(BROWSER, warnings=("a",)), NOW)
        full = replace(BROWSER, warnings=tuple(map(str, range(MOST_WARNINGS))))
        assert "warnings" not in merge(full, replace(BROWSER, warnings=("new",)), NOW)

    def test_a_stranger_cannot_fill_the_room_of_what_matters(self) -> None:
        full = replace(BROWSER, host="shop.example", warnings=tuple(map(str, range(MOST_WARNINGS))))
        findings = (
            "ticket: it was signed for another order",
            "properties.value: differs from the ticket, which holds",
            "rate: its address sent more reports than reports_per_minute allows; kept, since it tells of an order",
            TEST_OF_LIVE,
        )
        told = replace(BROWSER, value=11.0, host="other.example", warnings=("new", *findings))
        reused = ("key: reused, told again with another value", "key: reused, told again from another host")
        warnings = merge(full, told, NOW)["warnings"]
        assert warnings == (*findings, *reused, *full.warnings)
        held = replace(full, warnings=warnings)
        assert "warnings" not in merge(held, told, NOW)

    def test_what_matters_of_the_first_report_takes_no_room_of_later_words(self) -> None:
        held = replace(BROWSER, warnings=("ticket: it is older than 7 days", *map(str, range(MOST_WARNINGS - 1))))
        assert merge(held, replace(BROWSER, warnings=("new",)), NOW)["warnings"] == (*held.warnings, "new")


def test_joining_leaves_its_arguments_alone() -> None:
    held, told = json.loads(BROWSER.body), json.loads(BACKEND.body)
    before = json.dumps([held, told])
    join(held, BROWSER, told, BACKEND)
    assert json.dumps([held, told]) == before
