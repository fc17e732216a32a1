"""What TikTok's answer to a batch means for its events: one table, and ``judge``, which reads it.

The theory. TikTok answers errors with HTTP 200 and a ``code`` in a JSON body, so the status alone says nothing; and
gateways before it answer with HTML and a status, or cut replies short, so a body may say nothing either. Of the
verdicts two are final: ``Delivered`` ends an event's wait and ``Refused`` may end in the dead letters. Both need
readable JSON with an integer code *and* a status that does not contradict it. All others keep every event, so in doubt
the verdict is one of those: sending again under the same event_id costs nothing, believing wrongly costs an order.

The codes are TikTok's, as its plugins, SDKs and several independent clients report them; TikTok publishes no full list.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from proxy.tiktok.client import Reply

LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds. A longer ``Retry-After`` is a slip of the other side, and would silence a shop for years."""

LONGEST_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class Delivered:
    """TikTok has the whole batch. ``alarm`` is a sentence for the operator when it took it with a reservation."""

    request_id: str | None
    alarm: str | None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Send the same batch again later, in ``retry_after`` seconds at the earliest.

    ``unknown``: TikTok may have counted the batch all the same.
    """

    reason: str
    retry_after: float | None
    unknown: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """TikTok found something invalid and took nothing of the batch. ``message`` is its own, cleaned and shortened.

    ``names_request``: it names a field of the request as a whole, so that no single event is to blame.
    """

    code: int
    message: str
    request_id: str | None
    names_request: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """A setting is wrong (token, permission, address): nothing will pass until a person changes it."""

    reason: str
    code: int | None


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request has too many bytes: halve it."""

    reason: str


Verdict: TypeAlias = Delivered | TryAgain | Refused | Pause | TooLarge


# The table. Each code: what to do, and what it means in plain words.
_DELIVERED, _REFUSED, _PAUSE, _BUSY, _BROKEN = "delivered", "refused", "pause", "busy", "broken"

_CODES: Final = MappingProxyType(
    {
        0: (_DELIVERED, "accepted"),
        20001: (_DELIVERED, "partial success"),
        40001: (_PAUSE, "no permission for this pixel"),
        40002: (_REFUSED, "invalid parameter"),
        40100: (_BUSY, "too many requests"),
        40101: (_PAUSE, "wrong app id or secret"),
        40102: (_PAUSE, "access token expired or invalid"),
        40103: (_PAUSE, "access token expired or invalid"),
        40104: (_PAUSE, "access token missing or invalid"),
        40105: (_PAUSE, "access token wrong or revoked"),
        40110: (_PAUSE, "authorisation code invalid or expired"),
        40112: (_PAUSE, "access token or authorisation invalid"),
        50000: (_BROKEN, "internal error"),
        50001: (_BROKEN, "service error"),
        50002: (_BROKEN, "service unavailable"),
        51001: (_BROKEN, "internal timeout"),
        51010: (_BROKEN, "passing trouble"),
        51021: (_BUSY, "too many requests"),
        51039: (_BROKEN, "internal timeout"),
    }
)

# The statuses that say something when the body does not. 3xx is always a pause, and all others are "again later".
_STATUSES: Final = MappingProxyType(
    {
        401: (_PAUSE, "the access token was not accepted"),
        403: (_PAUSE, "no permission"),
        408: (_BROKEN, "the request timed out"),
        429: (_BUSY, "too many requests"),
    }
)

_UNSENDABLE = "the access token has characters that no token has; look for a line break or quotes copied with it"


def judge(reply: Reply, now: float) -> Verdict:
    """The verdict on ``reply``. ``now`` is in Unix seconds, for a ``Retry-After`` that names a date. Never raises.

    The code decides before the status does, with two exceptions. A 3xx pauses and a 413 halves whatever the body says,
    since neither was TikTok judging events. And a final code needs a fitting status: code 0 under HTTP 500 is two
    servers contradicting each other, so the status decides, the events stay and their outcome counts as unknown.
    """
    if reply.status is None:
        return _judge_failure(reply)
    if 300 <= reply.status <= 399:
        return Pause(f"HTTP {reply.status}: the address leads elsewhere, and redirects are not followed", None)
    if reply.status == 413:
        return TooLarge("HTTP 413: the request is too large")
    answer = _read(reply.body)
    if answer is None or not _fits(answer.code, reply.status):
        return _judge_status(reply, reply.status, answer, now)
    return _judge_code(reply, answer, now)


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    message: str
    request_id: str | None


def _judge_failure(reply: Reply) -> Verdict:
    if reply.failure == "bad token":
        return Pause(_UNSENDABLE, None)
    return TryAgain(f"no answer: {reply.failure}", None, unknown=reply.sent)


def _judge_code(reply: Reply, answer: _Answer, now: float) -> Verdict:
    kind, meaning = _CODES[answer.code]
    reason = f"code {answer.code}, {meaning}" + (f": {answer.message}" if answer.message else "")
    if kind == _DELIVERED:
        return Delivered(answer.request_id, alarm=None if answer.code == 0 else reason)
    if kind == _REFUSED:
        return Refused(answer.code, answer.message, answer.request_id, _names_request(answer.message))
    if kind == _PAUSE:
        return Pause(reason, answer.code)
    return TryAgain(reason, _retry_after(reply, now), unknown=kind != _BUSY)


def _judge_status(reply: Reply, status: int, answer: _Answer | None, now: float) -> Verdict:
    kind, meaning = _STATUSES.get(status, (_BROKEN, "the answer cannot be read"))
    said = "" if answer is None else f", with code {answer.code}"
    reason = f"HTTP {status}{said}: {meaning if answer is None or status in _STATUSES else 'not a known answer'}"
    if kind == _PAUSE:
        return Pause(reason, None)
    claims_success = answer is not None and _CODES.get(answer.code, ("", ""))[0] == _DELIVERED
    turned_away = kind == _BUSY or (400 <= status <= 499 and status != 408)
    return TryAgain(reason, _retry_after(reply, now), unknown=claims_success or not turned_away)


def _fits(code: int, status: int) -> bool:
    """Whether the code is known and may be believed under this status."""
    kind = _CODES.get(code, ("", ""))[0]
    if kind == _DELIVERED:
        return 200 <= status <= 299
    if kind == _REFUSED:
        return 200 <= status <= 299 or status in (400, 422)
    return kind != ""


def _read(body: bytes) -> _Answer | None:
    """The answer in ``body``; None unless it is one strict JSON object in UTF-8 with an integer code."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_unrepeated, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return None
    # bool is a kind of int in Python, and True == 1
    if not isinstance(found, dict) or type(found.get("code")) is not int:
        return None
    message = _clean(found.get("message"), LONGEST_MESSAGE)
    return _Answer(found["code"], message, request_id=_clean(found.get("request_id"), 64) or None)


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _not_json(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _clean(text: object, longest: int) -> str:
    """The text on one line, without what could harm a terminal or page or what no database takes (lone surrogates)."""
    if not isinstance(text, str):
        return ""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    line = " ".join(words)
    return line if len(line) <= longest else line[: longest - 1] + "…"


# Fields in TikTok's messages: "Invalid value for event_source_id: …", "Batch.0.properties.contents.0.content_id: …".
# The first one named is the one at fault; what follows may be an echo of a shopper's text, which must not be able to
# stop a whole shop. "data" is also an everyday word, so it counts only where a field's name would stand.
_ITEM: Final = (
    r"\b(?:data|batch)(?:\.|\[|\s+)\d+|\w\.\d+\b|\w\[\d+\]|\b(?:data|properties|user|page)\.[a-z]"
    r"|\b(?:event_id|event_time|event|user|page|properties|contents?|limited_data_use)\b"
)
_DATA: Final = r"(?:^\W*|\b(?:for|field|parameter|missing)\W+)data\W?\s*(?:$|[:;,]|\.(?!\w)|(?:is|must|should|can)\b)"
_REQUEST: Final = (
    rf"\b(?:event_source_id|event_source|test_event_code|pixel[ _-]code|access[ _-]token|partner_name)\b|{_DATA}"
)
_FIELD: Final = re.compile(f"(?P<item>{_ITEM})|(?P<request>{_REQUEST})", re.IGNORECASE | re.ASCII)


def _names_request(message: str) -> bool:
    first = _FIELD.search(message)
    return first is not None and first["request"] is not None


def _retry_after(reply: Reply, now: float) -> float | None:
    """``Retry-After`` (RFC 9110, 10.2.3) as seconds from ``now``, 0 to an hour; None when absent or malformed."""
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(float(value), LONGEST_RETRY_AFTER)  # float: endless digits are infinity, where int would raise
    try:
        date = parsedate_to_datetime(value)
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)
