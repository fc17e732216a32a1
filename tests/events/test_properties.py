"""Repairing properties, whatever they are. The single rules stand in vectors/properties.json."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.events.event_id import MOST_BYTES, build, is_usable_event_id, usable_key
from proxy.events.properties import INTEGERS, NUMBERS, TEXTS, repair
from proxy.events.strict_json import parse_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers().map(str)
    | st.floats()
    | st.floats().map(str)
    | st.text(st.characters())
    | st.sampled_from([10**400, "", " ", "usd", "a@b.de", "\0", "9" * 5000])
)
NAMES = st.text(st.characters(), max_size=4) | st.sampled_from(
    [*TEXTS, *NUMBERS, *INTEGERS, "currency", "email", "contents"]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
ITEMS = st.dictionaries(NAMES, JSON, max_size=4)
PROPERTIES = (
    st.fixed_dictionaries(
        {},
        optional={
            "contents": ITEMS | st.lists(ITEMS | JSON, max_size=3),
            "content_ids": JSON,
            "foo": JSON,
            "value": JSON,
        },
    )
    | ITEMS
    | JSON
)


@given(PROPERTIES)
def test_whatever_is_told_what_comes_out_is_sound_json(properties):
    repaired, warnings = repair(properties)
    text = json.dumps([{"properties": repaired}], allow_nan=False, ensure_ascii=False)
    assert parse_json(text.encode())[0]["properties"] == repaired
    assert all(re.match(r"properties[a-z0-9_.]*: .*; dropped$", warning) for warning in warnings)


@given(PROPERTIES)
def test_repairing_twice_is_repairing_once(properties):
    repaired, _ = repair(properties)
    assert repair(repaired) == (repaired, ())


@given(PROPERTIES)
def test_every_known_field_has_its_type(properties):
    repaired, _ = repair(properties)
    contents = repaired.get("contents", [])
    assert isinstance(contents, list)
    for fields in (repaired, *contents):
        for name, value in fields.items():
            if name in TEXTS:
                assert isinstance(value, str)
                assert value
            if name in NUMBERS | INTEGERS:
                assert type(value) is int or (name in NUMBERS and type(value) is float)
            if name == "currency":
                assert re.fullmatch("[A-Z]{3}", value)
    assert all(isinstance(one, str) and one for one in repaired.get("content_ids", ()))


def test_what_was_told_is_not_changed():
    told = {"contents": [{"content_id": 1}], "content_type": "product", "foo": {"bar": [1, None]}}
    before = json.dumps(told)
    repair(told)
    assert json.dumps(told) == before


@pytest.mark.parametrize(
    "text", ["a@" * 30_000, "@" * 60_000, "a@" + "." * 60_000, "1" * 60_000, " " * 60_000, "a@" + ".1" * 30_000]
)
def test_no_text_takes_long(text):
    start = time.process_time()
    repair({"description": text, "value": text, "foo": text, "currency": text})
    assert time.process_time() - start < 1


@given(JSON)
def test_a_usable_key_is_an_event_id_and_stays_the_same(value):
    key = usable_key(value)
    if key is not None:
        assert 0 < len(key.encode()) <= MOST_BYTES
        assert usable_key(key) == key
        assert is_usable_event_id(key)
        assert build("unused", 0, key) == key


@given(st.integers(0, 2**53 - 1))
def test_the_counter_reads_back_from_the_event_id(n):
    view, _, counter = build("v", n, None).partition(".")
    assert (view, int(counter, 36)) == ("v", n)


@pytest.mark.parametrize("value", ["", "  ", "k" * 129, "a\0", "a\n", "\x7f", "\ud800", None, 5, True, ["a"]])
def test_unusable_event_ids(value):
    assert not is_usable_event_id(value)


@pytest.mark.parametrize("value", ["a", " a ", "1616318632825_357", "é" * 64, "k" * 128])
def test_usable_event_ids(value):
    assert is_usable_event_id(value)
