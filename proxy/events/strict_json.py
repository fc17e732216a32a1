"""Reads JSON that nobody vouches for, and refuses what Python's reader lets through but no store takes."""

import json
import math
import re
from collections import Counter
from typing import NoReturn

from proxy.errors import Rejected
from proxy.events.scalars import UNSTORABLE

MOST_DEPTH = 8
# No double reaches further, and int() of thousands of digits is slow and then raises.
_MOST_DIGITS = 309
_COMMENT = re.compile(r"[\s,]*(//|/\*)")
_PLAIN_NAME = re.compile("[A-Za-z0-9_]{1,40}")


def parse_json(body: bytes) -> object:
    """The value that ``body`` holds as JSON in UTF-8.

    Raises Rejected with one of the codes not_utf8, invalid_json, json_comments, not_a_number (NaN, Infinity, and
    numbers that no double holds), duplicate_key, too_deep (over 8 containers in each other), nul, lone_surrogate.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected("not_utf8", "", f"The body must be UTF-8; byte {error.start} is not.") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _explained(text, error) from None
    except RecursionError:
        _refuse_depth()
    # Both are needed only rarely: few bodies hold that many brackets, and only an escape can hide NUL or half a pair.
    may_be_deep = text.count("{") + text.count("[") > MOST_DEPTH
    escapes = "\\u" in text
    if may_be_deep or escapes:
        _check([value], 0, escapes)
    return value


def _explained(text: str, error: json.JSONDecodeError) -> Rejected:
    comment = _COMMENT.match(text, error.pos)
    at = comment.start(1) if comment else error.pos
    place = f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
    if comment:
        return Rejected("json_comments", "", f"JSON has no comments; take out the one in {place}.")
    return Rejected("invalid_json", "", f"The body is not JSON ({error.msg.partition(':')[0]}, {place}).")


def _check(container: dict[str, object] | list[object], level: int, escapes: bool) -> None:
    if level > MOST_DEPTH:
        _refuse_depth()
    if escapes and isinstance(container, dict):
        for name in container:
            _check_text(name)
    for member in container.values() if isinstance(container, dict) else container:
        if isinstance(member, (dict, list)):
            _check(member, level + 1, escapes)
        elif escapes and isinstance(member, str):
            _check_text(member)


def _check_text(text: str) -> None:
    found = UNSTORABLE.search(text)
    if found and found.group() == "\0":
        raise Rejected("nul", "", "A string or a name holds NUL (\\u0000); take it out.")
    if found:
        raise Rejected("lone_surrogate", "", "A string or a name holds half a surrogate pair; send whole characters.")


def _refuse_depth() -> NoReturn:
    raise Rejected("too_deep", "", f"The body nests more than {MOST_DEPTH} objects and arrays; make it flatter.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        double = Counter(name for name, _ in pairs).most_common(1)[0][0]
        field = double if _PLAIN_NAME.fullmatch(double) else ""
        raise Rejected("duplicate_key", field, "An object holds the same name twice; send each once.")
    return made


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _refuse_number(digits)


def _float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_number(digits)


def _refuse_number(_digits: str) -> NoReturn:
    raise Rejected("not_a_number", "", "JSON has no NaN or Infinity, and 1e308 is as far as numbers go.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_refuse_number
)
