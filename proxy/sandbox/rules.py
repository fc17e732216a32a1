"""What TikTok makes of a request to its Events API: which of its answers it gives, and what it would drop in silence.

Errors are what TikTok refuses with 40002, a whole request for one bad field, in the words of real answers (such as
https://github.com/stape-io/tiktok-tag/issues/10). Warnings are the sandbox's own: TikTok says OK and ignores the field,
so its sender never learns. The fields are those of the Events API 2.0 for the event source "web".
"""

import ipaddress
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from .memory import Told

MAX_ITEMS = 1_000
FUTURE_SECONDS = 300

OK = 0
NO_PERMISSION = 40001
INVALID = 40002
BAD_TOKEN = 40105

MESSAGES = {
    OK: "OK",
    20001: "Partial success.",
    NO_PERMISSION: "No permission to operate on this pixel.",
    INVALID: "Invalid parameter.",
    40100: "Too many requests. Please retry later.",
    BAD_TOKEN: "Access token is incorrect or has been revoked.",
    50000: "System error.",
    50001: "Service error.",
    50002: "Service error.",
    51001: "Internal service timed out.",
    51010: "Internal service error.",
    51021: "Internal service is too busy.",
    51039: "Internal service timed out.",
}

Problem = tuple[str, str]
"""A dotted path inside an item and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """TikTok's answer to one request. ``events`` are the accepted ones: all of the request's, or none."""

    code: int
    message: str
    items: int = 0
    warnings: Sequence[str] = ()
    events: Sequence[Told] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in one item, errors and warnings."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A JSON type as TikTok asks for it; ``name`` ends the sentence "Not a valid ..."."""

    name: str
    fits: Callable[[Any], bool]


def _is_strings(value: object) -> bool:
    return type(value) is str or (type(value) is list and all(type(one) is str for one in value))


# type() rather than isinstance(): True is an int to Python, never a number to TikTok.
_STRING = _Kind("string", lambda value: type(value) is str)
_STRINGS = _Kind("string", _is_strings)
_LIST_OF_STRINGS = _Kind("list of strings", lambda value: type(value) is list and _is_strings(value))
_NUMBER = _Kind("number", lambda value: type(value) is int or type(value) is float)
_INTEGER = _Kind("integer", lambda value: type(value) is int)
_BOOLEAN = _Kind("boolean", lambda value: type(value) is bool)
_OBJECT = _Kind("object", lambda value: type(value) is dict)
_OBJECTS = _Kind("list of objects", lambda value: type(value) is list and all(type(one) is dict for one in value))

_TOP = {
    "event_source": _STRING,
    "event_source_id": _STRING,
    "data": _Kind("list", lambda value: type(value) is list),
    "test_event_code": _STRING,
    "partner_name": _STRING,
}
_ITEM = {
    "event": _STRING,
    "event_time": _INTEGER,
    "event_id": _STRING,
    "user": _OBJECT,
    "page": _OBJECT,
    "properties": _OBJECT,
    "limited_data_use": _BOOLEAN,
    "device": _OBJECT,
    "app": _OBJECT,
    "ad": _OBJECT,
    "lead": _OBJECT,
}
_USER = dict.fromkeys(("email", "phone", "external_id"), _STRINGS) | dict.fromkeys(
    (
        *("ttclid", "ttp", "ip", "user_agent", "locale"),
        *("first_name", "last_name", "zip_code", "city", "state", "country"),
        *("idfa", "idfv", "gaid", "att_status"),
    ),
    _STRING,
)
_PAGE = {"url": _STRING, "referrer": _STRING}
_PROPERTIES = {
    "contents": _OBJECTS,
    "content_ids": _LIST_OF_STRINGS,
    "value": _NUMBER,
    "num_items": _INTEGER,
    "predicted_ltv": _NUMBER,
} | dict.fromkeys(
    (
        *("content_type", "currency", "search_string", "query", "description"),
        *("order_id", "shop_id", "status", "delivery_category"),
    ),
    _STRING,
)
_CONTENT = {"price": _NUMBER, "quantity": _INTEGER} | dict.fromkeys(
    ("content_id", "content_name", "content_category", "content_type", "brand", "description"), _STRING
)

_HASHED = frozenset({"email", "phone", "external_id", "first_name", "last_name", "zip_code"})
_NEVER_HASHED = frozenset({"ttclid", "ttp", "ip", "user_agent", "locale", "city", "state", "country"})
_APP_ONLY = frozenset({"idfa", "idfv", "gaid", "att_status"})
_is_hash = re.compile(r"[0-9A-Fa-f]{64}").fullmatch
_is_ttp = re.compile(r"[A-Za-z0-9._-]{20,80}").fullmatch

_CURRENCIES = frozenset(
    """
    AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK JPY
    KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD UAH
    USD VES VND ZAR
    """.split()  # noqa: SIM905  sixty quoted strings read worse
)

_MISNAMED_PROPERTIES = {
    "contents_ids": "the name is content_ids",
    "content_id": "belongs into contents, or into content_ids",
    "event_id": "belongs beside properties, not inside",
}
_MISNAMED = {
    "phone_number": "the Events API calls it phone",
    "timestamp": "the Events API 2.0 calls it event_time, in Unix seconds",
    "context": "a field of the Events API 1.0; use user and page",
    "pixel_code": "a field of the Events API 1.0; use event_source_id",
}


def read_json(body: bytes) -> object:
    """The JSON of a request; raises ValueError for anything that is not strict JSON (NaN and 1e999 included)."""
    try:
        return json.loads(body, parse_constant=_not_json, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def judge(
    body: object, token: str, pixels: Mapping[str, str], now: float, refuse_ids: Collection[str] = frozenset()
) -> Answer:
    """TikTok's answer to a whole request: token first, then the request's own fields, then every item.

    ``body`` is the parsed JSON (None if unreadable), ``pixels`` maps pixel codes to tokens, ``now`` is in Unix seconds,
    and an item whose event_id is in ``refuse_ids`` is refused as invalid.
    """
    if token not in pixels.values():
        return Answer(BAD_TOKEN, MESSAGES[BAD_TOKEN])
    if type(body) is not dict:
        return Answer(INVALID, "Invalid JSON.")
    fault = _request_fault(body)
    if fault:
        return Answer(INVALID, f"Invalid value for {fault[0]}: {fault[1]}", _length(body.get("data")))
    items: list[object] = body["data"]
    if pixels.get(body["event_source_id"]) != token:
        return Answer(NO_PERMISSION, MESSAGES[NO_PERMISSION], len(items))
    return _judge_items(items, _warn_unknown(body, _TOP), now, refuse_ids)


def check_properties(properties: Mapping[str, Any], found: Findings) -> None:
    """Judge an event's properties; the Pixel takes the same ones, but only ever drops what it does not like."""
    _check_types(properties, _PROPERTIES, "properties.", found)
    for name in properties:
        if name in _MISNAMED_PROPERTIES:
            found.warnings.append((f"properties.{name}", _MISNAMED_PROPERTIES[name]))
    _check_content_type(properties, "properties.", found)
    _check_money(properties, found)
    contents = properties.get("contents")
    if _OBJECTS.fits(contents):
        for place, content in enumerate(contents or ()):
            path = f"properties.contents.{place}."
            _check_types(content, _CONTENT, path, found)
            _check_content_type(content, path, found)
            if "content_id" not in content:
                found.warnings.append((f"{path}content_id", "missing, so the product is not found in the catalog"))


def check_hashes(user: Mapping[str, Any], names: Collection[str], path: str, found: Findings) -> None:
    """Warn of the named user fields that are not SHA-256: TikTok can match nothing with them."""
    for name, value in user.items():
        if name in names and not all(map(_is_hashed, value if type(value) is list else (value,))):
            found.warnings.append((path + name, "not hashed with SHA-256 (64 hexadecimal digits)"))


def _is_hashed(value: object) -> bool:
    """Empty values and wrong types are told of elsewhere."""
    return type(value) is not str or not value or _is_hash(value) is not None


def _not_json(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:  # infinity minus itself is not a number
        raise ValueError("a number out of range")
    return number


def _length(data: object) -> int:
    return len(data) if type(data) is list else 0


def _request_fault(body: Mapping[str, Any]) -> Problem | None:
    """The first thing wrong with the request itself, apart from its items."""
    for name in ("event_source", "event_source_id", "data"):
        if name not in body:
            return name, "missing data for required field."
    for name, kind in _TOP.items():
        if name in body and not kind.fits(body[name]):
            return name, f"not a valid {kind.name}."
    if body["event_source"] not in ("web", "app", "offline", "crm"):
        return "event_source", "must be one of web, app, offline, crm."
    # TikTok names event_source_id when the kind of id does not fit the source. All the sandbox has are pixel codes,
    # and ids of apps and of event sets are all digits.
    if body["event_source"] != "web" or not body["event_source_id"] or body["event_source_id"].isdigit():
        return "event_source_id", f"not a valid id for the event source {body['event_source']}."
    if not 1 <= len(body["data"]) <= MAX_ITEMS:
        return "data", f"length must be between 1 and {MAX_ITEMS}."
    return None


def _judge_items(items: list[object], warnings: list[str], now: float, refuse_ids: Collection[str]) -> Answer:
    events: list[Told] = []
    for place, item in enumerate(items):
        found = Findings()
        _check_item(item, now, found)
        if not found.errors and item.get("event_id") in refuse_ids:  # type: ignore[attr-defined]
            found.errors.append(("event_id", "Refused by the sandbox's behaviour"))
        if found.errors:
            return Answer(INVALID, _refusal(found.errors[0], place, len(items)), len(items), warnings)
        told = tuple([f"{path}: {text}" for path, text in found.warnings])
        warnings.extend(f"data.{place}.{text}" for text in told)
        events.append(Told(item["event"], item.get("event_id", ""), told))  # type: ignore[index, attr-defined]
    return Answer(OK, MESSAGES[OK], len(items), warnings, events)


def _refusal(problem: Problem, place: int, items: int) -> str:
    """TikTok's own two ways of naming a field, as captured: with a path in a batch, without for a single event."""
    path, text = problem
    if items == 1:
        return f"Invalid value for {path or 'data'}: {text[:1].lower()}{text[1:]}."
    return f"Batch.{place}{'.' if path else ''}{path}: {text}"


def _check_item(item: Any, now: float, found: Findings) -> None:
    if type(item) is not dict:
        found.errors.append(("", "Not a valid object"))
        return
    for name in ("event", "event_time"):
        if name not in item:
            found.errors.append((name, "Missing data for required field"))
    _check_types(item, _ITEM, "", found)
    if found.errors:
        return
    if not item["event"]:
        found.errors.append(("event", "Missing data for required field"))
    _check_time(item["event_time"], now, found)
    if not item.get("event_id"):
        found.warnings.append(("event_id", "missing, so TikTok cannot tell it from the pixel's event"))
    found.warnings.extend(_problem(line) for line in _warn_unknown(item, _ITEM))
    found.warnings.extend((name, "not used for web events") for name in ("app", "ad", "lead") if name in item)
    _check_user(item.get("user", {}), found)
    _check_page(item.get("page", {}), found)
    check_properties(item.get("properties", {}), found)


def _check_types(values: Mapping[str, Any], table: Mapping[str, _Kind], path: str, found: Findings) -> None:
    for name, value in values.items():
        kind = table.get(name)
        if kind is not None and not kind.fits(value):
            found.errors.append((path + name, f"Not a valid {kind.name}"))
        elif value == "" and name != "event_id":
            found.warnings.append((path + name, "empty; leave it out"))


def _check_time(event_time: int, now: float, found: Findings) -> None:
    if event_time > 100_000_000_000:
        found.warnings.append(("event_time", "looks like milliseconds; TikTok wants Unix seconds"))
    elif event_time > now + FUTURE_SECONDS:
        found.warnings.append(("event_time", "lies in the future"))


def _check_user(user: Mapping[str, Any], found: Findings) -> None:
    _check_types(user, _USER, "user.", found)
    check_hashes(user, _HASHED, "user.", found)
    for name in user:
        if name not in _USER:
            found.warnings.append((f"user.{name}", _MISNAMED.get(name, "unknown field, TikTok drops it in silence")))
        elif name in _APP_ONLY:
            found.warnings.append((f"user.{name}", "not used for web events"))
        elif name in _NEVER_HASHED and type(user[name]) is str and _is_hash(user[name]):
            found.warnings.append((f"user.{name}", "must not be hashed"))
    _check_browser(user, found)
    if not any(user.values()):
        found.warnings.append(("user", "no match keys, so the event belongs to nobody"))


def _check_browser(user: Mapping[str, Any], found: Findings) -> None:
    ip, ttp, ttclid = user.get("ip"), user.get("ttp"), user.get("ttclid")
    if type(ip) is str and ip:
        if not _is_public(ip):
            found.warnings.append(("user.ip", "not a public address"))
        if not user.get("user_agent"):
            found.warnings.append(("user.user_agent", "missing; send it together with ip"))
    if type(ttp) is str and ttp and not _is_ttp(ttp):
        found.warnings.append(("user.ttp", "not the value of a _ttp cookie"))
    if type(ttclid) is str and "__CLICKID__" in ttclid:
        found.warnings.append(("user.ttclid", "a placeholder that the ad's address never filled in"))


@lru_cache(maxsize=4096)
def _is_public(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_global
    except ValueError:
        return False


def _check_page(page: Mapping[str, Any], found: Findings) -> None:
    _check_types(page, _PAGE, "page.", found)
    if "url" not in page:
        found.warnings.append(("page.url", "missing, though web events need it"))


def _check_content_type(values: Mapping[str, Any], path: str, found: Findings) -> None:
    value = values.get("content_type")
    if type(value) is str and value not in ("", "product", "product_group"):
        found.warnings.append((f"{path}content_type", "neither product nor product_group"))


def _check_money(properties: Mapping[str, Any], found: Findings) -> None:
    currency = properties.get("currency")
    if type(currency) is str and currency and currency not in _CURRENCIES:
        lower = currency.upper() in _CURRENCIES
        text = "must be upper-case" if lower else "not a currency that TikTok lists"
        found.warnings.append(("properties.currency", text))
    if "value" in properties and not currency:
        found.warnings.append(("properties.currency", "missing, so value means nothing"))


def _warn_unknown(values: Mapping[str, object], table: Mapping[str, _Kind]) -> list[str]:
    return [
        f"{name}: {_MISNAMED.get(name, 'unknown field, TikTok drops it in silence')}"
        for name in values
        if name not in table
    ]


def _problem(line: str) -> Problem:
    path, _, text = line.partition(": ")
    return path, text
