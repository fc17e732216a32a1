"""F5, F7, F9, F11: TikTok answers, but asks for patience, talks nonsense, takes a part, or points elsewhere."""

import math
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from proxy.delivery.backoff import LONGEST
from proxy.tiktok.verdict import LONGEST_RETRY_AFTER
from tests.faults.tiktok.conftest import Shop
from tests.faults.wire import Fault, Wire, answer, code
from tests.listener import Listener
from tests.program import wait_for
from tests.replies import UNREADABLE

ASKED = 2.0  # seconds
MILLISECONDS = 0.005  # the program's own rounding of times


def throttles(retry_after: str) -> list[Fault]:
    """The two ways in which TikTok asks for patience."""
    head = f"Retry-After: {retry_after}\r\n"
    return [answer("429 Too Many Requests", head=head), code(40100, head)]


def test_retry_after_is_kept_to_in_every_form(shop: Callable[..., Shop], wire: Wire) -> None:
    one = shop(12)
    date = math.ceil(time.time() + ASKED)
    forms = {
        str(int(ASKED)): ASKED,
        formatdate(date, usegmt=True): None,
        formatdate(date - 86_400, usegmt=True): 0.0,
        "-5": 0.0,
        "soon": 0.0,
        str(10**9): LONGEST_RETRY_AFTER,
    }
    faults = [(fault, seconds) for form, seconds in forms.items() for fault in throttles(form)]
    for pixel, (fault, _) in zip(one.pixels, faults, strict=True):
        wire.misbehave(pixel, fault)
    one.tell(1)
    patient = [pixel for pixel, (_, seconds) in zip(one.pixels, faults, strict=True) if seconds != 0]
    wait_for(lambda: all(one.standing(pixel)["attempts"] for pixel in patient))
    one.tell(1)  # nor does a fresh event end the wait
    in_time = [pixel for pixel, (_, seconds) in zip(one.pixels, faults, strict=True) if seconds != LONGEST_RETRY_AFTER]
    capped = one.pixels[len(in_time) :]
    one.settle(in_time)
    one.all_arrived_once(in_time)
    for pixel, (_, seconds) in zip(in_time, faults, strict=False):
        first, second = wire.of(pixel)[:2]
        assert first.ended is not None
        earliest = date if seconds is None else first.at + seconds
        assert second.at >= earliest - MILLISECONDS, (pixel, seconds)
    for pixel in capped:
        (call,) = wire.of(pixel)
        assert call.ended is not None
        waits = one.standing(pixel)["next_at"] / 1000 - call.ended
        assert LONGEST_RETRY_AFTER - 1 <= waits <= LONGEST_RETRY_AFTER + LONGEST
    one.resume(*capped)
    one.settle()
    one.all_arrived_once()


def test_no_body_that_says_nothing_is_taken_for_a_delivery(shop: Callable[..., Shop], wire: Wire) -> None:
    bodies = {**UNREADABLE, "unknown code": b'{"code":42900}', "one more than none": b'{"code":1}'}
    one = shop(len(bodies))
    for pixel, body in zip(one.pixels, bodies.values(), strict=True):
        wire.always(pixel, answer(body=body))
    one.tell(1)
    wait_for(lambda: {call.pixel for call in list(wire.calls) if call.ended} == set(one.pixels))
    wait_for(lambda: all(one.standing(pixel)["attempts"] for pixel in one.pixels))
    for pixel, name in zip(one.pixels, bodies, strict=True):
        assert not {"delivered", "dead"} & one.states(pixel).keys(), name
    wire.mend()
    one.settle()
    one.all_arrived_once()


def test_a_partial_success_is_delivered_once_with_tiktoks_words(shop: Callable[..., Shop], wire: Wire) -> None:
    one = shop(1)
    (pixel,) = one.pixels
    one.proxy.sandbox.behave(code=20001, accept=True)
    one.relay(pixel, ["a", "b", "c"])
    one.settle()
    assert one.received(pixel) == {"a": 1, "b": 1, "c": 1}
    assert len(wire.of(pixel)) == 1
    rows = one.rows(pixel)
    assert {row["state"] for row in rows} == {"delivered"}
    assert {row["code"] for row in rows} == {20001}
    assert {row["reason"] for row in rows} == {"code 20001, partial success: Partial success."}
    assert one.proxy.log().count("partial success") == 1


@pytest.fixture
def elsewhere() -> Iterator[Listener]:
    """Where the redirects point."""
    listener = Listener(lambda connection: None)
    yield listener
    listener.stop()


def test_no_redirect_is_followed(shop: Callable[..., Shop], wire: Wire, elsewhere: Listener) -> None:
    statuses = ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    one = shop(len(statuses))
    head = f"Location: {elsewhere.url}/open_api/v1.3/event/track/\r\n"
    for pixel, status in zip(one.pixels, statuses, strict=True):
        wire.always(pixel, answer(status, head=head))
    one.tell(2)
    wait_for(lambda: all(one.standing(pixel)["paused_by"] == "tiktok" for pixel in one.pixels))
    assert elsewhere.connections == 0
    assert all(one.states(pixel) == {"waiting": 2} for pixel in one.pixels)
    wire.mend()
    one.resume(*one.pixels)
    one.settle()
    one.all_arrived_once()
    assert elsewhere.connections == 0
