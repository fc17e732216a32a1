"""How many reports one address may send, minute after minute."""

from typing import Any

import pytest

from proxy.settings import load
from proxy.web.guards import Rates

SITE = load(None, {"PIXELPAIR_PIXEL_CODE": "COQDA8RC77U2TMR44LI0", "PIXELPAIR_ACCESS_TOKEN": "t"}, None).sites[
    "default"
]


class Clock:
    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Rates:
    return Rates(60, clock)


def passes(rates: Rates, reports: int, address: str | None = "8.8.8.8", times: int = 1, **site: Any) -> bool:
    return rates.admit(SITE.model_copy(update=site), address, reports, times)


def test_the_minute_s_share_may_come_at_once(rates: Rates) -> None:
    assert passes(rates, 60)
    assert not passes(rates, 1)


@pytest.mark.parametrize(
    ("seconds_later", "free"),
    [(59, 0), (60, 0), (75, 15), (90, 30), (119, 59), (120, 60), (10_000, 60)],
)
def test_what_was_sent_fades_over_the_next_minute(rates: Rates, clock: Clock, seconds_later: int, free: int) -> None:
    assert passes(rates, 60)
    clock.now += seconds_later
    assert not passes(rates, free + 1)
    assert free == 0 or passes(rates, free)


def test_what_is_refused_does_not_count(rates: Rates) -> None:
    assert not passes(rates, 61)
    assert passes(rates, 60)


def test_sites_and_addresses_are_counted_apart(rates: Rates) -> None:
    assert passes(rates, 60)
    assert passes(rates, 60, "9.9.9.9")
    assert passes(rates, 60, name="another")


def test_addresses_are_forgotten_after_two_minutes(rates: Rates, clock: Clock) -> None:
    for number in range(100):
        assert passes(rates, 1, f"8.8.8.{number}")
    clock.now += 120
    assert passes(rates, 1)
    assert len(rates._now.sent) + len(rates._before.sent) == 1
