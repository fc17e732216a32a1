"""Phone numbers as their owners write them, in E.164 (`+12133734253`), the only form in which TikTok can match them."""

import unicodedata

import phonenumbers

from proxy.events.scalars import WHITE_SPACE

LONGEST = 64
# Spaces, dashes, brackets, and the invisible marks that copying from a contact page brings along.
_FILLER = frozenset({"Zs", "Pd", "Ps", "Pe", "Cf"})
_OTHER_FILLER = frozenset(WHITE_SPACE + "./\u2212")
_PLUS = frozenset("+\uff0b")


def e164(number: str, default_region: str | None) -> str | None:
    """``number`` in E.164; None when it cannot be one.

    With ``+`` or ``00`` a number counts when its length is possible, because numbering plans grow faster than
    libraries. A national one is a guess that rests on ``default_region`` (ISO 3166, two letters), so it must be
    valid there.
    """
    digits = _digits(number)
    if digits is None:
        return None
    international = digits.startswith("+")
    if not international and not default_region:
        return None
    try:
        parsed = phonenumbers.parse(digits, None if international else default_region)
    except phonenumbers.NumberParseException:
        return None
    real = phonenumbers.is_possible_number(parsed) if international else phonenumbers.is_valid_number(parsed)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if real else None


def _digits(number: str) -> str | None:
    """The ASCII digits of ``number``, after ``+`` where told with ``+`` or ``00``; None if anything odd is in it."""
    if len(number) > LONGEST:
        return None
    digits = ""
    for char in number:
        if char in _PLUS and not digits:
            digits = "+"
        elif char.isdecimal():
            digits += str(unicodedata.decimal(char))
        elif char not in _OTHER_FILLER and unicodedata.category(char) not in _FILLER:
            return None
    return "+" + digits[2:] if digits.startswith("00") else digits
