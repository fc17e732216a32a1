"""The wait after a failure, with the chance held still."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.backoff import delay
from proxy.tiktok.verdict import LONGEST_RETRY_AFTER


def lowest(low: float, high: float) -> float:
    return low


def highest(low: float, high: float) -> float:
    return high


@pytest.mark.parametrize(
    ("attempts", "ceiling"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (100, 60), (10**9, 60), (-3, 1)],
)
def test_the_ceiling_doubles_from_one_second_to_sixty_and_the_floor_is_none(attempts: int, ceiling: float) -> None:
    assert delay(attempts, None, highest) == ceiling
    assert delay(attempts, None, lowest) == 0


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"),
    [(None, 0, 4), (0.0, 0, 4), (2.5, 2.5, 4), (30.0, 30, 30), (3600.0, 3600, 3600), (1e9, 3600, 3600), (-5.0, 0, 4)],
)
def test_retry_after_is_a_minimum_of_up_to_an_hour(retry_after: float | None, shortest: float, longest: float) -> None:
    assert delay(3, retry_after, lowest) == shortest
    assert delay(3, retry_after, highest) == longest


@given(st.integers(), st.none() | st.floats(allow_nan=False), st.randoms(use_true_random=False))
def test_no_wait_is_negative_or_longer_than_an_hour(attempts: int, asked: float | None, chance: random.Random) -> None:
    assert 0 <= delay(attempts, asked, chance.uniform) <= LONGEST_RETRY_AFTER
