"""Reading what shoppers type: every value is kept as typed, every bad field gets a message named by its label."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_COUNTRY = "MA"


@dataclass(slots=True)
class Form:
    """``typed`` goes back into the page as it came; ``errors`` maps field names to sentences that say what to do."""

    typed: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, label: str, longest: int, *, required: bool = True, lines: bool = False) -> str:
        """The field's trimmed text, at most ``longest`` characters and, unless ``lines``, of one line."""
        value = self.typed.get(name, "").strip()
        if not value and required:
            self.errors[name] = f"{label}: please fill this in."
        elif len(value) > longest:
            self.errors[name] = f"{label}: at most {longest} characters, please; these are {len(value)}."
        elif any(_unprintable(character, lines) for character in value):
            self.errors[name] = f"{label}: contains characters that cannot be printed; please type it again."
        return value

    def phone(self, name: str, label: str) -> str:
        """The phone number as E.164, or "" where none is given; national numbers are Moroccan."""
        value = self.text(name, label, 40, required=False)
        number = phone_number(value)
        if value and not number and name not in self.errors:
            self.errors[name] = f"{label}: not a phone number; write it like 0612 345 678 or +212 612 345 678."
        return number

    def email(self, name: str, label: str) -> str:
        """The e-mail address in its usual form, or "" where none is given."""
        value = self.text(name, label, 254, required=False)
        address = email_address(value)
        if value and not address and name not in self.errors:
            self.errors[name] = f"{label}: not an e-mail address; write it like name@example.com."
        return address

    def phone_or_email(self, name: str, label: str) -> str:
        """A phone number as E.164 or an e-mail address, whichever was typed; one of the two is required."""
        value = self.text(name, label, 254)
        contact = email_address(value) if "@" in value else phone_number(value)
        if not contact and name not in self.errors:
            self.errors[name] = f"{label}: write a phone number like 0612 345 678 or an address like name@example.com."
        return contact

    def choice(self, name: str, label: str, allowed: Mapping[str, str]) -> str:
        """One of the keys of ``allowed``."""
        value = self.typed.get(name, "")
        if value not in allowed:
            self.errors[name] = f"{label}: please choose one of the answers."
        return value

    def whole_number(self, name: str, label: str, lowest: int, highest: int) -> int:
        """A whole number written in plain digits, from ``lowest`` to ``highest``; ``lowest`` where it is wrong."""
        value = self.typed.get(name, "").strip()
        # Length first: Python refuses to read numbers of more than 4,300 digits by an exception of its own.
        if len(value) <= 9 and value.isascii() and value.isdigit() and lowest <= int(value) <= highest:
            return int(value)
        self.errors[name] = f"{label}: please write a whole number from {lowest} to {highest}."
        return lowest


def phone_number(value: str) -> str:
    """``value`` as E.164 ("+212612345678"), or "" if it is no phone number."""
    try:
        number = phonenumbers.parse(value, _COUNTRY)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_address(value: str) -> str:
    """``value`` normalised and in lower case, or "" if it is no e-mail address. Nothing is asked of the network."""
    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        return ""


def _unprintable(character: str, lines: bool) -> bool:
    if lines and character in "\r\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cs")
