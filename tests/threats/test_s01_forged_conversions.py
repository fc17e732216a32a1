"""S1: forged conversions, which would poison a shop's bids and budgets."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import NOW, Shop

Event = Callable[..., dict[str, Any]]
Open = Callable[..., Shop]
PIXEL = "default/COQDA8RC77U2TMR44LI0"


def claimed(shop: Shop) -> int:
    """How many events a sender would get to send a day from now."""
    return len(shop.outbox.claim(PIXEL, NOW + 86_400_000, 1_000, "a sender", 60_000))


def test_s1_forged_orders_reach_nobody_where_tickets_are_demanded(open_shop: Open, event: Event, is_long: bool) -> None:
    shop = open_shop(PIXELPAIR_REQUIRE_TICKET="PlaceAnOrder,CompletePayment,Purchase")
    count = 10_000 if is_long else 300
    for start in range(0, count, 50):
        forged = [
            event(event="Purchase", key=f"forged-{number}", properties={"value": 9_999, "currency": "USD"})
            for number in range(start, start + 50)
        ]
        # From ever new addresses, so that no limit of rates helps.
        answer = shop.post(forged, X_Forwarded_For=f"9.{start // 50 % 256}.{start // 12_800}.1")
        assert [set(one) for one in answer.json] == [{"event_id"}] * 50
    assert claimed(shop) == 0
    assert shop.outbox.counts() == {(PIXEL, "withheld"): count}
    assert shop.refused() == {"no_ticket": count}


@pytest.mark.parametrize("name", ["Purchase\0", "purchase", "BigSale", "Purchase ", "", None, 7, ["Purchase"]])
def test_s1_only_event_names_of_the_list(shop: Shop, event: Event, name: Any) -> None:
    answer = shop.post({**event(), "event": name})
    assert (answer.status_code, shop.stored()) == (400, [])


@pytest.mark.parametrize("value", [-1, -0.01, 10**10 + 1, 1e15, "99999999999", "-5", True, [5]])
def test_s1_a_value_beyond_reason_is_dropped_and_shown(shop: Shop, event: Event, value: Any) -> None:
    order = {"value": value, "currency": "USD", "order_id": "k1", "contents": [{"content_id": "1", "quantity": 10**6}]}
    assert shop.post(event(event="Purchase", properties=order)).status_code == 202
    (held,) = shop.stored()
    told = json.loads(held.body)["properties"]
    assert (held.value, "value" in told, "quantity" in told["contents"][0]) == (None, False, False)
    assert {warning.partition(":")[0] for warning in held.warnings} >= {
        "properties.value",
        "properties.contents.0.quantity",
    }


class TestRates:
    def order(self, event: Event, number: int) -> dict[str, Any]:
        return event(event="Purchase", key=f"order-{number}")

    def test_s1_beyond_the_rate_orders_are_kept_and_marked_up_to_ten_times_then_refused(
        self, open_shop: Open, event: Event
    ) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="3")
        statuses = [shop.post(self.order(event, number)).status_code for number in range(32)]
        assert statuses == [202] * 30 + [429] * 2
        marked = [any(warning.startswith("rate:") for warning in held.warnings) for held in shop.stored()]
        assert marked == [False] * 3 + [True] * 27
        assert shop.refused() == {"order_beyond_rate": 27, "too_many": 2}

    def test_s1_beyond_the_rate_all_else_is_refused_at_once(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="3")
        assert [shop.post(event(n=number)).status_code for number in range(5)] == [202] * 3 + [429] * 2
        unnamed = shop.post(event(event="Purchase", n=9))
        assert (unnamed.status_code, unnamed.headers["Retry-After"]) == (429, "60"), "an order without a key"
        assert shop.post(event(key="k", n=10)).status_code == 429, "a key without an order"
        assert shop.post(self.order(event, 1)).status_code == 202
        assert len(shop.stored()) == 4

    def test_s1_of_an_array_beyond_the_rate_only_the_orders_are_kept(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="3")
        assert shop.post([event(n=number) for number in range(3)]).status_code == 202
        answer = shop.post([event(n=4), self.order(event, 1), event(n=5)])
        assert answer.status_code == 202
        assert [one.get("error", {}).get("code") for one in answer.json] == ["too_many", None, "too_many"]
        assert len(shop.stored()) == 4
        assert shop.post([event(n=6), event(n=7)]).status_code == 429

    def test_s1_another_site_and_another_address_have_rates_of_their_own(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="1")
        told = ["2606:4700:1:1::1", "2606:4700:1:1::2", "2606:4700:1:2::1", "8.8.8.8", "10.0.0.1", "10.0.0.1"]
        statuses = [shop.post(event(n=n), X_Forwarded_For=address).status_code for n, address in enumerate(told)]
        assert statuses == [202, 429, 202, 202, 202, 202]
