"""F8, F10, and what is wrong with the settings: single events die of their own fault, and never of the settings'."""

import random
from collections.abc import Callable
from math import ceil, log2

import pytest

from tests.faults.conftest import TOKEN
from tests.faults.tiktok.conftest import Shop, pixel_code
from tests.faults.wire import Fault, Wire, answer, code
from tests.program import wait_for

EVENTS = [f"e{number}" for number in range(1_000)]
WORDS = "Invalid value for event_id: refused by the sandbox's behaviour."


def poisons(is_long: bool) -> list[list[str]]:
    """Which of the thousand are bad, once for each pixel."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    some = [["e0"], ["e999"], ["e499", "e500"], chance.sample(EVENTS, 1), chance.sample(EVENTS, 10)]
    return [*some, chance.sample(EVENTS, 500), EVENTS[:500]] if is_long else some


def test_poison_dies_alone_and_cheaply(shop: Callable[..., Shop], wire: Wire, is_long: bool) -> None:
    bad_of = poisons(is_long)
    one = shop(len(bad_of))
    one.tell(1)
    one.settle()
    for pixel, bad in zip(one.pixels, bad_of, strict=True):
        one.proxy.sandbox.behave(pixel_code=pixel, refuse_ids=bad, times=None)
        one.relay(pixel, EVENTS)
    one.settle()
    for pixel, bad in zip(one.pixels, bad_of, strict=True):
        got = one.received(pixel)
        assert {name: got[name] for name in EVENTS if name in got} == dict.fromkeys(set(EVENTS) - set(bad), 1)
        dead = [row for row in one.rows(pixel) if row["state"] == "dead"]
        assert {row["event_id"] for row in dead} == set(bad)
        assert {(row["code"], row["reason"]) for row in dead} == {(40002, WORDS)}
        posts = len(wire.of(pixel)) - 1
        assert posts <= 2 * len(bad) * ceil(log2(len(EVENTS))) + 1, (len(bad), posts)


REFUSALS: dict[str, Fault] = {
    "401": answer("401 Unauthorized"),
    "403": answer("403 Forbidden"),
    "40001": code(40001),
    "40105": code(40105),
}


def test_a_refused_token_stops_its_own_destination_until_its_file_changes(
    shop: Callable[..., Shop], wire: Wire
) -> None:
    one = shop(len(REFUSALS) + 2)
    *refused, revoked, healthy = one.pixels
    for pixel, (name, fault) in zip(refused, REFUSALS.items(), strict=True):
        one.token_file(pixel).write_text(f"old-{name}")
        wire.always(f"old-{name}", fault)
    one.token_file(revoked).write_text("revoked")  # the sandbox itself knows no such token
    stopped = [*refused, revoked]
    one.tell(3)
    wait_for(lambda: all(one.standing(pixel)["paused_by"] == "tiktok" for pixel in stopped))
    one.tell(3)
    one.settle([healthy])
    one.all_arrived_once([healthy])
    for pixel in stopped:
        assert one.states(pixel) == {"waiting": 6}
        assert len(wire.of(pixel)) <= 4, "no more than what was under way"
    for pixel in stopped:
        one.token_file(pixel).write_text(TOKEN)
    one.settle()
    one.all_arrived_once()


@pytest.mark.parametrize("wrong", ["NOBODYSPIXELCODE0000", "12345678901234567890"], ids=["unknown", "of another kind"])
def test_a_wrong_pixel_code_pauses_instead_of_killing_a_thousand_events(
    shop: Callable[..., Shop], wire: Wire, wrong: str
) -> None:
    one = shop([wrong, pixel_code(0)])
    one.relay(wrong, EVENTS)
    one.relay(pixel_code(0), ["fine"])
    wait_for(lambda: one.standing(wrong)["paused_by"] == "tiktok")
    one.settle([pixel_code(0)])
    wait_for(lambda: one.states(wrong) == {"waiting": 1_000})
    assert len(wire.of(wrong)) <= 2


def test_a_refusal_in_unknown_words_of_each_of_the_first_events_pauses_too(
    shop: Callable[..., Shop], wire: Wire
) -> None:
    one = shop(1)
    (pixel,) = one.pixels
    wire.always(pixel, code(40002, message="Something is wrong."))
    one.relay(pixel, EVENTS)
    wait_for(lambda: one.standing(pixel)["paused_by"] == "tiktok")
    wait_for(lambda: one.states(pixel) == {"waiting": 1_000})
    assert len(wire.of(pixel)) <= ceil(log2(1_000)) + 5
    wire.mend()
    one.resume(pixel)
    one.settle()
    assert one.received(pixel) == dict.fromkeys(EVENTS, 1)
