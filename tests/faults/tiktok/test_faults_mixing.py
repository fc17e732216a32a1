"""What must not be mixed in a request, and what must become one event, seen from TikTok's end of the real program."""

from collections.abc import Callable

import pytest

from tests.faults.tiktok.conftest import Shop
from tests.faults.wire import Wire, answer
from tests.program import wait_for

EMAIL = "a" * 64


def test_test_events_share_no_request_with_live_ones(shop: Callable[..., Shop], wire: Wire) -> None:
    """A backlog of both gathers while TikTok is away, and goes out at once."""
    one = shop(1)
    (pixel,) = one.pixels
    wire.always(pixel, answer("503 Service Unavailable"))
    one.relay(pixel, ["first"])
    wait_for(lambda: one.standing(pixel)["attempts"])
    expected = {"first": None}
    for number in range(12):
        test_code = [None, "TEST1", "TEST2"][number % 3]
        names = [f"e{number}-{place}" for place in range(5)]
        one.relay(pixel, names, test_code)
        expected |= dict.fromkeys(names, test_code)
    wire.mend()
    one.settle()
    taken = [event for event in one.proxy.sandbox.server_events() if event["pixel_code"] == pixel]
    assert {event["event_id"]: event["test_event_code"] for event in taken} == expected
    assert len(taken) == len(expected)


@pytest.mark.parametrize("first", ["browser", "back end"])
def test_an_order_told_by_both_goes_out_as_one_complete_event(
    shop: Callable[..., Shop], wire: Wire, first: str
) -> None:
    """With a wait so long that only the second report can have ended it."""
    one = shop(1, PIXELPAIR_MERGE_WAIT="240")
    (pixel,) = one.pixels
    order = {"event": "PlaceAnOrder", "user": {"email": EMAIL}}
    tellings = [
        lambda: one.tell(event="PlaceAnOrder", key="wc_1", ttclid="E.C.P." + "x" * 40),
        lambda: one.relay(pixel, ["wc_1"], properties={"value": 12.5, "currency": "MAD"}, **order),
    ]
    for telling in tellings if first == "browser" else reversed(tellings):
        telling()
    one.settle()
    (event,) = [event for event in one.proxy.sandbox.server_events() if event["event_id"] == "wc_1"]
    assert event["user"]["email"] == EMAIL
    assert event["user"]["ttclid"] == "E.C.P." + "x" * 40
    assert event["properties"]["value"] == 12.5
    assert len(wire.of(pixel)) == 1
