"""TikTok's own request body, as back ends send it to the relay: strict, all or nothing, every bad field told at once.

Tolerant only where TikTok's own examples are: empty strings are left out, numbers may stand in quotes, event_time and
event_id may be empty.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proxy.errors import Rejected
from proxy.events import names
from proxy.events.address import path_warning, web_url
from proxy.events.event_id import is_usable_event_id, told_key, usable_key
from proxy.events.identity import USER_FIELDS
from proxy.events.properties import (
    CURRENCY_WANTED,
    INTEGER_WANTED,
    INTEGERS,
    NUMBER_WANTED,
    NUMBERS,
    TEXTS,
    is_currency,
    read_quantity,
    read_value,
    repair,
)
from proxy.events.report import Report, Rules, told_warnings
from proxy.events.scalars import (
    WHITE_SPACE,
    as_integer,
    as_text,
    holds_email,
    is_blank,
    is_empty,
    read_decimal,
)
from proxy.events.signals import TTCLID_WANTED, TTP_WANTED, read_ttclid, read_ttp

MOST_ITEMS = 1_000
MOST_AGE = 28 * 86_400  # TikTok's longest click window; what is older can no longer be attributed
MOST_SECONDS = 10**11  # the year 5138; more can only be milliseconds

# What documentation, ad macros and template engines leave behind when nobody fills them in.
_PLACEHOLDER = re.compile(
    r"<[A-Za-z_ .-]{1,40}>|__[A-Z_]{1,40}__|\$\{[\w .-]{1,60}\}|\{\{[\w .-]{1,60}\}\}|ACCESS_TOKEN", re.ASCII
)
_PLACEHOLDER_ENDS = frozenset(">_}N \t\r\n")
_SIGNALS = frozenset({"ttclid", "ttp", "ip", "user_agent", "phone_number"})

Errors = dict[str, str]


class RejectedTrack(Rejected):
    """The request is refused as a whole; ``errors`` lists (field, sentence) for every bad field of every item."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        field, sentence = errors[0]
        super().__init__("invalid", field, sentence)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Track:
    """A request to the relay: the pixel it names, its test code if any, and its events."""

    event_source_id: str
    test_event_code: str | None
    reports: tuple[Report, ...]


def read_track(body: object, rules: Rules, now: int, fresh_id: Callable[[], str]) -> Track:
    """The events that ``body`` tells; ``now`` in Unix seconds, ``fresh_id`` makes an event_id that nobody else has.

    Raises RejectedTrack with every bad field.
    """
    if not isinstance(body, dict):
        raise RejectedTrack([("", "The body must be an object with event_source, event_source_id and data.")])
    errors: Errors = {}
    _find_placeholders(body, "", errors)
    request = _Strict(body, "", errors)
    if request.text("event_source", needed=True) not in ("web", None):
        request.refuse("event_source", 'must be "web"; this proxy sends no other events')
    source = request.text("event_source_id", needed=True)
    test_event_code = request.text("test_event_code")
    if test_event_code and holds_email(test_event_code):
        request.refuse("test_event_code", "must be the code that TikTok Events Manager shows under Test Events")
    reports = tuple(
        _report(item, f"data.{index}.", test_event_code, rules, now, fresh_id, errors)
        for index, item in enumerate(_items(request))
    )
    if errors:
        raise RejectedTrack(list(errors.items()))
    return Track(source or "", test_event_code, reports)


def _items(request: "_Strict") -> list[object]:
    items = request.given.get("data")
    if not isinstance(items, list) or not items:
        request.refuse("data", "must be an array of 1 to 1,000 events")
        return []
    if len(items) > MOST_ITEMS:
        request.refuse("data", f"holds {len(items):,} events; TikTok takes at most 1,000 in one request")
        return []
    return items


def _report(
    given: object,
    where: str,
    test_event_code: str | None,
    rules: Rules,
    now: int,
    fresh_id: Callable[[], str],
    errors: Errors,
) -> Report:
    """One item; where it is bad, ``errors`` says so and the report is of no use."""
    item = _Strict(given if isinstance(given, dict) else {}, where, errors)
    if not isinstance(given, dict):
        errors.setdefault(where[:-1], "must be an object")
        return Report(event="", url="")
    event = _event(item, rules)
    user, page = item.inside("user"), item.inside("page")
    _check_properties(item.inside("properties"), errors)
    properties, complaints = repair(item.given.get("properties"))
    event_time = _event_time(item, now)
    event_id, key = _identify(item, event, rules, fresh_id)
    fields = user.user_fields()
    url = page.read("url", web_url, "must start with https:// or http://") or rules.fallback_url
    referrer = page.read("referrer", web_url, "must start with https:// or http://")
    cut = (*path_warning("page.url", url), *path_warning("page.referrer", referrer))
    limited = item.flag("limited_data_use") or rules.default_consent == "limited"
    return Report(
        event=event,
        event_id=event_id,
        key=key,
        event_time=event_time,
        url=url,
        referrer=referrer,
        properties=properties,
        ttclid=user.read("ttclid", read_ttclid, TTCLID_WANTED),
        ttp=user.read("ttp", read_ttp, TTP_WANTED),
        user=fields,
        ip=_ip(user),
        user_agent=user.text("user_agent"),
        consent="limited" if limited else "granted",
        test_event_code=test_event_code,
        device=repair(item.inside("device").given)[0],
        warnings=told_warnings([*item.warnings, *user.warnings, *cut, *complaints]),
    )


def _event(item: "_Strict", rules: Rules) -> str:
    event = item.given.get("event")
    problem = names.problem_with(event, rules.event_names)
    if problem:
        item.refuse("event", problem[1])
    return str(event)


def _event_time(item: "_Strict", now: int) -> int:
    told = item.given.get("event_time")
    if is_empty(told) or is_blank(told):
        return now
    seconds = as_integer(read_decimal(told))
    if seconds is None or seconds <= 0:
        item.refuse("event_time", "must be Unix seconds, such as 1697783008, or empty for now")
        return now
    if seconds >= MOST_SECONDS:
        item.refuse("event_time", "is in milliseconds; send Unix seconds, such as 1697783008")
        return now
    if seconds < now - MOST_AGE:
        item.warn("event_time: is more than 28 days ago, beyond TikTok's longest click window; sent as it is")
    return min(seconds, now)


def _identify(item: "_Strict", event: str, rules: Rules, fresh_id: Callable[[], str]) -> tuple[str, str | None]:
    """The event_id and the key. A back end's own event_id stays as it is; without one the order's key stands for it."""
    order_key = usable_key(told_key(event, None, item.given.get("properties"), rules.order_events))
    told = item.given.get("event_id")
    if is_empty(told) or is_blank(told):
        if order_key:
            return order_key, order_key
        item.warn("event_id: is missing; the one made for it cannot pair with the browser's report")
        return fresh_id(), None
    if not isinstance(told, str) or not is_usable_event_id(told):
        item.refuse("event_id", "must be a string of 1 to 128 bytes without control characters or an e-mail address")
        return "", None
    return told, order_key or usable_key(told)


def _ip(user: "_Strict") -> str | None:
    told = user.text("ip")
    if told is None:
        return None
    try:
        address = ipaddress.ip_address(told)
    except ValueError:
        user.refuse("ip", "must be the browser's public IPv4 or IPv6 address")
        return None
    if not address.is_global or "%" in told:
        user.warn("user.ip: is not a public address; dropped")
        return None
    return told


def _check_properties(properties: "_Strict", errors: Errors) -> None:
    properties.check_fields()
    contents, ids = properties.given.get("contents"), properties.given.get("content_ids")
    if not is_empty(contents) and not isinstance(contents, list):
        properties.refuse("contents", "must be an array of objects")
    for index, item in enumerate(contents if isinstance(contents, list) else ()):
        if isinstance(item, dict):
            _Strict(item, f"{properties.where}contents.{index}.", errors).check_fields()
        elif not is_empty(item):
            properties.refuse(f"contents.{index}", "must be an object")
    if not is_empty(ids) and not (isinstance(ids, list) and all(isinstance(one, str) or one is None for one in ids)):
        properties.refuse("content_ids", "must be an array of strings, each in quotes")


class _Strict:
    """One object of the request at ``where`` ("" or "data.0.user."); what is wrong with it goes to ``errors``."""

    def __init__(self, given: dict[str, Any], where: str, errors: Errors) -> None:
        self.given = given
        self.where = where
        self.errors = errors
        self.warnings: list[str] = []

    def refuse(self, name: str, sentence: str) -> None:
        """The first complaint about a field stands, so that a placeholder is called one."""
        self.errors.setdefault(self.where + name, sentence)

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)

    def inside(self, name: str) -> "_Strict":
        value = self.given.get(name)
        if not is_empty(value) and not isinstance(value, dict):
            self.refuse(name, "must be an object")
        return _Strict(value if isinstance(value, dict) else {}, f"{self.where}{name}.", self.errors)

    def text(self, name: str, *, needed: bool = False) -> str | None:
        value = self.given.get(name)
        text = as_text(value) if isinstance(value, str) else None
        if text is None and not is_empty(value):
            self.refuse(name, "must be a string")
        elif needed and not text:
            self.refuse(name, "is missing")
        return text or None

    def read(self, name: str, read: Callable[[object], str | None], wants: str) -> str | None:
        text = self.text(name)
        usable = None if text is None else read(text)
        if text is not None and usable is None:
            self.refuse(name, wants)
        return usable

    def flag(self, name: str) -> bool:
        value = self.given.get(name)
        if not is_empty(value) and not isinstance(value, bool):
            self.refuse(name, "must be true or false, without quotes")
        return value is True

    def user_fields(self) -> dict[str, str | list[str]]:
        user: dict[str, str | list[str]] = {}
        for name, value in self.given.items():
            if name in USER_FIELDS or name == "phone_number":
                texts = self.texts(name, value)
                if texts:
                    user.setdefault("phone" if name == "phone_number" else name, texts)
            elif name not in _SIGNALS:
                self.warn("user: holds a field that TikTok does not take; dropped")
        return user

    def texts(self, name: str, value: object) -> str | list[str] | None:
        if not isinstance(value, list):
            return self.text(name)
        if not all(isinstance(member, str) for member in value):
            self.refuse(name, "must be a string or an array of strings")
            return None
        return [text for text in map(as_text, value) if text]

    def check_fields(self) -> None:
        for name, value in self.given.items():
            fits, wants = _WANTED.get(name, _ANYTHING)
            if not fits(value) and not is_empty(value) and not is_blank(value):
                self.refuse(name, wants)


def _is_number(value: object) -> bool:
    return read_value(value) is not None


def _is_integer(value: object) -> bool:
    return read_quantity(value) is not None


def _is_currency(value: object) -> bool:
    return isinstance(value, str) and is_currency(value.strip(WHITE_SPACE))


def _is_string(value: object) -> bool:
    return isinstance(value, str)


# What each property that TikTok lists must be.
_WANTED: dict[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(TEXTS, (_is_string, "must be a string, in quotes")),
    **dict.fromkeys(NUMBERS, (_is_number, NUMBER_WANTED)),
    **dict.fromkeys(INTEGERS, (_is_integer, INTEGER_WANTED)),
    "currency": (_is_currency, CURRENCY_WANTED),
}
_ANYTHING = (lambda _value: True, "")


def _find_placeholders(container: dict[str, Any] | list[Any], where: str, errors: Errors) -> None:
    for name, member in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(member, (dict, list)):
            _find_placeholders(member, f"{where}{name}.", errors)
        # Looking at the last character first makes this walk over every string of 1,000 events cheap.
        elif isinstance(member, str) and member[-1:] in _PLACEHOLDER_ENDS:
            found = _PLACEHOLDER.fullmatch(member.strip())
            if found:
                sentence = f"is still the placeholder {found.group()}; put the real value, or leave the field out"
                errors[f"{where}{name}"] = sentence
