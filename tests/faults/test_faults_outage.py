"""TikTok is away, and comes back."""

from collections.abc import Callable

from tests.faults.conftest import Crowd, Proxy
from tests.faults.ledger import Ledger
from tests.program import wait_for


def test_what_was_accepted_during_an_outage_arrives_after_it(
    proxy: Callable[..., Proxy], crowd: Callable[..., Crowd], ledger: Ledger
) -> None:
    one = proxy().start()
    one.sandbox.behave(status=503, times=None)
    shoppers = crowd(one)
    wait_for(lambda: len(ledger.accepted) >= 200)
    shoppers.stop()
    one.sandbox.behave_again()
    one.drain()
    found = one.balance(ledger).holds()
    assert found.received.keys() == set(ledger.accepted.values())
    assert found.states == {"delivered": len(ledger.accepted)}
