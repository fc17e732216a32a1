"""The operator's password: hashed with scrypt once, compared at each log-in."""

import threading
import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash

SHORTEST = 15  # characters; what is longer than that need not be odd

# One comparison takes 32 MiB and a core: many at once would be an attack on the shop's own events.
_one_at_a_time = threading.Lock()


def make_hash(password: str) -> str:
    """The password's scrypt hash with a salt of its own."""
    return generate_password_hash(_normal(password), method="scrypt")


def matches(kept: str, given: str) -> bool:
    """Whether ``given`` is the password of the hash ``kept``; whatever is given, it takes the same work."""
    with _one_at_a_time:
        return check_password_hash(kept, _normal(given))


def _normal(password: str) -> str:
    """One spelling of what keyboards of different systems write for one letter."""
    return unicodedata.normalize("NFC", password)
