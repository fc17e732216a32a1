"""Repairs an event's properties into the shape TikTok takes; what cannot be repaired is dropped with a warning.

The browser tag repairs by the same rules before it fires the pixel, so that both legs tell the same;
`tests/vectors/properties.json` holds both to it. Unknown properties pass through unchanged, less what is empty.
"""

import re
from collections.abc import Callable
from typing import Any

from proxy.events.scalars import (
    UNSTORABLE,
    as_integer,
    as_number,
    as_text,
    holds_email,
    is_blank,
    is_empty,
    read_decimal,
)

TEXTS = frozenset(
    {
        *("content_id", "content_type", "content_name", "content_category", "brand", "description"),
        *("order_id", "shop_id", "query", "search_string", "status", "delivery_category"),
    }
)
NUMBERS = frozenset({"value", "price", "predicted_ltv"})
INTEGERS = frozenset({"quantity", "num_items"})
PERSONAL = frozenset({"email", "phone", "phone_number", "first_name", "last_name"})

# A report is read to a depth of 8 containers, three of which are the array of reports, the report and its properties.
MOST_LEVELS = 5
# What lies beyond is no order but a mistake or a forgery, and either would become somebody's advertising budget. Ten
# thousand million leaves room for a car paid in dong; a refund is no event of TikTok's, so nothing is negative.
MOST_VALUE = 10**10
MOST_QUANTITY = 10**5
_CURRENCY = re.compile("[A-Za-z]{3}")

TEXT_WANTED = "must be a string or a whole number"
NUMBER_WANTED = 'must be a number from 0 to 10000000000 such as 19.90, or "19.90" without separators or symbols'
INTEGER_WANTED = "must be a whole number from 0 to 100000"
CURRENCY_WANTED = "must be three letters of ISO 4217 such as EUR"

_PERSONAL_SENTENCE = "personal data belongs in user, where it is hashed"
_UNSTORABLE_SENTENCE = "text holds NUL or half a surrogate pair"

Fields = dict[str, Any]


def repair(properties: object) -> tuple[Fields, tuple[str, ...]]:
    """The repaired properties, and one "field: sentence" for each thing that was dropped.

    Never raises, whatever the JSON. Repairing what is repaired changes nothing and warns of nothing.
    """
    if is_empty(properties):
        return {}, ()
    if not isinstance(properties, dict):
        return {}, ("properties: must be an object; dropped",)
    work = _Repair()
    repaired = work.fields(properties, "properties", MOST_LEVELS, {"contents", "content_ids"})
    contents = work.contents(properties.get("contents"))
    ids = work.ids(properties.get("content_ids"))
    _add_contents(repaired, contents, ids)
    _tell_search_twice(repaired)
    return repaired, tuple(dict.fromkeys(work.warnings))


def read_value(value: object) -> int | float | None:
    """``value`` or what its decimal string says, from 0 to ``MOST_VALUE``; None for all else."""
    number = as_number(read_decimal(value))
    return number if number is not None and 0 <= number <= MOST_VALUE else None


def read_quantity(value: object) -> int | None:
    """``value`` or what its decimal string says, whole and from 0 to ``MOST_QUANTITY``; None for all else."""
    number = as_integer(read_decimal(value))
    return number if number is not None and 0 <= number <= MOST_QUANTITY else None


def is_currency(text: str) -> bool:
    """Whether ``text`` has the form of an ISO 4217 code, in either case."""
    return _CURRENCY.fullmatch(text) is not None


def _add_contents(repaired: Fields, contents: list[Fields], ids: list[str]) -> None:
    """Both levels get the content type and the ids, since tools and TikTok's own pages look at either."""
    kind = repaired.get("content_type") or next((i["content_type"] for i in contents if "content_type" in i), None)
    if kind:
        repaired["content_type"] = kind
        for item in contents:
            item.setdefault("content_type", kind)
    if contents:
        repaired["contents"] = contents
    ids = ids or [item["content_id"] for item in contents if "content_id" in item]
    if ids:
        repaired["content_ids"] = ids


def _tell_search_twice(repaired: Fields) -> None:
    """TikTok renamed `query` to `search_string`, and parts of its help still ask for the older."""
    term = repaired.get("search_string") or repaired.get("query")
    if term:
        repaired.setdefault("search_string", term)
        repaired.setdefault("query", term)


class _Repair:
    """One repair under way: collects its warnings. Every method gives None for what is to be left out."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def drop(self, field: str, sentence: str) -> None:
        self.warnings.append(f"{field}: {sentence}; dropped")

    def fields(self, given: Fields, where: str, levels: int, apart: set[str]) -> Fields:
        repaired = {}
        for name, value in given.items():
            if name in apart or is_empty(value):
                continue
            kept = self.field(name, value, where, levels)
            if not is_empty(kept):
                repaired[name] = kept
        return repaired

    def field(self, name: str, value: object, where: str, levels: int) -> object:
        listed = _LISTED.get(name)
        return listed(self, value, f"{where}.{name}") if listed else self.named(name, value, where, levels)

    def named(self, name: str, value: object, where: str, levels: int) -> object:
        """A property that TikTok does not list. Its name may be personal itself, so warnings name its place only."""
        if name in PERSONAL or holds_email(name):
            self.drop(where, _PERSONAL_SENTENCE)
            return None
        if UNSTORABLE.search(name):
            self.drop(where, _UNSTORABLE_SENTENCE)
            return None
        return self.unknown(value, where, levels)

    def text(self, value: object, field: str) -> str | None:
        text = as_text(value)
        if text is None:
            self.drop(field, TEXT_WANTED)
            return None
        if holds_email(text):
            self.drop(field, _PERSONAL_SENTENCE)
            return None
        return text

    def number(self, value: object, field: str) -> int | float | None:
        if is_blank(value):
            return None
        number = read_value(value)
        if number is None:
            self.drop(field, NUMBER_WANTED)
            return None
        return number

    def integer(self, value: object, field: str) -> int | None:
        if is_blank(value):
            return None
        number = read_quantity(value)
        if number is None:
            self.drop(field, INTEGER_WANTED)
            return None
        return number

    def currency(self, value: object, field: str) -> str | None:
        text = as_text(value)
        if text == "":
            return None
        if text is None or not is_currency(text):
            self.drop(field, CURRENCY_WANTED)
            return None
        return text.upper()

    def contents(self, given: object) -> list[Fields]:
        if is_empty(given):
            return []
        if isinstance(given, dict):
            given = [given]
        if not isinstance(given, list):
            self.drop("properties.contents", "must be an array of objects")
            return []
        repaired = []
        for index, item in enumerate(given):
            field = f"properties.contents.{index}"
            if isinstance(item, dict):
                kept = self.fields(item, field, MOST_LEVELS - 2, set())
                if kept:
                    repaired.append(kept)
            elif not is_empty(item):
                self.drop(field, "must be an object")
        return repaired

    def ids(self, given: object) -> list[str]:
        if is_empty(given):
            return []
        members = given if isinstance(given, list) else [given]
        ids = (
            self.text(member, f"properties.content_ids.{index}")
            for index, member in enumerate(members)
            if not is_empty(member)
        )
        return [one for one in ids if one]

    def unknown(self, value: object, where: str, levels: int) -> object:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.unknown_text(value, where)
        if isinstance(value, (dict, list)):
            return self.container(value, where, levels)
        number = as_number(value)
        if number is None:
            self.drop(where, "a number lies beyond 2^53-1")
            return None
        return number

    def unknown_text(self, value: str, where: str) -> str | None:
        if UNSTORABLE.search(value):
            self.drop(where, _UNSTORABLE_SENTENCE)
            return None
        if holds_email(value):
            self.drop(where, _PERSONAL_SENTENCE)
            return None
        return value

    def container(self, value: Fields | list[Any], where: str, levels: int) -> object:
        if not levels:
            self.drop(where, f"nested more than {MOST_LEVELS} levels deep")
            return None
        if isinstance(value, list):
            members = (None if is_empty(one) else self.unknown(one, where, levels - 1) for one in value)
            return [one for one in members if not is_empty(one)]
        kept = {}
        for name, one in value.items():
            if is_empty(one):
                continue
            repaired = self.named(name, one, where, levels - 1)
            if not is_empty(repaired):
                kept[name] = repaired
        return kept


# How each property that TikTok lists is repaired.
_LISTED: dict[str, Callable[[_Repair, object, str], object]] = {
    **dict.fromkeys(TEXTS, _Repair.text),
    **dict.fromkeys(NUMBERS, _Repair.number),
    **dict.fromkeys(INTEGERS, _Repair.integer),
    "currency": _Repair.currency,
}
