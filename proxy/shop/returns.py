"""The shop's return policy as pure functions: a request, an order and the time go in, a verdict comes out.

The policy's words stand on its page; this is our reading of them. The purchase day is day 0. Days are calendar days of
the shop's time zone, so a deadline ends at midnight in Morocco however often its clocks changed in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from proxy.shop.catalogue import money
from proxy.shop.orders import Item, Order

RETURN_DAYS = 3
REPLACEMENT_DAYS = 7
DEDUCTED_PERCENT = 30
DEDUCTED_AT_LEAST = 2500


class Reason(StrEnum):
    """Why the shopper does not keep the goods."""

    NOT_AS_DESCRIBED = "not_as_described"
    FAULTY = "faulty"
    UNMET_EXPECTATION = "unmet_expectation"
    UNWANTED = "unwanted"


class Wish(StrEnum):
    """What the shopper wants instead: the money, or the goods once more."""

    RETURN = "return"
    REPLACEMENT = "replacement"


@dataclass(frozen=True, slots=True)
class Request:
    """What the shopper asks, before anybody has judged it. ``items`` are ids of the order's items."""

    items: frozenset[int]
    reason: Reason
    wish: Wish
    original_condition: bool
    original_packaging: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``paid``, ``deduction`` and ``refund`` in centimes; ``reasons`` are sentences for the shopper."""

    accepted: bool
    day: int
    paid: int
    deduction: int
    refund: int
    reasons: tuple[str, ...]


@cache
def shop_zone() -> ZoneInfo:
    """The shop's time zone. Morocco sets its clocks back for Ramadan, so its offset is never a constant."""
    return ZoneInfo("Africa/Casablanca")


def local_day(unix_seconds: float) -> date:
    """The calendar day in the shop's time zone."""
    return datetime.fromtimestamp(unix_seconds, shop_zone()).date()


def written_day(day: date) -> str:
    """A day as the pages write it: "3 March 2026"."""
    return f"{day.day} {day:%B %Y}"


def days_since(placed: float, now: float) -> int:
    """Which day it is, counted from the purchase: 0 on the day itself, never below."""
    return max(0, (local_day(now) - local_day(placed)).days)


def picture_needed(reason: Reason) -> bool:
    """Whether the shopper must show the goods: only where they are said to be faulty or something else."""
    return reason in (Reason.FAULTY, Reason.NOT_AS_DESCRIBED)


def deduction_for(items: Iterable[Item], reason: Reason) -> int:
    """What is kept back from a refund, in centimes.

    Nothing where the goods are at fault; else for each product the larger of 30 % and 25 dirhams, but never more than
    its price. A part of a centime is the shopper's.
    """
    if picture_needed(reason):
        return 0
    return sum(min(item.price, max(item.price * DEDUCTED_PERCENT // 100, DEDUCTED_AT_LEAST)) for item in items)


def judge(request: Request, order: Order, now: float) -> Verdict:
    """Judge ``request`` for ``order`` at ``now`` (Unix seconds)."""
    items = [item for item in order.items if item.id in request.items]
    day = days_since(order.placed, now)
    paid = sum(item.price for item in items)
    objections = (*_lateness(request.wish, order, day), *_state_of_goods(request))
    if objections:
        return Verdict(False, day, paid, 0, 0, objections)
    if request.wish is Wish.REPLACEMENT:
        return Verdict(True, day, paid, 0, 0, (_in_time(request.wish, order, day), _why_replaced(request.reason)))
    deduction = deduction_for(items, request.reason)
    reasons = (_in_time(request.wish, order, day), *_why_refunded(request.reason, deduction))
    return Verdict(True, day, paid, deduction, paid - deduction, reasons)


def _last_day(wish: Wish, order: Order) -> date:
    days = RETURN_DAYS if wish is Wish.RETURN else REPLACEMENT_DAYS
    return local_day(order.placed) + timedelta(days=days)


def _in_time(wish: Wish, order: Order, day: int) -> str:
    noun = "returned" if wish is Wish.RETURN else "replaced"
    return f"Today is day {day} after your purchase; goods can be {noun} until {written_day(_last_day(wish, order))}."


def _lateness(wish: Wish, order: Order, day: int) -> tuple[str, ...]:
    last = written_day(_last_day(wish, order))
    if wish is Wish.RETURN and day > RETURN_DAYS:
        late = (
            f"A return is possible within {RETURN_DAYS} days of the purchase. "
            f"The last day was {last}; today is day {day}."
        )
        if day > REPLACEMENT_DAYS:
            return (late,)
        until = written_day(_last_day(Wish.REPLACEMENT, order))
        return (late, f"You can still ask for a replacement until {until}.")
    if wish is Wish.REPLACEMENT and day > REPLACEMENT_DAYS:
        return (
            f"A replacement is possible within {REPLACEMENT_DAYS} days of the purchase. "
            f"The last day was {last}; today is day {day}.",
        )
    return ()


def _state_of_goods(request: Request) -> tuple[str, ...]:
    objections = []
    if not request.original_condition:
        objections.append("We take goods back only in the condition they were in when you bought them.")
    if not request.original_packaging:
        objections.append("We take goods back only in their original packaging.")
    return tuple(objections)


def _why_replaced(reason: Reason) -> str:
    if reason is Reason.FAULTY:
        return "The goods are faulty: we replace them and deduct nothing."
    return "We replace the goods. No money goes back, so nothing is deducted."


def _why_refunded(reason: Reason, deduction: int) -> tuple[str, ...]:
    if reason is Reason.NOT_AS_DESCRIBED:
        return ("The goods are not what their page described: the amount is returned to you in full.",)
    if reason is Reason.FAULTY:
        return ("The goods are faulty: the amount is returned to you without deduction.",)
    deducted = (
        f"The goods have no fault: {DEDUCTED_PERCENT} % of each product's price is deducted, at least "
        f"{money(DEDUCTED_AT_LEAST)} and at most the price itself. That makes {money(deduction)}."
    )
    if reason is Reason.UNMET_EXPECTATION:
        return ("We are not responsible for a use which the product's page did not mention.", deducted)
    return (deducted,)
