"""Who has logged in: the ids of open sessions, in this process's memory alone, so that a restart ends them all.

A cookie is a random id, signed. One that is signed but not open is a visitor before the log-in: it only ties the form
to the browser that asked for it. The form's token is made from the id, so that nothing is kept for visitors.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence

from itsdangerous import BadSignature, Signer

COOKIE_SALT = "pixelpair.operator-session.v1"
FORM_SALT = "pixelpair.operator-form.v1"
IDLE_SECONDS = 30 * 60
LONGEST_SECONDS = 12 * 3600
MOST = 50  # open at once; with one more, the one used longest ago ends


class Sessions:
    """The open sessions. The first of ``secret_keys`` signs, each verifies; ``seconds`` never goes back."""

    def __init__(self, secret_keys: Sequence[str], seconds: Callable[[], float]) -> None:
        self._cookies = _signer(secret_keys, COOKIE_SALT)
        self._forms = _signer(secret_keys, FORM_SALT)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._open: dict[str, tuple[float, float]] = {}  # id: begun, last used; in the order of the last use

    def visitor(self) -> str:
        """A fresh cookie that opens nothing."""
        return self._cookies.sign(secrets.token_urlsafe(32)).decode()

    def begin(self) -> str:
        """The cookie of a new session."""
        cookie = self.visitor()
        now = self._seconds()
        with self._lock:
            if len(self._open) >= MOST:
                del self._open[next(iter(self._open))]
            self._open[self._id(cookie)] = (now, now)
        return cookie

    def is_open(self, cookie: str, used: bool) -> bool:
        """Whether the cookie's session is open; with ``used``, it is in use until now."""
        known = self._id(cookie)
        now = self._seconds()
        with self._lock:
            if known not in self._open:
                return False
            begun, last = self._open[known]
            if now - begun >= LONGEST_SECONDS or now - last >= IDLE_SECONDS:
                del self._open[known]
                return False
            if used:
                del self._open[known]
                self._open[known] = (begun, now)
        return True

    def end(self, cookie: str) -> None:
        """End the cookie's session, if it is one: a copy of the cookie opens nothing any more."""
        with self._lock:
            self._open.pop(self._id(cookie), None)

    def is_ours(self, cookie: str) -> bool:
        """Whether we signed this cookie, of a session or of a visitor."""
        return bool(self._id(cookie))

    def token(self, cookie: str) -> str:
        """What the forms of this cookie's browser carry."""
        return self._forms.get_signature(self._id(cookie)).decode()

    def is_token(self, cookie: str, token: str) -> bool:
        """Whether a form with ``token`` came from a page that this cookie's browser got from us."""
        known = self._id(cookie)
        return bool(known) and self._forms.verify_signature(known, token)

    def _id(self, cookie: str) -> str:
        try:
            return self._cookies.unsign(cookie).decode()
        except BadSignature:
            return ""


def _signer(keys: Sequence[str], salt: str) -> Signer:
    # Oldest first, as itsdangerous wants them.
    return Signer(list(reversed(keys)), salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
