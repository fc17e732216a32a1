"""S27: a check that itself breaks lets nothing through."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.tickets import Ticket, sign_order
from proxy.web import collect, guards
from tests.web.conftest import NOW, SECRET, Shop

CHECKS = [
    *((guards, "read_body"), (guards, "site_for"), (guards, "check_origin"), (guards, "client_address")),
    *((guards, "is_bot"), (guards.Rates, "admit"), (collect, "read_ticket"), (collect, "read_qa")),
    *((collect, "parse_json"), (collect, "read_report"), (collect, "hash_user"), (collect, "build_event")),
]


class Broken(RuntimeError):
    """What no check expects."""


def breaks(*_: object, **__: object) -> None:
    raise Broken("jane@shop.example")


@pytest.mark.parametrize(("home", "name"), CHECKS, ids=[name for _, name in CHECKS])
@pytest.mark.parametrize("many", [False, True], ids=["one", "array"])
def test_s27_a_broken_check_stores_nothing_and_tells_nothing(
    shop: Shop,
    event: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    home: Any,
    name: str,
    many: bool,
) -> None:
    def order(key: str) -> dict[str, Any]:
        ticket = sign_order(Ticket("default", "Purchase", key, 5.0, "USD"), (SECRET,), NOW / 1000)
        return event(event="Purchase", key=key, ticket=ticket)

    def post(key: str) -> Any:
        # Bots are looked for in reports without a ticket.
        told = [order(key), event()] if many else (event() if name == "is_bot" else order(key))
        return shop.post(told, Cookie="pixelpair_qa=x" if name == "read_qa" else "")

    with monkeypatch.context() as patch:
        # Whether the answer may be read by the page is asked afterwards, with three arguments.
        patch.setattr(home, name, lambda *told: breaks() if name != "check_origin" or len(told) == 4 else None)
        answer = post("k1")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal")
    assert shop.stored() == []
    assert "jane@" not in answer.text + caplog.text
    assert post("k2").status_code == 202, "unbroken, it is taken"


def test_s27_a_key_that_cannot_be_checked_is_no_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("proxy.web.api_keys.ApiKeys.check", breaks)
        assert shop.track("o1").status_code == 500
    assert shop.stored() == []
    assert shop.track("o1").status_code == 200
