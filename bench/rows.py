"""One line of the table: the median of its rounds, with the least and the most of them, against its goal."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A figure with its goal, if it has one: what is measured only to compare with has none.

    ``most``: the goal is an upper limit. ``sound``: nothing was lost or invented. ``skipped``: why there are no values.
    """

    name: str
    what: str
    unit: str
    goal: float | None
    values: Sequence[float]
    most: bool = False
    sound: bool = True
    skipped: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """The median of the rounds; None of a row that was skipped."""
        return statistics.median(self.values) if self.values else None

    @property
    def ok(self) -> bool | None:
        """Was the goal reached? None where there is nothing to reach or no figure."""
        if self.goal is None or self.value is None:
            return None
        return self.sound and (self.value <= self.goal if self.most else self.value >= self.goal)

    def as_json(self) -> dict[str, Any]:
        """The row as it stands in the JSON file."""
        return {
            **asdict(self),
            "value": self.value,
            "min": min(self.values, default=None),
            "max": max(self.values, default=None),
            "ok": self.ok,
        }
