"""Pausing and resuming by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from proxy.cli.opening import now_ms
from proxy.outbox.destinations import Destinations, DestinationState
from proxy.outbox.store import Outbox

SHOP = "shop/COQDA8RC77U2TMR44LI0"
UK2 = "uk/C4EXAMPLE0PIXEL0COD2"

Run = Callable[..., Result]


def state(outbox: Outbox, name: str = SHOP) -> DestinationState:
    found = Destinations(outbox).get(name)
    assert found is not None
    return found


def test_a_pause_holds_until_it_is_resumed(pixelpair: Run, outbox: Outbox) -> None:
    assert f"pixelpair resume {SHOP}" in pixelpair("pause", SHOP).stdout
    assert state(outbox).paused_by == "operator"
    assert "goes out now" in pixelpair("resume", SHOP).stdout
    assert (state(outbox).paused_by, state(outbox).paused_at) == (None, None)
    assert "nothing to do" in pixelpair("resume", SHOP).stdout


@pytest.mark.parametrize(
    ("told", "name"),
    [(SHOP, SHOP), ("shop", SHOP), ("COQDA8RC77U2TMR44LI0", SHOP), ("C4EXAMPLE0PIXEL0COD2", UK2)],
)
def test_a_site_or_pixel_that_is_unique_names_its_destination(
    pixelpair: Run, outbox: Outbox, told: str, name: str
) -> None:
    pixelpair("pause", told)
    assert state(outbox, name).paused_by == "operator"


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("shp", f"No destination is named shp: there are {SHOP}, {UK2}, uk/C4EXAMPLE0PIXEL0COD3."),
        ("uk", f"Several destinations are named uk: there are {UK2}, uk/C4EXAMPLE0PIXEL0COD3."),
    ],
)
def test_another_name_gets_a_sentence_with_the_known_ones(
    pixelpair: Run, outbox: Outbox, command: str, told: str, sentence: str
) -> None:
    assert sentence in pixelpair(command, told, code=2).stderr


def test_a_pause_by_tiktok_is_resumed_too(pixelpair: Run, outbox: Outbox, told: Callable[..., Any]) -> None:
    Destinations(outbox).pause(SHOP, now_ms(), "tiktok", "token refused", now_ms() + 300_000)
    assert told("resume", SHOP)["paused_at"] is None
    assert state(outbox).next_at == 0


MEANWHILE = [
    ("a delivery", lambda rows: rows.delivered(SHOP, now_ms(), 0)),
    ("a failure", lambda rows: rows.back_off(SHOP, now_ms() + 1_000, "503")),
    ("a refused token", lambda rows: rows.pause(SHOP, now_ms(), "tiktok", "token", now_ms() + 1_000)),
    ("another token", lambda rows: rows.settle_in(SHOP, "other", 0)),
]


@pytest.mark.parametrize("meanwhile", [meets for _, meets in MEANWHILE], ids=[name for name, _ in MEANWHILE])
def test_what_a_batch_in_flight_meets_does_not_end_a_pause_by_hand(
    pixelpair: Run, outbox: Outbox, meanwhile: Callable[[Destinations], None]
) -> None:
    Destinations(outbox).settle_in(SHOP, "one", 0)
    pixelpair("pause", SHOP)
    meanwhile(Destinations(outbox))
    assert (state(outbox).paused_by, state(outbox).reason) == ("operator", "paused by hand")


def test_the_fingerprint_of_a_token_is_told_to_nobody(told: Callable[..., Any], outbox: Outbox) -> None:
    Destinations(outbox).settle_in(SHOP, "fingerprint", 0)
    assert "fingerprint" not in str(told("pause", SHOP))
