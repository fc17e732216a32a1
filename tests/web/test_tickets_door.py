"""``POST /t/tickets``: what it signs proves an order at the other door, and what it will not sign it says by field."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.tickets import Ticket, read_ticket
from tests.web.conftest import NOW, SECRET, Shop

ORDER = {"event": "PlaceAnOrder", "key": "wc_order_1", "value": 349, "currency": "MAD"}
KEY = "the-shops-key"


def ask(shop: Shop, body: Any, key: str | None = KEY) -> Any:
    headers = {} if key is None else {"Access-Token": key}
    return shop.client.post("/t/tickets", json=body, headers=headers)


def test_it_signs_what_was_asked_for_seven_days(shop: Shop) -> None:
    answer = ask(shop, ORDER)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json.keys() == {"ticket", "expires"}
    assert answer.json["expires"] == "2026-11-25T11:06:40Z"
    assert read_ticket(answer.json["ticket"], [SECRET], NOW / 1000) == Ticket(
        "default", "PlaceAnOrder", "wc_order_1", 349, "MAD"
    )
    assert shop.stored() == []


def test_the_browser_that_carries_it_is_proved(shop: Shop, event: Callable[..., dict[str, Any]]) -> None:
    ticket = ask(shop, {**ORDER, "value": "349.00", "currency": "mad"}).json["ticket"]
    told = event(event="PlaceAnOrder", key="wc_order_1", ticket=ticket, properties={"value": 1, "currency": "MAD"})
    assert shop.post(told).status_code == 202
    (row,) = shop.stored()
    assert (row.proved, row.value, row.currency) == (True, 349, "MAD")
    assert "properties.value: differs from the ticket, which holds" in row.warnings


def test_money_may_be_left_out(shop: Shop) -> None:
    ticket = ask(shop, {"event": "PlaceAnOrder", "key": "k"}).json["ticket"]
    assert read_ticket(ticket, [SECRET], NOW / 1000) == Ticket("default", "PlaceAnOrder", "k", None, None)


@pytest.mark.parametrize("key", [None, "", "wrong", "the-shops-key ", "é", "x" * 100_000])
def test_without_a_good_key_nothing_is_signed_nor_read(shop: Shop, key: str | None) -> None:
    headers = {} if key is None else {"Access-Token": key.encode().decode("latin-1")}
    answer = shop.client.post("/t/tickets", data=b"{" * 100, content_type="application/json", headers=headers)
    if key == "the-shops-key ":  # a header's own white space is no part of it
        assert answer.status_code in (400, 401)
        return
    assert answer.status_code == 401
    assert answer.json["error"]["field"] == "Access-Token"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"event": None}, ["event"]),
        ({"event": "PlaceOrder"}, ["event"]),
        ({"event": ["PlaceAnOrder"]}, ["event"]),
        ({"key": None}, ["key"]),
        ({"key": ""}, ["key"]),
        ({"key": "k" * 129}, ["key"]),
        ({"key": "jane@shop.example"}, ["key"]),
        ({"key": True}, ["key"]),
        ({"value": "much"}, ["value"]),
        ({"value": True}, ["value"]),
        ({"currency": "dirham"}, ["currency"]),
        ({"currency": None}, ["currency"]),
        ({"value": None}, ["value"]),
        ({"site": "other"}, ["site"]),
        ({"event": "x", "key": "", "value": "much", "currency": 7}, ["event", "key", "value", "currency"]),
    ],
)
def test_each_bad_field_is_named(shop: Shop, change: dict[str, Any], fields: list[str]) -> None:
    answer = ask(shop, {**ORDER, **change})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json["errors"]] == fields
    assert answer.json["error"] == answer.json["errors"][0]
    assert all(error["message"].endswith(".") and error["code"] for error in answer.json["errors"])
    assert "ticket" not in answer.json


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"key": NaN}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 20_000, "application/json", 413),
    ],
)
def test_what_is_no_question_at_all(shop: Shop, body: bytes, kind: str, status: int) -> None:
    answer = shop.client.post("/t/tickets", data=body, content_type=kind, headers={"Access-Token": KEY})
    assert answer.status_code == status
    assert answer.json["error"]["message"]


def test_a_name_of_the_sites_own_and_the_sites_key(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(PIXELPAIR_EVENT_NAMES="Deposit")
    assert ask(shop, {**ORDER, "event": "Deposit"}).status_code == 200
