"""The event_id that both legs share: the shop's own key where there is one, else the view and a counter in it.

The browser tag builds the same string from the same parts; `tests/vectors/event_id.json` holds both to it.
"""

import re
from collections.abc import Container, Mapping

from proxy.events.scalars import as_text, holds_email, is_blank

MOST_BYTES = 128
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def told_key(event: str, key: object, properties: object, order_events: Container[str]) -> object:
    """The value that should name the event: ``key``, or for order events without one ``properties.order_id``.

    None when neither is told; null and white space alone tell nothing.
    """
    if _tells_nothing(key):
        key = properties.get("order_id") if event in order_events and isinstance(properties, Mapping) else None
    return None if _tells_nothing(key) else key


def usable_key(value: object) -> str | None:
    """``value`` as a key: 1 to 128 bytes of UTF-8 after trimming, without control characters or an e-mail address,
    which would be stored and sent as it is; None when it cannot be one."""
    key = as_text(value)
    return key if key and _within_limits(key) else None


def is_usable_event_id(value: object) -> bool:
    """Whether a back end's own event_id can be kept, letter for letter; the limits of a key, but nothing is trimmed."""
    return isinstance(value, str) and not is_blank(value) and _within_limits(value)


def build(view: str, n: int, key: str | None) -> str:
    """The event_id of the ``n``-th event of ``view``, or of the action that ``key`` names."""
    return key if key is not None else f"{view}.{_base36(n)}"


def _tells_nothing(value: object) -> bool:
    return value is None or is_blank(value)


def _within_limits(text: str) -> bool:
    try:
        fits = 0 < len(text.encode()) <= MOST_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return fits and not _CONTROL.search(text) and not holds_email(text)


def _base36(n: int) -> str:
    digits = ""
    while True:
        n, rest = divmod(n, 36)
        digits = _DIGITS[rest] + digits
        if not n:
            return digits
