"""The sandbox's own clock, so that 48 hours pass in one request. Every arrival is dated by it."""

from collections.abc import Callable


class Clock:
    """``real`` (Unix seconds) plus an offset that can be set; it always ticks on."""

    def __init__(self, real: Callable[[], float]) -> None:
        self._real = real
        self.offset = 0.0

    def now(self) -> float:
        """Unix seconds, as the sandbox sees them."""
        return self._real() + self.offset

    def set(self, now: float) -> None:
        """Let it be ``now`` (Unix seconds) at this moment."""
        self.offset = now - self._real()
