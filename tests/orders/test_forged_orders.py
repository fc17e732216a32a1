"""Strangers tell of orders, with forged and replayed tickets, with keys made up and keys guessed right, through the
real doors, outbox and senders: of the shop's own orders TikTok gets what the shop and its shoppers have told.
"""

import hashlib
import random
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import Proxy
from tests.orders.telling import FIREFOX, SETTINGS, a_key, collect, item, relay, report, ticket

pytestmark = pytest.mark.timeout(1_200)

# Who tells of an order, one after the other: S a stranger, T the shopper with a ticket, U without one, B the back end.
COURSES = ("STS", "TS", "STBS", "BSTS", "TBS", "UBS", "BS", "USTS")
# Where a stranger is the first of all browsers, and the back end tells before the ticket does, only demanding tickets
# keeps him out: docs/orders.md says so.
DEMANDED = (*COURSES, "SBS", "SBTS", "SUBS", "BSUTS")
ORDERS_OF_EACH = 4
AT_ONCE = 25
FORGED_VALUE = 0.01
# As ipaddress has it, these are public.
STRANGERS = [f"{first}.{second}.1.1" for first in (5, 31, 46, 91) for second in range(60)]

Order = tuple[str, str, float]


class Strangers:
    """Those who tell what is not so; ``told`` counts their reports."""

    def __init__(self, one: Proxy, orders: list[Order], seed: int) -> None:
        self._one = one
        self._orders = orders
        self._random = random.Random(seed)
        self.told = 0

    def tell(self, key: str | None, count: int, seen: str | None = None) -> None:
        """``count`` reports of the order ``key``, or, without one, each of an order made up. ``seen``: its own ticket,
        of which they got hold after the shopper had told."""
        while count > 0:
            reports = [self._report(key or a_key(), seen) for _ in range(min(count, AT_ONCE))]
            collect(self._one, reports, self._random.choice(STRANGERS))
            self.told += len(reports)
            count -= len(reports)

    def _report(self, key: str, seen: str | None) -> dict[str, Any]:
        mark = secrets.token_hex(8)
        told = report(
            key,
            FORGED_VALUE,
            user={"email": f"{mark}@forged.example", "phone": "+212600000000", "external_id": mark},
            ttclid=f"E.C.P.{mark}forged",
            ttp=f"forged{mark}forged",
            ticket=self._random.choice([seen, self._ticket(key)]) if seen else self._ticket(key),
        )
        told["properties"]["currency"] = "USD"
        return {name: value for name, value in told.items() if value is not None}

    def _ticket(self, key: str) -> str | None:
        real, _, value = self._random.choice(self._orders)
        return self._random.choice(
            [
                None,
                "forged",
                ticket(key, FORGED_VALUE, secret="x" * 40),
                ticket(key, FORGED_VALUE, site="another"),
                ticket(key, FORGED_VALUE, event="Purchase"),
                ticket(key, FORGED_VALUE, signed_at=time.time() - 8 * 86_400),
                ticket(key, FORGED_VALUE, signed_at=time.time() + 3_600),
                # A real one, seen elsewhere: it proves its own order and no other.
                ticket(real if real != key else a_key(), value),
                ticket(key, FORGED_VALUE)[:-4] + "AAAA",
            ]
        )


def play(one: Proxy, orders: list[Order], strangers: Strangers, each: int) -> dict[str, list[dict[str, Any]]]:
    """Let everyone tell; what TikTok got, by event_id."""
    for key, course, value in orders:
        for place, who in enumerate(course):
            if who == "S":
                strangers.tell(key, each, ticket(key, value) if "T" in course[:place] else None)
            elif who in "TU":
                signals = {"ttclid": f"E.C.P.{key}", "ttp": f"real{key}", "user": {"email": f"{key}@shop.example"}}
                signed = {"ticket": ticket(key, value)} if who == "T" else {}
                collect(one, report(key, value, **signals, **signed))
            elif who == "B":
                relay(one, item(key, value, phone="+212612345678", email=f"{key}@shop.example")).raise_for_status()
    strangers.tell(None, each)
    one.drain()
    got: dict[str, list[dict[str, Any]]] = {}
    for event in one.sandbox.server_events():
        got.setdefault(event["event_id"], []).append(event)
    return got


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def giver(course: str, demanded: bool) -> str | None:
    """Whose browser gives ip, user agent, ttclid, ttp and page: the first that counts, unless a ticket shows that it
    was somebody else's before anything was proved."""
    given, proved = None, False
    for who in course:
        counts = who == "T" or (who in "SU" and not demanded)
        if counts and (given is None or (who == "T" and not proved)):
            given = who
        proved = proved or who in "TB"
    return given


def check(event: dict[str, Any], order: Order, demanded: bool) -> None:
    """Nothing but what the shop and its shopper told of this order, and all of what the first of them told.

    Where no browser of the shop's came before the strangers', the first of theirs gives ip, user agent, ttclid, ttp and
    page: a back end tells none of them. Nothing else is taken from it.
    """
    key, course, value = order
    signals = {"ttclid": f"E.C.P.{key}", "ttp": f"real{key}", "ip": "8.8.8.8", "user_agent": FIREFOX}
    people = {"email": hashed(f"{key}@shop.example"), "phone": hashed("+212612345678")}
    user = event["user"]
    assert {name: user[name] for name in user.keys() & people.keys()}.items() <= people.items()
    assert user.keys() <= people.keys() | signals.keys()
    assert "email" in user
    given = giver(course, demanded)
    if given is None:
        assert user.keys() <= people.keys()
    elif given != "S":
        told = {name: user[name] for name in user.keys() & signals.keys()}
        # What the back end told may have been delivered before.
        assert told == signals or (told == {} and "B" in course[: course.index(given)])
    if course.strip("SU")[0] == "B":
        assert "phone" in user
    told = event["properties"]
    assert {name: told[name] for name in told if name != "order_id"} == {
        "value": value,
        "currency": "MAD",
        "contents": [{"content_id": f"c{value}", "quantity": 1}],
        "content_ids": [f"c{value}"],
    }


@pytest.mark.parametrize("wait", ["0", "3"])
@pytest.mark.parametrize("demanded", [False, True], ids=["free", "tickets demanded"])
def test_strangers_change_nothing_of_proved_orders(
    proxy: Callable[..., Proxy], is_long: bool, wait: str, demanded: bool
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    courses = (DEMANDED if demanded else COURSES) * ORDERS_OF_EACH
    orders: list[Order] = [(a_key(), course, 100.5 + number) for number, course in enumerate(courses)]
    random.Random(seed).shuffle(orders)
    forged = 10_000 if is_long else 1_000
    turns = sum(course.count("S") for _, course, _ in orders) + 1
    demands = {"PIXELPAIR_REQUIRE_TICKET": "PlaceAnOrder"} if demanded else {}
    one = proxy(**SETTINGS, **demands, PIXELPAIR_MERGE_WAIT=wait).start()
    strangers = Strangers(one, orders, seed)
    got = play(one, orders, strangers, -(-forged // turns))
    assert strangers.told >= forged
    for order in orders:
        check(got[order[0]][-1], order, demanded)
    if demanded:
        assert got.keys() == {key for key, _, _ in orders}
        for order in orders:
            for event in got[order[0]]:
                check(event, order, demanded)
        assert "forged" not in repr(got)
    else:
        assert len(got) > len(orders), "no stranger got anywhere at all: the doors were shut, and nothing was tried"
