"""How many reports one address may send, minute after minute."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from proxy.settings import load
from proxy.web import guards
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


def v4() -> Iterator[str]:
    """Public addresses, 256 in each /16."""
    return (f"{a}.{b}.0.{c}" for a in range(11, 100) for b in range(256) for c in range(256))


def test_a_slash_64_is_one_address(rates: Rates) -> None:
    assert passes(rates, 60, "2606:4700:4700:1::1")
    assert not passes(rates, 1, "2606:4700:4700:1:ffff:ffff:ffff:ffff")
    assert passes(rates, 60, "2606:4700:4700:2::1")


def test_times_the_limit(rates: Rates) -> None:
    assert passes(rates, 60)
    assert [passes(rates, 1, times=10) for _ in range(541)].count(True) == 540
    assert not passes(rates, 1)


class TestMoreAddressesThanWeRemember:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guards, "MOST_ADDRESSES", 1_000)
        monkeypatch.setattr(guards, "NETWORKS", 64)

    def test_memory_is_bounded(self, rates: Rates, clock: Clock) -> None:
        for _ in range(3):
            for address in islice(v4(), 5_000):
                rates.admit(SITE, address, 1)
            for number in range(5_000):
                rates.admit(SITE, f"2606:{number:x}::1", 1)
            assert len(rates._now.sent) <= 2 * (1_000 + 64)
            assert len(rates._before.sent) <= 2 * (1_000 + 64)
            clock.now += 60

    def test_further_addresses_share_their_networks_limit(self, rates: Rates) -> None:
        for number in range(1_000):
            assert passes(rates, 1, f"2606:1:{number:x}::1")
        admitted = [passes(rates, 1, f"2606:1:{number:x}::1") for number in range(2_000, 4_000)]
        assert admitted == [True] * 600 + [False] * 1_400

    def test_a_network_of_ipv4_is_a_slash_16(self, rates: Rates) -> None:
        for number in range(1_000):
            assert passes(rates, 1, f"9.9.{number // 250}.{number % 250}")
        admitted = [passes(rates, 1, f"9.9.{number // 250}.{number % 250}") for number in range(2_000, 4_000)]
        assert admitted == [True] * 600 + [False] * 1_400

    def test_who_came_before_the_flood_and_who_has_the_other_kind_of_address_never_notice(self, rates: Rates) -> None:
        assert passes(rates, 1, "2a00:1450::1")
        for number in range(5_000):
            passes(rates, 1, f"2606:1:{number:x}::1")
        assert passes(rates, 59, "2a00:1450::1")
        assert all(passes(rates, 60, address) for address in islice(v4(), 500))

    def test_a_late_comer_of_another_network_is_let_in(self, rates: Rates) -> None:
        """Unless their networks share a place, of which the real table has 4,096."""
        for number in range(5_000):
            passes(rates, 1, f"2606:1:{number:x}::1")
        late = [passes(rates, 1, f"2a00:{number:x}::1") for number in range(640)]
        assert late.count(False) < 640 // 8

    def test_the_next_minute_begins_anew(self, rates: Rates, clock: Clock) -> None:
        for number in range(5_000):
            passes(rates, 1, f"2606:1:{number:x}::1")
        clock.now += 60
        assert passes(rates, 60, "2606:1:fff0::1")
