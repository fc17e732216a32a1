"""S2: the same report, told again and again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.tickets import Ticket, sign_order
from tests.web.conftest import NOW, SECRET, Shop

Event = Callable[..., dict[str, Any]]
PIXEL = "default/COQDA8RC77U2TMR44LI0"


def test_s2_a_thousand_replays_of_a_signed_order_are_one_delivery(
    open_shop: Callable[..., Shop], event: Event, is_long: bool
) -> None:
    shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="100000")
    ticket = sign_order(Ticket("default", "Purchase", "k1", 250.0, "MAD"), (SECRET,), NOW / 1000)
    order = event(event="Purchase", key="k1", ticket=ticket)
    times = 20 if is_long else 4  # arrays of 50

    def claim() -> list[int]:
        return [one.id for one in shop.outbox.claim(PIXEL, NOW + 60_000, 1_000, "sender", 60_000)]

    for _ in range(times // 2):
        shop.post([order] * 50)
    (only,) = claim()
    shop.post([order] * 50)
    assert shop.outbox.settle("sender", [only], NOW + 60_000, code=0, request_id="r") == 1
    for _ in range(times // 2):
        shop.post([order] * 50, X_Forwarded_For="9.9.9.9")
    assert claim() == []
    (held,) = shop.stored()
    assert (held.state, held.reports, held.attempts) == ("delivered", 50 * (times + 1), 1)


def test_s2_a_ticket_proves_its_own_order_only(shop: Shop, event: Event) -> None:
    ticket = sign_order(Ticket("default", "Purchase", "k1", 250.0, "MAD"), (SECRET,), NOW / 1000)
    for number, changed in enumerate([{"key": "k2"}, {"event": "PlaceAnOrder"}, {"key": None}]):
        assert shop.post(event(**{"event": "Purchase", "key": "k1", "ticket": ticket, "n": number, **changed})).json
    assert [held.proved for held in shop.stored()] == [False] * 3


@pytest.mark.parametrize("back_end", [False, True], ids=["alone", "after the back end"])
@pytest.mark.parametrize("where", ["waiting", "sending"])
def test_s2_a_ticket_told_again_with_other_words_changes_nothing_of_the_order(
    shop: Shop, event: Event, where: str, back_end: bool
) -> None:
    def order(word: str, **facts: Any) -> dict[str, Any]:
        ticket = sign_order(Ticket("default", "CompletePayment", "k1", 250.0, "MAD"), (SECRET,), NOW / 1000)
        told = {"value": 250, "currency": "MAD", "description": word, "contents": [{"content_id": word}]}
        user = {"email": f"{word}@example.com", "external_id": word}
        return event(event="CompletePayment", key="k1", ticket=ticket, properties=told, user=user, **facts)

    shop.post(order("true", ttclid="E.C.P.true"))
    if back_end:
        assert shop.track("k1").status_code == 200
    if where == "sending":
        shop.outbox.claim(PIXEL, NOW + 60_000, 1_000, "sender", 60_000)
    (before,) = shop.stored()
    forged = order("forged", ttclid="E.C.P.forged") | {"url": "https://shop.example/forged"}
    forged["user"]["phone"] = "+12133734253"
    assert shop.post(forged, X_Forwarded_For="9.9.9.9", User_Agent="Forged Firefox").status_code == 202
    (after,) = shop.stored()
    assert json.loads(after.beside or after.body) == json.loads(before.body)
