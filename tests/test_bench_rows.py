"""A figure of the bench must not call a goal reached that was not."""

import pytest

from bench.rows import Row
from bench.wrk import Load


@pytest.mark.parametrize(
    ("values", "goal", "most", "sound", "ok"),
    [
        ([0.9, 1.0, 5.0], 1.0, False, True, True),
        ([0.9, 0.99, 5.0], 1.0, False, True, False),
        ([1.0, 2.0, 9.0], 2.0, True, True, True),
        ([1.0, 2.1, 2.1], 2.0, True, True, False),
        ([9.0, 9.0, 9.0], 1.0, False, False, False),
    ],
)
def test_the_median_decides_and_a_loss_decides_first(
    values: list[float], goal: float, most: bool, sound: bool, ok: bool
) -> None:
    assert Row("name", "what", "unit", goal, values, most=most, sound=sound).ok is ok


def test_refusals_are_no_throughput() -> None:
    assert Load(seconds=2.0, answered=100, refused=60, broken=0, p50_ms=1, p99_ms=1).rate == 20
