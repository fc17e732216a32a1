"""What Pixelpair takes as JSON, and by which code it refuses the rest."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Rejected
from proxy.events.strict_json import parse_json

REFUSED = {
    "nothing": (b"", "invalid_json"),
    "white space": (b"  \n", "invalid_json"),
    "half an object": (b'{"a": 1', "invalid_json"),
    "a trailing comma": (b'{"a": 1,}', "invalid_json"),
    "single quotes": (b"{'a': 1}", "invalid_json"),
    "two values": (b"{} {}", "invalid_json"),
    "a form": (b"event=ViewContent", "invalid_json"),
    "a bad escape": (rb'"\x41"', "invalid_json"),
    "a raw control character": (b'"a\nb"', "invalid_json"),
    "a raw NUL": (b'"a\0b"', "invalid_json"),
    "Latin-1": (b'"caf\xe9"', "not_utf8"),
    "UTF-16": ('"a"'.encode("utf-16"), "not_utf8"),
    "an encoded surrogate": (b'"\xed\xa0\xbd"', "not_utf8"),
    "a comment after a comma": (b'{"a": 1, // one\n"b": 2}', "json_comments"),
    "a comment after a value": (b'{"a": 1 // one\n}', "json_comments"),
    "a comment before all": (b"// one\n{}", "json_comments"),
    "a comment after all": (b"{} // one", "json_comments"),
    "a block comment": (b'{"a": /* one */ 1}', "json_comments"),
    "NaN": (b'{"a": NaN}', "not_a_number"),
    "Infinity": (b"[Infinity]", "not_a_number"),
    "minus Infinity": (b"-Infinity", "not_a_number"),
    "1e999": (b'{"a": 1e999}', "not_a_number"),
    "minus 1e999": (b'{"a": -1e999}', "not_a_number"),
    "an integer of 5,000 digits": (b"9" * 5000, "not_a_number"),
    "a name told twice": (b'{"a": 1, "a": 1}', "duplicate_key"),
    "a name told twice deep down": (b'{"x": [{"a": 1, "b": 2, "a": 3}]}', "duplicate_key"),
    "a name told twice by an escape": (rb'{"a": 1, "\u0061": 2}', "duplicate_key"),
    "nine arrays": (b"[" * 9 + b"]" * 9, "too_deep"),
    "nine objects": (b'{"a":' * 9 + b"1" + b"}" * 9, "too_deep"),
    "100,000 arrays": (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    "NUL in a string": (rb'{"a": ["b\u0000"]}', "nul"),
    "NUL in a name": (rb'{"a\u0000": 1}', "nul"),
    "half a surrogate pair in a string": (rb'["\ud83d"]', "lone_surrogate"),
    "half a surrogate pair in a name": (rb'[{"\ude00": 1}]', "lone_surrogate"),
    "the halves the wrong way round": (rb'["\ude00\ud83d"]', "lone_surrogate"),
}

TAKEN = {
    "a byte order mark": (b"\xef\xbb\xbf{}", {}),
    "eight arrays": (b"[" * 8 + b"]" * 8, [[[[[[[[]]]]]]]]),
    "many brackets that are not deep": (b"[[],[],[],[],[],[],[],[],[],[]]", [[]] * 10),
    "brackets in a string": (b'"[[[[[[[[[["', "[[[[[[[[[["),
    "a whole surrogate pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "slashes in a string": (b'"https://shop.example/ /* x */"', "https://shop.example/ /* x */"),
    "an integer beyond 2^53": (b"12345678901234567890123", 12345678901234567890123),
    "the same name in two objects": (b'[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
}


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(body, code):
    with pytest.raises(Rejected) as refused:
        parse_json(body)
    assert (refused.value.code, refused.value.status) == (code, 400)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(("body", "value"), TAKEN.values(), ids=TAKEN)
def test_taken(body, value):
    assert parse_json(body) == value


def test_a_comment_is_found_by_line_and_column():
    with pytest.raises(Rejected, match=r"line 3, column 11"):
        parse_json(b'{\n"a": 1,\n"b": "",  // a comment\n"c": 1}')


def test_a_mistake_is_found_by_line_and_column():
    with pytest.raises(Rejected, match=r"line 2, column 6"):
        parse_json(b'{\n"a": oops}')


def test_a_name_told_twice_is_the_field():
    with pytest.raises(Rejected) as refused:
        parse_json(b'{"user": {"email": "a", "email": "b"}}')
    assert refused.value.field == "email"


def test_no_message_repeats_what_was_sent():
    for body in (b'{"jane@x.example": 1, "jane@x.example": 2}', b'{"a": jane@x.example}', b'"\\jane@x.example"'):
        with pytest.raises(Rejected) as refused:
            parse_json(body)
        assert "jane" not in str(refused.value)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body):
    with suppress(Rejected):
        parse_json(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=3)
    ),
    max_leaves=6,
)


def depth(value):
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth, members), default=0)


@given(JSON.filter(lambda value: depth(value) <= 8), st.booleans())
def test_sound_json_is_read_as_it_is(value, ensure_ascii):
    assert parse_json(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == value
