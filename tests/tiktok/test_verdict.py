"""The verdict on every answer the references name, on nonsense, and on anything at all."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tiktok.client import Reply
from proxy.tiktok.verdict import (
    LONGEST_MESSAGE,
    LONGEST_RETRY_AFTER,
    Delivered,
    Pause,
    Refused,
    TooLarge,
    TryAgain,
    Verdict,
    judge,
)
from tests.replies import REPLIES, UNREADABLE, told

NOW = 1_790_000_000.0


def verdict(status: int, body: bytes, retry_after: str | None = None) -> Verdict:
    return judge(Reply(status, body, {} if retry_after is None else {"retry-after": retry_after}), NOW)


AGAIN, UNKNOWN = "again, not counted", "again, perhaps counted"


def name(found: Verdict) -> str:
    match found:
        case TryAgain(unknown=unknown):
            return UNKNOWN if unknown else AGAIN
        case Delivered(alarm=alarm):
            return "delivered, alarm" if alarm else "delivered"
    return type(found).__name__.lower()


CODES = [
    (0, "delivered"),
    (20001, "delivered, alarm"),
    (40001, "pause"),
    (40002, "refused"),
    (40100, AGAIN),
    (40101, "pause"),
    (40102, "pause"),
    (40103, "pause"),
    (40104, "pause"),
    (40105, "pause"),
    (40110, "pause"),
    (40112, "pause"),
    (50000, UNKNOWN),
    (50001, UNKNOWN),
    (50002, UNKNOWN),
    (51001, UNKNOWN),
    (51010, UNKNOWN),
    (51021, AGAIN),
    (51039, UNKNOWN),
    (59999, UNKNOWN),
    (40000, UNKNOWN),
    (40003, UNKNOWN),
    (40106, UNKNOWN),
    (42900, UNKNOWN),
    (1, UNKNOWN),
    (-1, UNKNOWN),
    (200, UNKNOWN),
    (10**30, UNKNOWN),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
def test_each_code_over_http_200(code: int, expected: str) -> None:
    assert name(verdict(200, told(code, "words"))) == expected


STATUSES = [
    (100, UNKNOWN),
    (200, UNKNOWN),
    (204, UNKNOWN),
    (300, "pause"),
    (301, "pause"),
    (302, "pause"),
    (304, "pause"),
    (307, "pause"),
    (308, "pause"),
    (399, "pause"),
    (400, AGAIN),
    (401, "pause"),
    (403, "pause"),
    (404, AGAIN),
    (405, AGAIN),
    (408, UNKNOWN),
    (413, "toolarge"),
    (422, AGAIN),
    (429, AGAIN),
    (499, AGAIN),
    (500, UNKNOWN),
    (502, UNKNOWN),
    (503, UNKNOWN),
    (504, UNKNOWN),
    (599, UNKNOWN),
    (999, UNKNOWN),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_each_status_over_a_page_that_is_not_json(status: int, expected: str) -> None:
    assert name(verdict(status, b"<html>nginx</html>")) == expected


MIXED = [
    # a final code needs a status that agrees; in any doubt the events stay
    (201, 0, "delivered"),
    (202, 20001, "delivered, alarm"),
    (500, 0, UNKNOWN),
    (503, 20001, UNKNOWN),
    (404, 0, UNKNOWN),
    (429, 0, UNKNOWN),
    (401, 0, "pause"),
    (302, 0, "pause"),
    (413, 0, "toolarge"),
    (400, 40002, "refused"),
    (422, 40002, "refused"),
    (500, 40002, UNKNOWN),
    (403, 40002, "pause"),
    (429, 40002, AGAIN),
    (413, 40002, "toolarge"),
    # codes that keep the events say more than the status does
    (401, 40100, AGAIN),
    (429, 40100, AGAIN),
    (400, 50000, UNKNOWN),
    (500, 40105, "pause"),
    (400, 40001, "pause"),
    (403, 40199, "pause"),
    (400, 40199, AGAIN),
    (302, 40100, "pause"),
]


@pytest.mark.parametrize(("status", "code", "expected"), MIXED)
def test_status_and_code_together(status: int, code: int, expected: str) -> None:
    assert name(verdict(status, told(code))) == expected


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_not_strict_json_with_an_integer_code_is_tried_again(body: bytes) -> None:
    assert name(verdict(200, body)) == UNKNOWN


FAILURES = [
    ("timeout", True, UNKNOWN),
    ("reset", True, UNKNOWN),
    ("too large", True, UNKNOWN),
    ("broken", True, UNKNOWN),
    ("timeout", False, AGAIN),
    ("refused", False, AGAIN),
    ("dns", False, AGAIN),
    ("tls", False, AGAIN),
    ("bad token", False, "pause"),
]


@pytest.mark.parametrize(("failure", "sent", "expected"), FAILURES)
def test_each_transport_failure(failure: str, sent: bool, expected: str) -> None:
    assert name(judge(Reply(None, failure=failure, sent=sent), NOW)) == expected


# ---------------------------------------------------------------------------------------------- what a verdict tells


def test_a_delivery_carries_tiktoks_request_id() -> None:
    assert verdict(200, told(0, "OK")) == Delivered("20261124", None)
    assert verdict(200, b'{"code":0}') == Delivered(None, None)
    assert verdict(200, b'{"code":0,"request_id":7,"message":7}') == Delivered(None, None)


def test_a_partial_success_alarms_with_tiktoks_words() -> None:
    assert verdict(200, told(20001, "2 events dropped")) == Delivered(
        "20261124", "code 20001, partial success: 2 events dropped"
    )


def test_a_refusal_carries_tiktoks_words_on_one_clean_line() -> None:
    found = verdict(200, told(40002, "Bad\n\x1b[31m value\x00 \ud800 \u202eevil\u2028x  é😀"))
    assert found == Refused(40002, "Bad [31m value evil x é😀", "20261124", False)


def test_words_of_any_length_are_shortened() -> None:
    found = verdict(200, told(40002, "word " * 10_000, request_id="r" * 10_000))
    assert isinstance(found, Refused)
    assert len(found.message) == LONGEST_MESSAGE
    assert found.message.endswith("…")
    assert found.request_id is not None
    assert len(found.request_id) == 64


def test_reasons_say_what_happened() -> None:
    assert verdict(200, told(40105, "Access token is incorrect")) == Pause(
        "code 40105, access token wrong or revoked: Access token is incorrect", 40105
    )
    assert verdict(502, b"<html>") == TryAgain("HTTP 502: the answer cannot be read", None, unknown=True)
    assert verdict(200, told(47)) == TryAgain("HTTP 200, with code 47: not a known answer", None, unknown=True)
    assert verdict(429, b"") == TryAgain("HTTP 429: too many requests", None, unknown=False)
    assert verdict(413, b"") == TooLarge("HTTP 413: the request is too large")
    assert judge(Reply(None, failure="dns", sent=False), NOW) == TryAgain("no answer: dns", None, unknown=False)


NAMING = [
    ("Invalid value for event_source_id: not a valid pixel code.", True),
    ("event_source_id: Invalid value", True),
    ("Invalid parameter: event_source is required", True),
    ("Missing required field event_source", True),
    ("Invalid pixel code", True),
    ("pixel_code is invalid", True),
    ("Invalid access token", True),
    ("Invalid value for test_event_code: too long.", True),
    ("Invalid value for data: Length must be between 1 and 1000.", True),
    ("data: Missing data for required field.", True),
    ("Missing data.", True),
    ('Field "data" must be a list', True),
    ("data must not be empty", True),
    ("Invalid value for event_id: not a valid string.", False),
    ("Invalid value for event: not a valid string.", False),
    ("Invalid value for event_time: in the future", False),
    ("Batch.0.properties.contents.0.content_id: not a string", False),
    ("data.0.event_source_id: unknown field", False),
    ("data[3].user.email: bad hash", False),
    ("Invalid value for data.3.user.email: bad hash", False),
    ("Invalid value for data 3: bad", False),
    ("Missing data in properties.contents", False),
    ("Invalid value for value: not a number", False),
    ("Invalid data", False),
    ("The metadata: broken", False),
    ("my_event_source_id_x is odd", False),
    ("Something is wrong", False),
    ("", False),
    # a shopper's text, echoed, must not stop the shop
    ("Invalid value for event: 'event_source_id' is not supported.", False),
    ("Invalid value for event_id: 'invalid access token' is too long", False),
    ("Invalid value for properties.query: 'event_source: data: pixel code'", False),
]


@pytest.mark.parametrize(("message", "expected"), NAMING)
def test_a_refusal_says_whether_the_request_is_at_fault(message: str, expected: bool) -> None:
    found = verdict(200, told(40002, message))
    assert isinstance(found, Refused)
    assert found.names_request is expected


# ---------------------------------------------------------------------------------------------- Retry-After


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds), usegmt=True)


RETRY_AFTER = [
    ("0", 0.0),
    ("7", 7.0),
    (" 7 ", 7.0),
    ("007", 7.0),
    ("1.5", 1.5),
    ("3600", 3600.0),
    ("3601", LONGEST_RETRY_AFTER),
    (str(10**9), LONGEST_RETRY_AFTER),
    ("9" * 10_000, LONGEST_RETRY_AFTER),
    (http_date(90), 90.0),
    (http_date(-90), 0.0),
    (http_date(10**8), LONGEST_RETRY_AFTER),
    ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
    ("Sun Nov  6 08:49:37 1994", 0.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
    ("", None),
    ("-5", None),
    ("+5", None),
    ("1e3", None),
    ("0x10", None),
    ("5 seconds", None),
    ("5, 10", None),
    ("soon", None),
    ("nan", None),
    ("inf", None),
    ("٣", None),
    ("²", None),
    ("５", None),
    ("Fri, 99 Dec 2026 23:59:59 GMT", None),
    ("\x00", None),
]


@pytest.mark.parametrize(("value", "expected"), RETRY_AFTER)
@pytest.mark.parametrize(("status", "body"), [(429, b""), (503, b"<html>"), (200, told(40100)), (200, told(50000))])
def test_retry_after_is_read_as_seconds_from_now(status: int, body: bytes, value: str, expected: float | None) -> None:
    found = verdict(status, body, value)
    assert isinstance(found, TryAgain)
    assert found.retry_after == expected


# ---------------------------------------------------------------------------------------------- anything at all


@given(REPLIES, st.floats(0, 1e11))
def test_any_reply_gets_a_verdict_and_only_a_readable_0_or_20001_is_a_delivery(reply: Reply, now: float) -> None:
    found = judge(reply, now)
    if isinstance(found, Delivered | Refused):
        assert reply.status is not None
        code = json.loads(reply.body)["code"]
        assert type(code) is int
        assert code in ((0, 20001) if isinstance(found, Delivered) else (40002,))
        assert 200 <= reply.status <= 299 or (isinstance(found, Refused) and reply.status in (400, 422))
    if isinstance(found, TryAgain) and found.retry_after is not None:
        assert 0 <= found.retry_after <= LONGEST_RETRY_AFTER
    for text in (getattr(found, "reason", ""), getattr(found, "message", "")):
        assert text.isprintable()
        assert len(text) < LONGEST_MESSAGE + 100
        text.encode()
