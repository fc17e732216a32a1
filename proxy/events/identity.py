"""Normalises and hashes what is told of a shopper, so that no raw e-mail, phone or name goes further than memory.

The rules are TikTok's for `user` of a web event. What cannot be normalised is dropped with a warning and never hashed
as it is: a wrong hash matches nobody and hides the mistake. `tests/vectors/user.json` says what the browser tag shares.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

from proxy.events.phone import e164
from proxy.events.scalars import as_text, holds_email, is_empty

MOST_VALUES = 10  # of one field: parsing takes time, and nobody has more addresses than that
LONGEST = 512
FEWEST_PHONE_DIGITS = 7

_HASH = re.compile("[0-9A-Fa-f]{64}")
_LOCALE = re.compile("[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,5}")


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one field of `user` is written: from text and default region to its normal form, or None if it has none."""

    normalise: Callable[[str, str | None], str | None]
    wants: str
    hashed: bool = True
    many: bool = False


def hash_user(
    user: Mapping[str, object], default_region: str | None
) -> tuple[dict[str, str | list[str]], tuple[str, ...]]:
    """What TikTok gets as `user`, and "field: sentence" warnings; each field told is a string or a list of strings.

    ``default_region`` (ISO 3166, two letters) reads phone numbers without a country code. Of e-mails, phones and
    external ids a list stays a list, without repeats; of the rest the first counts. Never raises; no warning shows
    a value.
    """
    if not user:
        return {}, ()
    hashed: dict[str, str | list[str]] = {}
    warnings: list[str] = []
    for field, rule in _RULES.items():
        told = user.get(field)
        if told is None or is_empty(told):
            continue
        values = _values(told, field, rule, default_region, warnings)
        if values:
            hashed[field] = values if rule.many and isinstance(told, list) else values[0]
    if not user.keys() <= _RULES.keys():
        warnings.append("user: holds a field that TikTok does not take; dropped")
    return hashed, tuple(dict.fromkeys(warnings))


def _values(told: object, field: str, rule: _Rule, default_region: str | None, warnings: list[str]) -> list[str]:
    members = told if isinstance(told, list) else [told]
    if len(members) > MOST_VALUES:
        warnings.append(f"user.{field}: only the first {MOST_VALUES} values are used")
    values = []
    for member in members[:MOST_VALUES]:
        text = None if is_empty(member) else as_text(member)
        if text == "" or is_empty(member):
            continue
        value = _value(text, rule, default_region) if text is not None and len(text) <= LONGEST else None
        if value:
            values.append(value)
        else:
            warnings.append(f"user.{field}: {rule.wants}; dropped")
    return list(dict.fromkeys(values))


def _value(text: str, rule: _Rule, default_region: str | None) -> str | None:
    if rule.hashed and _HASH.fullmatch(text):
        return text.lower()
    normal = rule.normalise(text, default_region)
    if not normal:
        return None
    return sha256(normal.encode()).hexdigest() if rule.hashed else normal


def _email(text: str, _region: str | None) -> str | None:
    """The address in lower case. The library only judges: what it returns keeps the case of the part before the @."""
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return None
    return text.lower()


def _as_told(text: str, _region: str | None) -> str:
    return text


def _letters(text: str, _region: str | None) -> str:
    """Lower-case letters of any script, their marks, and digits; spaces, punctuation and symbols are left out."""
    lower = unicodedata.normalize("NFC", text.lower())
    return lower if lower.isalnum() else "".join(char for char in lower if unicodedata.category(char)[0] in "LMN")


def _place(text: str, region: str | None) -> str | None:
    """As ``_letters``; but a place goes out unhashed, so what is an e-mail address or a phone number is none."""
    letters = None if holds_email(text) else _letters(text, region)
    return letters if letters and sum(char.isdigit() for char in letters) < FEWEST_PHONE_DIGITS else None


def _locale(text: str, _region: str | None) -> str | None:
    return text.replace("_", "-") if _LOCALE.fullmatch(text) else None


_RULES = {
    "email": _Rule(_email, "must be an e-mail address or its SHA-256", many=True),
    "phone": _Rule(e164, "must be a phone number with + and country code, or its SHA-256", many=True),
    "external_id": _Rule(_as_told, "must be a string or a whole number", many=True),
    "first_name": _Rule(_letters, "must hold letters"),
    "last_name": _Rule(_letters, "must hold letters"),
    "city": _Rule(_place, "must be a place's name", hashed=False),
    "state": _Rule(_place, "must be a place's name", hashed=False),
    "country": _Rule(_place, "must be a country code such as US", hashed=False),
    "zip_code": _Rule(_letters, "must hold letters or digits"),
    "locale": _Rule(_locale, "must be a language tag such as en-GB", hashed=False),
}
USER_FIELDS = frozenset(_RULES)
