"""S25: a person who asks to be forgotten is, in every table, the file and its log, while the program runs."""

import hashlib
from collections.abc import Callable

import pytest

from tests.faults.conftest import Proxy, proxy, sandbox
from tests.faults.ledger import Ledger

__all__ = ["proxy", "sandbox"]

ANNA, BRUNO = "anna@shop.example", "bruno@shop.example"


@pytest.mark.parametrize("state", ["waiting", "delivered"])
def test_s25_no_byte_of_the_person_is_left(proxy: Callable[..., Proxy], state: str) -> None:
    one, ledger = proxy().start(), Ledger()
    one.sandbox.behave(status=503 if state == "waiting" else 200, times=None)
    marks = {who: hashlib.sha256(who.encode()).hexdigest() for who in (ANNA, BRUNO)}
    for who in (ANNA, ANNA, BRUNO):
        order = {"event": "Purchase", "key": f"order-{len(ledger.attempted)}", "user": {"email": who}}
        assert ledger.tell(one.address, **order) == 202
    if state == "delivered":
        one.drain()
    assert holds(one, marks[ANNA]), "it is there before"
    said = one.run("erase", "--email", ANNA)
    assert "2 events held the person" in said
    assert not holds(one, marks[ANNA])
    assert holds(one, marks[BRUNO]), "the others stay"
    one.sandbox.behave_again()
    one.drain()
    sent = [event["user"].get("email") for event in one.sandbox.server_events()]
    assert (marks[ANNA] in sent) == (state == "delivered"), "what was not delivered is never sent"


def holds(one: Proxy, mark: str) -> bool:
    return any(mark.encode() in file.read_bytes() for file in one.folder.glob("outbox.db*"))
