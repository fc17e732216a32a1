"""Loose JSON values as the strings and numbers TikTok takes. The browser tag does the same, by shared vectors."""

import re

SAFE_INTEGER = 2**53 - 1
# Not str.strip(): Python and JavaScript disagree about NBSP, U+FEFF and U+001C-1F, and both legs must trim alike.
WHITE_SPACE = " \t\r\n\f\v"
# What PostgreSQL cannot store and UTF-8 cannot encode.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Finds any e-mail address, and not the handle in tiktok.com/@some.shop; nothing overlaps, so the time stays linear.
_EMAIL_ADDRESS = re.compile(r"[^ @/]@[^ @]+\.[^ @0-9]")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def as_text(value: object) -> str | None:
    """``value`` as a trimmed string, maybe ""; a safe integer (12.0 is 12) as its digits; None for all else."""
    if isinstance(value, str):
        return value.strip(WHITE_SPACE) if value.isprintable() or not UNSTORABLE.search(value) else None
    whole = as_integer(value)
    return None if whole is None else str(whole)


def as_number(value: object) -> int | float | None:
    """``value`` as a number within ±(2^53-1), whole ones as int; None for all else, booleans and NaN among them."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return None
    return int(value) if value == int(value) else value


def as_integer(value: object) -> int | None:
    """``value`` as a whole number within ±(2^53-1); None for all else."""
    number = as_number(value)
    return number if isinstance(number, int) else None


def read_decimal(value: object) -> object:
    """A plain decimal string such as " 19.90 " as its number; anything else comes back as it is."""
    if isinstance(value, str):
        trimmed = value.strip(WHITE_SPACE)
        if _DECIMAL.fullmatch(trimmed):
            return float(trimmed)
    return value


def holds_email(text: str) -> bool:
    """Whether an e-mail address stands anywhere in ``text``."""
    return "@" in text and _EMAIL_ADDRESS.search(text) is not None


def is_blank(value: object) -> bool:
    """Whether ``value`` is a string of white space alone, or of nothing."""
    return isinstance(value, str) and not value.strip(WHITE_SPACE)


def is_empty(value: object) -> bool:
    """Whether ``value`` says nothing: null, "", [] or {}. Zero and false do say something."""
    return value is None or (not value and isinstance(value, (str, list, dict)))
