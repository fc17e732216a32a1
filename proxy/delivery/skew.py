"""Whether this machine's clock agrees with TikTok's, as the ``Date`` of its answers tells.

A clock that is off loses nothing (times of events are kept within what TikTok takes), but nobody would learn of it:
so it is noted as a fact in the outbox, for ``status`` and the operator's page.
"""

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime

from proxy.errors import OutboxError
from proxy.outbox.store import Outbox

log = logging.getLogger(__name__)

FACT = "clock_ahead_ms"
TOLERATED_MS = 5 * 60_000  # an answer may be under way for 10 seconds, and some clocks are a minute off
NEWS_MS = 60_000


class Skew:
    """Notes how far the clock is off, only when that has changed. Safe for threads."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._noted: int | None = None
        self._lock = threading.Lock()

    def look(self, headers: Mapping[str, str], now: int) -> None:
        """``headers`` of an answer that came at ``now`` (ms). What cannot be noted now is noted with a later one."""
        dated = _date(headers.get("date", ""))
        if dated is None:
            return
        ahead = now - dated if abs(now - dated) > TOLERATED_MS else 0
        with self._lock, suppress(OutboxError):
            self._note(ahead)

    def _note(self, ahead: int) -> None:
        if self._noted is None:
            self._noted = int(self._outbox.fact(FACT) or 0)
        if bool(ahead) == bool(self._noted) and abs(ahead - self._noted) < NEWS_MS:
            return
        self._outbox.remember(FACT, str(ahead))
        self._noted = ahead
        if ahead:
            minutes = round(ahead / 60_000)
            log.warning("this machine's clock is %d minutes from TikTok's: set it right by NTP (timedatectl)", minutes)


def _date(text: str) -> int | None:
    """An HTTP date in Unix ms; None for what is none."""
    try:
        date = parsedate_to_datetime(text)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError, TypeError, IndexError):  # the parser's own, for all kinds of nonsense
        return None
