"""Keeps the log from filling the disk that it reports as full: what is said over and over is said once a minute."""

import logging
import threading
import time
from collections.abc import Callable

EVERY_SECONDS = 60.0
MOST_REMEMBERED = 1_000


class Repeats(logging.Filter):
    """Lets the same words of the same logger pass once a minute, the next time with how often they were held back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        words = (record.name, record.getMessage(), _where(record))
        now = self._clock()
        with self._lock:
            last, held_back = self._said.pop(words, (None, 0))
            if last is not None and now - last < EVERY_SECONDS:
                self._said[words] = (last, held_back + 1)
                return False
            if len(self._said) >= MOST_REMEMBERED:
                self._said.pop(next(iter(self._said)))
            self._said[words] = (now, 0)
        if held_back:
            record.msg, record.args = f"{words[1]} ({held_back:,} more times since it was last written)", ()
        return True


def _where(record: logging.LogRecord) -> str:
    """Two failures under the same words are two things to say, if they differ in kind or place."""
    kind, _, trace = record.exc_info or (None, None, None)
    if kind is None or trace is None:
        return ""
    while trace.tb_next:
        trace = trace.tb_next
    return f"{kind.__name__} {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
