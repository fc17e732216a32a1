"""From untrusted JSON to reports: the front door of this room for requests.

A report from a browser is refused only when it cannot be an event. Whatever else is wrong with it is repaired or left
out with a warning, because the shopper's action did happen. What a back end sends to the relay is read in ``track``.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from proxy.errors import Rejected
from proxy.events import names
from proxy.events.address import path_warning, web_url
from proxy.events.event_id import told_key, usable_key
from proxy.events.identity import USER_FIELDS
from proxy.events.properties import repair
from proxy.events.report import Consent, PixelState, Report, Rules, told_warnings
from proxy.events.scalars import as_integer, as_number, as_text, is_empty, read_decimal
from proxy.events.signals import TTCLID_WANTED, TTP_WANTED, read_ttclid, read_ttp
from proxy.events.strict_json import parse_json
from proxy.events.track import RejectedTrack, Track, read_track

__all__ = ["RejectedTrack", "Report", "Rules", "Track", "parse_json", "read_report", "read_track"]

OTHER_SENDER = "other_sender: another script on the page sends to the same pixel, so TikTok counts its events too"
LONGEST_TICKET = 4_096
LONGEST_SITE = 100
MOST_SECONDS = 10**11  # the year 5138; more can only be milliseconds

_VIEW = re.compile("[0-9a-z]{24}")

T = TypeVar("T")


def read_report(item: object, rules: Rules) -> Report:
    """The report that ``item``, one object of `POST /t/e`, tells.

    Raises Rejected (``missing``, ``invalid``, ``unknown_event``) when it has no usable event, view or n.
    """
    if not isinstance(item, dict):
        raise Rejected("invalid", "", "A report must be an object with event, view and n.")
    event, view, n = _event(item, rules), _view(item), _n(item)
    told = _Told(item)
    properties, complaints = repair(item.get("properties"))
    url, referrer = told.url(rules), told.optional("referrer", web_url, "must start with https:// or http://")
    cut = (*path_warning("url", url), *path_warning("referrer", referrer))
    other = (OTHER_SENDER,) if item.get("other_sender") is True else ()
    return Report(
        event=event,
        view=view,
        n=n,
        key=told.key(event, rules),
        placed=told.optional("placed", _seconds, "must be the order's time in Unix seconds"),
        time=told.optional("time", _milliseconds, "must be Unix milliseconds"),
        sent=told.optional("sent", _milliseconds, "must be Unix milliseconds"),
        url=url,
        referrer=referrer,
        properties=properties,
        ttclid=told.optional("ttclid", read_ttclid, TTCLID_WANTED),
        ttp=told.optional("ttp", read_ttp, TTP_WANTED),
        user=told.user(),
        consent=told.consent(rules),
        ticket=told.optional("ticket", _ticket, "must be a ticket as the proxy signs it"),
        pixel=told.optional("pixel", _pixel, "must be sent, blocked, off or unknown"),
        retry=told.optional("retry", _count, "must be a whole number") or 0,
        site=told.optional("site", _site, "must be a site's name"),
        warnings=told_warnings([*other, *told.warnings, *cut, *complaints]),
    )


def _event(item: dict[str, Any], rules: Rules) -> str:
    event = item.get("event")
    problem = names.problem_with(event, rules.event_names)
    if problem:
        raise Rejected(problem[0], "event", problem[1])
    return str(event)


def _view(item: dict[str, Any]) -> str:
    view = item.get("view")
    if is_empty(view):
        raise Rejected("missing", "view", "Send view, the 24 characters that name the page view.")
    if not isinstance(view, str) or not _VIEW.fullmatch(view):
        raise Rejected("invalid", "view", "The view must be 24 characters of 0-9 and a-z.")
    return view


def _n(item: dict[str, Any]) -> int:
    if is_empty(item.get("n")):
        raise Rejected("missing", "n", "Send n, the number of the event in its view, from 0.")
    n = as_integer(item["n"])
    if n is None or n < 0:
        raise Rejected("invalid", "n", "The number n must be a JSON integer from 0 to 9007199254740991.")
    return n


class _Told:
    """The optional fields of one report: each usable or left out, with the warnings that come of it."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        self.warnings: list[str] = []

    def optional(self, name: str, read: Callable[[object], T | None], wants: str) -> T | None:
        value = self.item.get(name)
        if is_empty(value):
            return None
        usable = read(value)
        if usable is None:
            self.warnings.append(f"{name}: {wants}; dropped")
        return usable

    def key(self, event: str, rules: Rules) -> str | None:
        told = told_key(event, self.item.get("key"), self.item.get("properties"), rules.order_events)
        key = usable_key(told)
        if told is not None and key is None:
            self.warnings.append(
                "key: must be a string of 1 to 128 bytes without control characters or an e-mail address, "
                "or a whole number; the view names the event instead"
            )
        return key

    def url(self, rules: Rules) -> str:
        url = web_url(self.item.get("url"))
        if url is None:
            self.warnings.append("url: must be the page's address with https:// or http://; its origin is sent instead")
            return rules.fallback_url
        return url

    def consent(self, rules: Rules) -> Consent:
        """What is told but unreadable may have been a refusal, so it counts as one."""
        told = self.item.get("consent")
        if is_empty(told):
            return "limited" if rules.default_consent == "limited" else "granted"
        if told not in ("granted", "limited"):
            self.warnings.append("consent: must be granted or limited; taken as limited")
        return "granted" if told == "granted" else "limited"

    def user(self) -> dict[str, str | list[str]]:
        told = self.item.get("user")
        if is_empty(told):
            return {}
        if not isinstance(told, dict):
            self.warnings.append("user: must be an object; dropped")
            return {}
        user: dict[str, str | list[str]] = {}
        for name, value in told.items():
            field = "phone" if name == "phone_number" else name  # the Pixel's name for it
            if is_empty(value) or (field != name and told.get(field)):
                continue
            if field in USER_FIELDS:
                user.update(self.user_field(field, value))
            else:
                self.warnings.append("user: holds a field that TikTok does not take; dropped")
        return user

    def user_field(self, field: str, value: object) -> dict[str, str | list[str]]:
        members = [
            as_text(member) for member in (value if isinstance(value, list) else [value]) if not is_empty(member)
        ]
        if None in members:
            self.warnings.append(f"user.{field}: must be a string or an array of strings; dropped")
        texts = [text for text in members if text]
        if not texts:
            return {}
        return {field: texts if isinstance(value, list) else texts[0]}


def _seconds(value: object) -> int | None:
    number = as_number(read_decimal(value))
    return int(number) if number is not None and 0 < number < MOST_SECONDS else None


def _milliseconds(value: object) -> int | None:
    number = as_number(read_decimal(value))
    return int(number) if number is not None and number >= 0 else None


def _count(value: object) -> int | None:
    number = as_integer(value)
    return number if number is not None and number >= 0 else None


def _pixel(value: object) -> PixelState | None:
    return value if value in ("sent", "blocked", "off", "unknown") else None


def _ticket(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_TICKET and value.isascii() else None


def _site(value: object) -> str | None:
    text = as_text(value)
    return text if text and len(text) <= LONGEST_SITE else None
