"""One line of the table: the median of its rounds, with the least and the most of them, against its goal."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A figure with its goal. ``most``: the goal is an upper limit. ``sound``: nothing was lost or invented."""

    name: str
    what: str
    unit: str
    goal: float
    values: Sequence[float]
    most: bool = False
    sound: bool = True
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def ok(self) -> bool:
        """Was the goal reached?"""
        return self.sound and (self.value <= self.goal if self.most else self.value >= self.goal)

    def as_json(self) -> dict[str, Any]:
        """The row as it stands in the JSON file."""
        return {
            **asdict(self),
            "value": self.value,
            "min": min(self.values),
            "max": max(self.values),
            "ok": self.ok,
        }
