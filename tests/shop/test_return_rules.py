"""The return policy as pure functions: every rule, every last minute, and Morocco's clock changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from proxy.shop import returns
from proxy.shop.orders import Item, Order
from proxy.shop.returns import Reason, Request, Wish

CASABLANCA = ZoneInfo("Africa/Casablanca")
PRICES = (34900, 6500, 2000, 2550)


def at(text: str, zone: ZoneInfo = CASABLANCA) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def order(placed: float, prices: tuple[int, ...] = PRICES) -> Order:
    items = tuple(Item(n, "1", "thing", "Thing", "M", price) for n, price in enumerate(prices))
    return Order(1, "key", int(placed), "Rabat", "12 rue", items)


def asked(reason: Reason, wish: Wish = Wish.RETURN, items: frozenset[int] = frozenset({0}), **state: bool) -> Request:
    return Request(items, reason, wish, state.get("condition", True), state.get("packaging", True))


NOON = at("2026-11-02T12:00")


@pytest.mark.parametrize(
    ("wish", "now", "accepted"),
    [
        pytest.param(Wish.RETURN, "2026-11-02T12:00", True, id="return at once"),
        pytest.param(Wish.RETURN, "2026-11-05T00:00", True, id="return as day 3 begins"),
        pytest.param(Wish.RETURN, "2026-11-05T23:59:59", True, id="return in the last second of day 3"),
        pytest.param(Wish.RETURN, "2026-11-06T00:00", False, id="return as day 4 begins"),
        pytest.param(Wish.REPLACEMENT, "2026-11-06T00:00", True, id="replacement on day 4"),
        pytest.param(Wish.REPLACEMENT, "2026-11-09T23:59:59", True, id="replacement in the last second of day 7"),
        pytest.param(Wish.REPLACEMENT, "2026-11-10T00:00", False, id="replacement as day 8 begins"),
        pytest.param(Wish.RETURN, "2026-11-01T00:00", True, id="a clock set back is day 0"),
    ],
)
@pytest.mark.parametrize("reason", list(Reason))
def test_the_days_count_until_midnight_whatever_the_reason(
    reason: Reason, wish: Wish, now: str, accepted: bool
) -> None:
    assert returns.judge(asked(reason, wish), order(NOON), at(now)).accepted is accepted


@pytest.mark.parametrize(
    ("placed", "last_second"),
    [
        pytest.param("2026-11-02T23:59:59", "2026-11-05T23:59:59", id="bought a second before midnight"),
        pytest.param("2026-11-02T00:00", "2026-11-05T23:59:59", id="bought at midnight"),
        pytest.param("2026-02-13T12:00", "2026-02-16T23:59:59", id="clocks go back for Ramadan in between"),
        pytest.param("2026-03-20T12:00", "2026-03-23T23:59:59", id="clocks go forward after Ramadan in between"),
        pytest.param("2026-02-12T12:00", "2026-02-15T23:59:59", id="clocks go back on the last day"),
        pytest.param("2026-12-30T12:00", "2027-01-02T23:59:59", id="over the new year"),
    ],
)
def test_a_return_ends_with_the_third_day_in_morocco(placed: str, last_second: str) -> None:
    verdicts = [
        returns.judge(asked(Reason.UNWANTED), order(at(placed)), now).accepted
        for now in (at(last_second), at(last_second) + 1)
    ]
    assert verdicts == [True, False]


def test_morocco_did_change_its_clocks_in_the_cases_above() -> None:
    hours = [datetime.fromisoformat(day).replace(tzinfo=CASABLANCA).utcoffset() for day in ("2026-02-14", "2026-02-16")]
    assert hours[0] != hours[1]


def test_the_shops_day_counts_and_not_the_utc_day() -> None:
    bought = at("2026-11-02T23:30", ZoneInfo("UTC"))  # 00:30 of 3 November in Casablanca
    assert returns.judge(asked(Reason.UNWANTED), order(bought), at("2026-11-06T23:59:59")).accepted


@pytest.mark.parametrize(
    ("reason", "items", "deduction", "refund"),
    [
        pytest.param(Reason.NOT_AS_DESCRIBED, {0}, 0, 34900, id="not as described: in full"),
        pytest.param(Reason.FAULTY, {0}, 0, 34900, id="faulty: without deduction"),
        pytest.param(Reason.UNWANTED, {0}, 10470, 24430, id="unwanted: 30 %"),
        pytest.param(Reason.UNMET_EXPECTATION, {0}, 10470, 24430, id="another use expected: as unwanted"),
        pytest.param(Reason.UNWANTED, {1}, 2500, 4000, id="unwanted and cheap: 25 dirhams"),
        pytest.param(Reason.UNWANTED, {2}, 2000, 0, id="cheaper than 25 dirhams: never below zero"),
        pytest.param(Reason.UNWANTED, {3}, 2500, 50, id="just over 25 dirhams"),
        pytest.param(Reason.UNWANTED, {0, 1, 2}, 14970, 28430, id="each product by itself"),
        pytest.param(Reason.FAULTY, {0, 1, 2}, 0, 43400, id="several faulty ones"),
    ],
)
def test_refunds(reason: Reason, items: set[int], deduction: int, refund: int) -> None:
    verdict = returns.judge(asked(reason, items=frozenset(items)), order(NOON), NOON)
    assert (verdict.deduction, verdict.refund) == (deduction, refund)
    assert verdict.paid == deduction + refund


@pytest.mark.parametrize(
    ("price", "deduction"), [(8333, 2500), (8334, 2500), (8337, 2501), (8340, 2502), (10, 10), (0, 0)]
)
def test_thirty_percent_meets_25_dirhams_and_parts_of_a_centime_are_the_shoppers(price: int, deduction: int) -> None:
    item = Item(1, "1", "thing", "Thing", "M", price)
    assert returns.deduction_for([item], Reason.UNWANTED) == deduction


@pytest.mark.parametrize("reason", list(Reason))
def test_a_replacement_moves_no_money(reason: Reason) -> None:
    verdict = returns.judge(asked(reason, Wish.REPLACEMENT), order(NOON), NOON)
    assert (verdict.accepted, verdict.deduction, verdict.refund) == (True, 0, 0)


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("wish", list(Wish))
@pytest.mark.parametrize(("lacking", "sentence"), [("condition", "condition they were in"), ("packaging", "packaging")])
def test_goods_come_back_as_they_left_or_not_at_all(reason: Reason, wish: Wish, lacking: str, sentence: str) -> None:
    verdict = returns.judge(asked(reason, wish, **{lacking: False}), order(NOON), NOON)
    assert not verdict.accepted
    assert verdict.refund == 0
    assert sentence in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (Reason.NOT_AS_DESCRIBED, "returned to you in full"),
        (Reason.FAULTY, "without deduction"),
        (Reason.UNMET_EXPECTATION, "We are not responsible for a use which the product's page did not mention."),
        (Reason.UNWANTED, "That makes 104.70 MAD."),
    ],
)
def test_the_verdict_says_why(reason: Reason, sentence: str) -> None:
    reasons = " ".join(returns.judge(asked(reason), order(NOON), NOON).reasons)
    assert sentence in reasons
    assert "until 5 November 2026" in reasons


def test_who_is_late_for_a_return_is_told_of_the_replacement() -> None:
    on_day_5 = returns.judge(asked(Reason.FAULTY), order(NOON), at("2026-11-07T09:00"))
    on_day_8 = returns.judge(asked(Reason.FAULTY), order(NOON), at("2026-11-10T09:00"))
    assert "You can still ask for a replacement until 9 November 2026." in on_day_5.reasons
    assert "replacement" not in " ".join(on_day_8.reasons)


def test_every_objection_is_told_at_once() -> None:
    request = asked(Reason.UNWANTED, condition=False, packaging=False)
    assert len(returns.judge(request, order(NOON), at("2026-11-30T12:00")).reasons) == 3


def test_pictures_are_needed_where_the_goods_are_said_to_be_wrong() -> None:
    assert [reason for reason in Reason if returns.picture_needed(reason)] == [Reason.NOT_AS_DESCRIBED, Reason.FAULTY]
