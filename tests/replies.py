"""What may come back instead of TikTok's answer: bodies that say nothing, and any reply at all."""

import json
from email.utils import format_datetime

from hypothesis import strategies as st

from proxy.tiktok.client import Reply


def told(code: object, message: object = "", **more: object) -> bytes:
    """TikTok's body with this code."""
    return json.dumps({"code": code, "message": message, "request_id": "20261124", "data": {}, **more}).encode()


UNREADABLE = {
    "empty": b"",
    "space": b"  \n",
    "html": b"<!doctype html><title>OK</title>",
    "text": b"OK",
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "text 0": b'"0"',
    "list": b"[]",
    "list of answers": b'[{"code":0}]',
    "empty object": b"{}",
    "only a message": b'{"message":"OK"}',
    "code null": b'{"code":null}',
    "code true": b'{"code":true}',
    "code false": b'{"code":false}',
    "code as text": b'{"code":"0"}',
    "code as empty text": b'{"code":""}',
    "code 0.0": b'{"code":0.0}',
    "code -0.0": b'{"code":-0.0}',
    "code 0e0": b'{"code":0e0}',
    "code 00": b'{"code":00}',
    "code +0": b'{"code":+0}',
    "code 0x0": b'{"code":0x0}',
    "code list": b'{"code":[0]}',
    "code object": b'{"code":{}}',
    "code NaN": b'{"code":NaN}',
    "NaN beside code": b'{"code":0,"data":NaN}',
    "Infinity beside code": b'{"code":0,"data":-Infinity}',
    "code of 5,000 digits": b'{"code":' + b"1" * 5000 + b"}",
    "Code": b'{"Code":0}',
    "code twice": b'{"code":40002,"code":0}',
    "key twice within": b'{"code":0,"data":{"a":1,"a":2}}',
    "code deeper": b'{"data":{"code":0}}',
    "truncated": b'{"code":0,"message":"OK"',
    "truncated in text": b'{"code":0,"message":"O',
    "rest behind": b'{"code":0}{"code":0}',
    "page behind": b'{"code":0}</html>',
    "single quotes": b"{'code':0}",
    "comment": b'{"code":0 /* fine */}',
    "last comma": b'{"code":0,}',
    "byte order mark": b'\xef\xbb\xbf{"code":0}',
    "utf-16": '{"code":0}'.encode("utf-16"),
    "utf-16 without mark": '{"code":0}'.encode("utf-16-le"),
    "latin-1": b'{"code":0,"message":"\xe9"}',
    "gzip": b"\x1f\x8b\x08\x00",
    "nul": b"\x00",
    "nul behind": b'{"code":0}\x00',
    "raw control character": b'{"code":0,"message":"a\nb"}',
    "deep": b'{"code":0,"data":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep and open": b"[" * 60_000,
}

ANSWERS = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["code", "message", "request_id", "data"]), inner, max_size=4)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    st.builds(told, st.sampled_from([0, 20001, 40002, 40105, True, "0", 0.0, None]), st.text(max_size=40)),
)
REPLIES = st.builds(
    Reply,
    st.just(200) | st.none() | st.integers(100, 999),
    ANSWERS,
    st.dictionaries(st.just("retry-after"), st.text(max_size=40) | st.datetimes().map(format_datetime), max_size=1),
    st.sampled_from(["timeout", "reset", "bad token", None]),
    st.booleans(),
)
