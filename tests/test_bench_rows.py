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


def test_what_is_measured_only_to_compare_with_reaches_no_goal() -> None:
    row = Row("name", "what", "unit", None, [3.0, 1.0])
    assert (row.value, row.ok) == (2.0, None)


def test_a_skipped_row_has_no_figures() -> None:
    told = Row("name", "what", "unit", 1.0, [], skipped="npm is missing").as_json()
    assert [told[name] for name in ("value", "min", "max", "ok", "skipped")] == [None] * 4 + ["npm is missing"]


def test_refusals_are_no_throughput() -> None:
    assert Load(seconds=2.0, answered=100, refused=60, broken=0, p50_ms=1, p99_ms=1).rate == 20
