"""Which site an API key belongs to: those of the settings, and those made by command, which the outbox holds.

The outbox is asked once a second at most, however many requests come, so a key that was revoked or made anywhere is
refused or taken a second later everywhere, without a restart.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping

from proxy.errors import OutboxError, Rejected
from proxy.outbox import keys
from proxy.outbox.store import Outbox
from proxy.settings import Settings, Site

LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


class ApiKeys:
    """The keys of all sites. Safe for threads; ``clock`` in seconds."""

    def __init__(self, settings: Settings, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._sites = settings.sites
        self._set = {
            keys.hashed(key.get_secret_value()): site.name for site in self._sites.values() for key in site.api_keys
        }
        self._outbox = outbox
        self._clock = clock
        self._lock = threading.Lock()
        self._made: Mapping[str, str] = {}
        self._look_at = -1.0

    def check(self, key: str) -> Site:
        """The site of ``key``. Raises ``Rejected``, and ``OutboxError`` when the outbox cannot be asked.

        Hashes are compared, every one of them and each in constant time, so that the time taken tells nothing.
        """
        told = keys.hashed(key)
        found: Site | None = None
        for known, site in {**self._look(), **self._set}.items():
            if hmac.compare_digest(known, told) and site in self._sites:
                found = self._sites[site]
        if found is None:
            raise Rejected(
                "token", "Access-Token", "Put one of this proxy's own API keys here, not TikTok's token.", 401
            )
        return found

    def has_any(self, site: Site) -> bool:
        """Whether a back end of this site tells of its orders. What was known last counts while nobody can be asked."""
        if site.api_keys:
            return True
        try:
            return site.name in self._look().values()
        except OutboxError as error:
            log.error("%s", error)
            return site.name in self._made.values()

    def _look(self) -> Mapping[str, str]:
        with self._lock:
            now = self._clock()
            if self._look_at < 0 or now >= self._look_at:
                self._made = keys.live(self._outbox)
                self._look_at = now + LOOK_SECONDS
            return self._made
