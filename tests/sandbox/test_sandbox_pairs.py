"""What TikTok counts: the 48-hour and the 5-minute window, in a table and through the doors."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.sandbox.pairs import Arrival, pair_up

MINUTES, HOURS = 60, 3600


def arrivals(*told: tuple[str, float], event_id: str = "a") -> list[Arrival[None]]:
    return [Arrival(leg, "PIXEL", "Purchase", event_id, at, None) for leg, at in told]  # type: ignore[arg-type]


WINDOWS = [
    ("one leg", [("pixel", 0)], 1, False),
    ("both at once", [("pixel", 0), ("server", 0)], 1, True),
    ("server first", [("server", 0), ("pixel", 20)], 1, True),
    ("at the end of the merge window", [("pixel", 0), ("server", 5 * MINUTES)], 1, True),
    ("just after it", [("pixel", 0), ("server", 5 * MINUTES + 1)], 1, False),
    ("at the end of 48 hours", [("pixel", 0), ("server", 48 * HOURS)], 1, False),
    ("just after 48 hours", [("pixel", 0), ("server", 48 * HOURS + 1)], 2, False),
    ("same side twice", [("server", 0), ("server", 10)], 1, False),
    ("same side twice, then the other", [("server", 0), ("server", 10), ("pixel", 4 * MINUTES)], 1, True),
    ("merge is measured from the first", [("server", 0), ("server", 3 * MINUTES), ("pixel", 6 * MINUTES)], 1, False),
    ("48 hours are measured from the first", [("pixel", 0), ("pixel", 30 * HOURS), ("pixel", 50 * HOURS)], 2, False),
    ("a third window", [("pixel", 0), ("pixel", 49 * HOURS), ("pixel", 98 * HOURS)], 3, False),
    ("merged in the second window", [("pixel", 0), ("pixel", 49 * HOURS), ("server", 49 * HOURS + 9)], 2, True),
    ("a clock set back", [("pixel", 100), ("server", 0)], 1, True),
]


@pytest.mark.parametrize(
    ("told", "counted", "merged"), [case[1:] for case in WINDOWS], ids=[case[0] for case in WINDOWS]
)
def test_arrivals_of_one_key_are_counted_by_windows(told: list[tuple[str, float]], counted: int, merged: bool) -> None:
    (pair,) = pair_up(arrivals(*told))
    assert (pair.counted, pair.merged) == (counted, merged)


def test_legs_without_an_event_id_count_on_their_own() -> None:
    pairs = pair_up(arrivals(("pixel", 0), ("server", 1), event_id=""))
    assert [(pair.counted, pair.seconds_apart) for pair in pairs] == [(1, None), (1, None)]


@pytest.mark.parametrize("other", ["pixel_code", "event", "event_id"])
def test_a_key_that_differs_in_one_part_is_another_action(other: str) -> None:
    first, second = arrivals(("pixel", 0), ("server", 1))
    assert len(pair_up([first, second._replace(**{other: "OTHER"})])) == 2


def test_a_pair_holds_the_full_items_of_both_legs(
    track: Callable[..., Any],
    tell_pixel: Callable[..., Any],
    received: Callable[[], Any],
    now: Any,
    item: dict[str, Any],
) -> None:
    tell_pixel(properties={"value": 21, "currency": "USD"})
    now.pass_by(2.5)
    track(item)
    track(item)
    (pair,) = received()["pairs"]
    assert (pair["event"], pair["event_id"], pair["pixel_code"]) == ("PlaceAnOrder", "order-1", "COQDA8RC77U2TMR44LI0")
    assert pair["pixel"]["properties"] == {"value": 21, "currency": "USD"}
    assert item.items() <= pair["server"].items()
    assert (pair["seconds_apart"], pair["counted"], pair["merged"]) == (2.5, 1, True)
    assert (pair["pixel_arrivals"], pair["server_arrivals"]) == (1, 2)


def test_a_lone_leg_has_null_for_the_other(
    track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    track(item)
    (pair,) = received()["pairs"]
    assert (pair["pixel"], pair["seconds_apart"], pair["counted"]) == (None, None, 1)


def test_the_clock_can_be_set_so_that_48_hours_pass_at_once(
    client: FlaskClient, track: Callable[..., Any], received: Callable[[], Any], item: dict[str, Any]
) -> None:
    track(item)
    clock = client.post("/sandbox/clock", json={"offset": 48 * HOURS + 1}).get_json()
    assert clock["offset"] == 48 * HOURS + 1
    track(item)
    assert received()["pairs"][0]["counted"] == 2
    assert received()["totals"]["counted"] == 2


def test_the_clock_is_set_to_a_moment_and_back(client: FlaskClient) -> None:
    assert client.post("/sandbox/clock", json={"now": 5}).get_json()["now"] == 5
    assert client.delete("/sandbox/clock").status_code == 204
    assert client.get("/sandbox/clock").get_json() == {"now": 1_800_000_000, "offset": 0}


@pytest.mark.parametrize("told", [{}, [], {"now": "x"}, {"now": True}, {"now": 1, "offset": 1}, {"offset": 1e99}, "x"])
def test_a_clock_setting_that_is_none_is_refused(client: FlaskClient, told: Any) -> None:
    answer = client.post("/sandbox/clock", json=told)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"]
