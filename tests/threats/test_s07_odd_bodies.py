"""S7: bodies that are too large, too deep, of another kind, or not what they say."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

Event = Callable[..., dict[str, Any]]
RELAY = "/t/open_api/v1.3/event/track/"
KIB = 1024


def padded(report: dict[str, Any], size: int) -> bytes:
    """The report as JSON of exactly ``size`` bytes."""
    text = json.dumps(report)
    return (text + " " * (size - len(text))).encode()


@pytest.mark.parametrize(("path", "most"), [("/t/e", 64 * KIB), (RELAY, 4 * KIB * KIB)], ids=["browsers", "back ends"])
def test_s7_each_door_has_its_own_limit_to_the_byte(shop: Shop, event: Event, path: str, most: int) -> None:
    item = {"event": "Contact", "event_id": "e1", "event_time": ""}
    track = {"event_source": "web", "event_source_id": "COQDA8RC77U2TMR44LI0", "data": [item]}
    body = event() if path == "/t/e" else track
    headers = {"Content_Type": "application/json", "Access_Token": "the-shops-key"}
    over = shop.post(padded(body, most + 1), path, **headers)
    assert (over.status_code, shop.stored()) == (413, [])
    assert shop.post(padded(body, most), path, **headers).status_code in (200, 202)
    assert len(shop.stored()) == 1


def test_s7_a_body_without_a_length_is_measured_as_it_is_read(shop: Shop, event: Event) -> None:
    def chunked(body: bytes) -> int:
        headers = {"Host": "shop.example", "Origin": "https://shop.example", "Content-Type": "text/plain"}
        environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        answer = shop.client.post("/t/e", headers=headers, data=body, environ_overrides=environ)
        return answer.status_code

    assert chunked(padded(event(), 64 * KIB + 1)) == 413
    assert chunked(padded(event(), 64 * KIB)) == 202
    assert len(shop.stored()) == 1


@pytest.mark.parametrize(
    "content_type",
    [
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html", "application/xml", ""),
        *("application/json+x", "text/plain2", "application/octet-stream", "text/plain,application/json", "json"),
    ],
)
def test_s7_only_json_by_name(shop: Shop, event: Event, content_type: str) -> None:
    answer = shop.post(event(), Content_Type=content_type)
    assert (answer.status_code, answer.json["error"]["field"], shop.stored()) == (415, "Content-Type", [])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
def test_s7_nothing_is_unpacked(shop: Shop, event: Event, encoding: str) -> None:
    packed = gzip.compress(json.dumps(event()).encode())
    answer = shop.post(packed, Content_Encoding=encoding)
    assert (answer.status_code, answer.json["error"]["field"], shop.stored()) == (415, "Content-Encoding", [])


ODD = {
    "nothing": b"",
    "a nest of 10,000": b"[" * 10_000 + b"]" * 10_000,
    "a nest of 10,000 without an end": b'{"a":' * 10_000,
    "a nest in properties": json.dumps({"properties": eval("[" * 9 + "]" * 9)}).encode(),
    "NaN": b'{"n": NaN}',
    "Infinity": b'{"n": -Infinity}',
    "1e999": b'{"n": 1e999}',
    "an integer of 5,000 digits": b'{"n": ' + b"9" * 5_000 + b"}",
    "the same name twice": b'{"event": "Contact", "event": "Purchase"}',
    "the same name twice, escaped": b'{"event": "Contact", "\\u0065vent": "Purchase"}',
    "NUL": b'{"event": "Con\\u0000tact"}',
    "half a pair": b'{"event": "\\ud800"}',
    "UTF-16": '{"event": "Contact"}'.encode("utf-16"),
    "UTF-32": '{"event": "Contact"}'.encode("utf-32"),
    "not UTF-8": b'{"event": "\xff\xfe"}',
    "overlong UTF-8": b'{"event": "\xc0\x80"}',
    "two values": b"{} {}",
    "a number": b"7",
    "a string": b'"Contact"',
    "null": b"null",
    "no report": b"[[]]",
    "JavaScript": b"{event: 'Contact'}",
    "a form": b"event=Contact&view=x",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "a pickle": b"\x80\x04\x95.",
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_s7_what_is_no_report_is_a_400_that_stores_nothing(shop: Shop, body: bytes) -> None:
    single = shop.post(body)
    assert (single.status_code == 202) == (body == b"[[]]"), single.text
    assert single.status_code in (202, 400)
    track = shop.post(body, RELAY, Content_Type="application/json", Access_Token="the-shops-key")
    assert track.status_code == 400
    assert set(track.json) == {"code", "message", "request_id", "data"}
    assert shop.stored() == []


def test_s7_without_a_key_nobody_makes_the_relay_read(shop: Shop) -> None:
    class Untouched:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    answer = shop.client.post(
        RELAY,
        headers={"Content-Type": "application/json", "Access-Token": "wrong"},
        environ_overrides={"wsgi.input": Untouched(), "CONTENT_LENGTH": "1000"},
    )
    assert answer.status_code == 401
