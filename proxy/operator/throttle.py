"""How often a password may be tried: per address, and in all.

Its memory is bounded by what it lets pass: no attempt that was refused is remembered.
"""

import math
import threading
from collections import deque
from collections.abc import Callable

PER_ADDRESS, ADDRESS_SECONDS = 10, 15 * 60
IN_ALL, ALL_SECONDS = 20, 60
# A browser on this machine that came directly. Strangers who use up what is let pass in all do not lock it out.
DIRECT = "this machine"


class Throttle:
    """Counts attempts; ``seconds`` is a clock that never goes back."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._tried: deque[tuple[float, str]] = deque()

    def wait(self, who: str) -> int:
        """0, and the attempt counts; or the seconds after which ``who`` may try again."""
        now = self._seconds()
        with self._lock:
            while self._tried and self._tried[0][0] <= now - ADDRESS_SECONDS:
                self._tried.popleft()
            own = [at for at, by in self._tried if by == who]
            others = [at for at, by in self._tried if by != DIRECT and at > now - ALL_SECONDS]
            if len(own) >= PER_ADDRESS:
                return math.ceil(own[-PER_ADDRESS] + ADDRESS_SECONDS - now)
            if who != DIRECT and len(others) >= IN_ALL:
                return math.ceil(others[-IN_ALL] + ALL_SECONDS - now)
            self._tried.append((now, who))
            return 0

    def forgive(self, who: str) -> None:
        """``who`` knew the password: what went wrong before was a slip."""
        with self._lock:
            self._tried = deque((at, by) for at, by in self._tried if by != who)

    def __len__(self) -> int:
        return len(self._tried)
