"""How what runs until it is stopped learns that it should: by SIGTERM or SIGINT, or because a part of it failed."""

import os
import signal

from proxy.errors import PixelpairError


class End:
    """Made before anything starts, so that a signal in mid-start stops it in order too. For the main thread.

    Python runs a signal's handler only once the main thread runs Python again. A signal that another thread received,
    or that came just before the main thread went to sleep, does not wake it (seen in 3 of 40 stops under load); a byte
    in the pipe it sleeps on does, and Python writes that one wherever the signal came.

    ``second`` is what a second signal does: by default it ends the process at once.
    """

    def __init__(self, second: signal.Handlers = signal.SIG_DFL) -> None:
        self._second = second
        self._reason: str | None = None
        self._hears, self._tells = os.pipe()
        os.set_blocking(self._tells, False)
        signal.set_wakeup_fd(self._tells, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._first)

    def fail(self, reason: str) -> None:
        """End with this sentence."""
        self._reason = reason
        os.write(self._tells, b".")

    def wait(self) -> None:
        """Return at the first signal. Raises what ``fail`` was told."""
        os.read(self._hears, 1)
        if self._reason is not None:
            raise PixelpairError(self._reason)

    def _first(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._second)
