"""The match keys of an order: who may fill them, who inherits them, and when they are gone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from proxy.events import inheriting
from proxy.events.merging import merge
from proxy.outbox import files
from proxy.outbox.entry import Entry
from proxy.outbox.erase import erase
from proxy.outbox.retention import Keep, clean
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import DAY, Outbox
from proxy.outbox.tables import match_keys
from tests.rows import row_of

NOW = 1_700_000_000_000
CLICK = {"ttclid": "E.C.P.real", "ttp": "real-ttp", "ip": "8.8.8.8", "user_agent": "Firefox", "email": "a" * 64}
PAGE = {"url": "https://shop.example/thanks"}
FORGED = {"ttclid": "E.C.P.forged", "ip": "9.9.9.9", "user_agent": "curl", "email": "f" * 64}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(Sqlite(tmp_path / "outbox.db"), merge, inheriting)
    yield opened
    opened.close()


Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def tell(outbox: Outbox) -> Tell:
    """Tells of order-1 and returns the item as it would go to TikTok."""

    def one(event: str, user: dict[str, Any], *, now: int = NOW, page: Any = None, **facts: Any) -> dict[str, Any]:
        item = {"event": event, "event_id": "order-1", "user": user, "page": page or {}, "properties": {"value": 5}}
        known: dict[str, Any] = {"destination": "shop/P1", "site": "shop", "key": "order-1", "is_order": True}
        known |= {"seen_at": now, "due_at": now, "body": json.dumps(item), **facts}
        with outbox.write() as connection:
            outbox.add(connection, [Entry(event=event, event_id=known.pop("event_id", "order-1"), **known)], now)
        row = row_of(outbox, "shop/P1", event, facts.get("event_id", "order-1"))
        assert row is not None
        assert json.loads(row.body).get("limited_data_use", False) == (row.consent == "limited")
        return dict(json.loads(row.body))

    return one


SHOPPER: dict[str, Any] = {"browser": True}
TICKET: dict[str, Any] = {"browser": True, "proved": True}
BACK_END: dict[str, Any] = {"backend": True, "proved": True}
LATER = NOW + 8 * DAY


def remembered(outbox: Outbox) -> list[Any]:
    with outbox.read() as connection:
        return list(connection.execute(sa.select(match_keys)).all())


def test_the_paid_order_inherits_the_click_a_week_later(outbox: Outbox, tell: Tell) -> None:
    tell("PlaceAnOrder", CLICK, page=PAGE, **SHOPPER)
    outbox.settle("t", [one.id for one in outbox.claim("shop/P1", NOW, 9, "t", 1)], NOW, code=0, request_id=None)
    clean(outbox, NOW + 7 * DAY, Keep(), lambda: False)  # the delivered event's own contents are gone by now
    paid = tell("Purchase", {}, now=LATER, **BACK_END)
    assert paid["user"] == CLICK
    assert paid["page"] == PAGE


def test_what_the_back_end_says_wins(tell: Tell) -> None:
    tell("PlaceAnOrder", CLICK, page=PAGE, **SHOPPER)
    said = {"email": "b" * 64, "phone": "c" * 64, "ip": "8.8.4.4"}
    paid = tell("Purchase", said, now=LATER, page={"url": "https://shop.example/paid"}, **BACK_END)
    assert paid["user"] == {**CLICK, **said}
    assert paid["page"] == {"url": "https://shop.example/paid"}
    assert paid["properties"] == {"value": 5}


@pytest.mark.parametrize("who", [SHOPPER, TICKET], ids=["unproved", "ticket"])
def test_a_browser_inherits_nothing(tell: Tell, who: dict[str, Any]) -> None:
    tell("PlaceAnOrder", CLICK, **SHOPPER)
    assert "email" not in tell("Purchase", {"ip": "9.9.9.9"}, **who)["user"]


def test_another_sites_order_inherits_nothing(tell: Tell) -> None:
    tell("PlaceAnOrder", CLICK, site="other", destination="shop/P1", **SHOPPER)
    assert tell("Purchase", {}, site="shop", **BACK_END)["user"] == {}


@pytest.mark.parametrize("facts", [{"state": "withheld"}, {"test_code": "TEST1"}, {"is_order": False}], ids=str)
def test_bots_tests_and_other_events_leave_nothing_behind(outbox: Outbox, tell: Tell, facts: dict[str, Any]) -> None:
    tell("PlaceAnOrder", CLICK, **SHOPPER, **facts)
    assert remembered(outbox) == []
    assert tell("Purchase", {}, **BACK_END)["user"] == {}


def test_a_test_takes_nothing(tell: Tell) -> None:
    tell("PlaceAnOrder", CLICK, **SHOPPER)
    assert tell("Purchase", {}, test_code="TEST1", **BACK_END)["user"] == {}


class TestConsent:
    def test_limited_keeps_no_match_keys_and_limits_what_comes_later(self, outbox: Outbox, tell: Tell) -> None:
        _limited(outbox)
        assert [(row.consent, row.kept) for row in remembered(outbox)] == [("limited", "")]
        paid = tell("Purchase", {}, now=LATER, **BACK_END)
        assert paid["user"] == {}
        assert paid["limited_data_use"] is True

    def test_taken_back_later_what_was_kept_goes(self, outbox: Outbox, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        _limited(outbox)
        assert [(row.consent, row.kept) for row in remembered(outbox)] == [("limited", "")]
        tell("CompletePayment", CLICK, **TICKET)
        assert tell("Purchase", {}, **BACK_END)["user"] == {}

    def test_the_later_events_own_stricter_consent_holds(self, outbox: Outbox, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        _limited(outbox, event="Purchase", **BACK_END)
        assert [row.consent for row in remembered(outbox)] == ["limited"]


def _limited(outbox: Outbox, event: str = "PlaceAnOrder", **who: Any) -> None:
    item = {"event": event, "event_id": "order-1", "user": CLICK, "limited_data_use": True}
    known: dict[str, Any] = {"destination": "shop/P1", "site": "shop", "key": "order-1", "is_order": True}
    known |= {"seen_at": NOW, "due_at": NOW, "body": json.dumps(item), "consent": "limited", **(who or SHOPPER)}
    with outbox.write() as connection:
        outbox.add(connection, [Entry(event=event, event_id="order-1", **known)], NOW)


class TestAStrangerWhoKnowsTheKey:
    def test_comes_too_late_after_the_shopper(self, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        tell("PlaceAnOrder", FORGED, **SHOPPER)
        tell("CompletePayment", FORGED, **SHOPPER)
        assert tell("Purchase", {}, now=LATER, **BACK_END)["user"] == CLICK

    def test_who_came_first_is_overruled_by_the_ticket_under_the_same_event(self, tell: Tell) -> None:
        tell("PlaceAnOrder", FORGED, **SHOPPER)
        tell("PlaceAnOrder", CLICK, **TICKET)
        assert tell("Purchase", {}, now=LATER, **BACK_END)["user"] == CLICK

    def test_who_came_first_is_overruled_by_the_ticket_under_another(self, tell: Tell) -> None:
        tell("CompletePayment", FORGED, **SHOPPER)
        tell("PlaceAnOrder", CLICK, **TICKET)
        assert tell("Purchase", {}, now=LATER, **BACK_END)["user"] == CLICK

    def test_changes_nothing_after_a_ticket(self, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **TICKET)
        for event in ("PlaceAnOrder", "CompletePayment"):
            tell(event, FORGED, **SHOPPER)
        assert tell("Purchase", {}, now=LATER, **BACK_END)["user"] == CLICK


def test_several_orders_of_one_commit(outbox: Outbox, tell: Tell) -> None:
    def entry(number: int, event: str, user: dict[str, Any], **facts: Any) -> Entry:
        name = f"o{number}"
        item = {"event": event, "event_id": name, "user": user}
        known: dict[str, Any] = {"destination": "shop/P1", "site": "shop", "key": name, "is_order": True}
        known |= {"seen_at": NOW, "due_at": NOW, "body": json.dumps(item), **facts}
        return Entry(event=event, event_id=name, **known)

    first = [entry(number, "PlaceAnOrder", {"ttclid": f"c{number}"}, **SHOPPER) for number in range(1_100)]
    second = [entry(number, "Purchase", {}, **BACK_END) for number in range(1_100)]
    for entries in (first, second):
        with outbox.write() as connection:
            outbox.add(connection, entries, NOW)
    for number in (0, 499, 500, 1_099):
        row = row_of(outbox, "shop/P1", "Purchase", f"o{number}")
        assert row is not None
        assert json.loads(row.body)["user"] == {"ttclid": f"c{number}"}
    assert len(remembered(outbox)) == 1_100


class TestTheEnd:
    def test_it_is_forgotten_after_its_time_counted_from_the_first_report(self, outbox: Outbox, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        tell("Purchase", {}, now=NOW + 20 * DAY, **BACK_END)
        keep = Keep(matches=30 * DAY)
        clean(outbox, NOW + 30 * DAY - 1, keep, lambda: False)
        assert len(remembered(outbox)) == 1
        clean(outbox, NOW + 30 * DAY, keep, lambda: False)
        assert remembered(outbox) == []

    def test_erasing_the_person_takes_it_along(self, outbox: Outbox, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        assert erase(outbox, {"a" * 64}, NOW, dry_run=True).match_keys == 1
        assert len(remembered(outbox)) == 1
        assert erase(outbox, {"a" * 64}, NOW).match_keys == 1
        assert remembered(outbox) == []

    def test_erasing_by_what_only_the_event_holds_takes_it_along_too(self, outbox: Outbox, tell: Tell) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        tell("Purchase", {"phone": "d" * 64}, **BACK_END)
        erase(outbox, {"d" * 64}, NOW, site="other")
        assert len(remembered(outbox)) == 1
        erase(outbox, {"d" * 64}, NOW, site="shop")
        assert remembered(outbox) == []

    def test_in_the_copies_too(self, outbox: Outbox, tell: Tell, tmp_path: Path) -> None:
        tell("PlaceAnOrder", CLICK, **SHOPPER)
        files.copy(tmp_path / "outbox.db", 3)
        (copied,) = files.copies(tmp_path / "outbox.db")
        assert b"E.C.P.real" in copied.read_bytes()
        erase(outbox, {"a" * 64}, NOW)
        assert b"E.C.P.real" not in copied.read_bytes()


def test_without_matching_nothing_is_kept(tmp_path: Path) -> None:
    outbox = Outbox(Sqlite(tmp_path / "bare.db"), merge)
    _limited(outbox)
    assert remembered(outbox) == []
    outbox.close()
