"""The vectors that the browser tag is held to as well: same parts in, same event_id, properties and hashes out."""

import json
from pathlib import Path

import pytest

from proxy.events.event_id import build, told_key, usable_key
from proxy.events.identity import hash_user
from proxy.events.properties import repair

VECTORS = Path(__file__).parent.parent / "vectors"


def cases_of(name):
    cases = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    assert len({case["name"] for case in cases}) == len(cases)
    return [pytest.param(case["in"], case["out"], case.get("warns", []), id=case["name"]) for case in cases]


def fields_of(warnings):
    return sorted({warning.split(": ")[0] for warning in warnings})


def same_json(left, right):
    """Whether both are the same JSON, where 0 is not false and 12.0 is written 12."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@pytest.mark.parametrize(("given", "out", "warns"), cases_of("event_id"))
def test_event_id(given, out, warns):
    told = told_key(given["event"], given.get("key"), given.get("properties"), given["order_events"])
    key = usable_key(told)
    assert build(given["view"], int(given["n"]), key) == out["event_id"]
    assert (told is not None and key is None) == ("warns" in out)


@pytest.mark.parametrize(("given", "out", "warns"), cases_of("properties"))
def test_properties(given, out, warns):
    repaired, warnings = repair(given)
    assert same_json(repaired, out)
    assert fields_of(warnings) == warns
    assert repair(repaired) == (repaired, ())


@pytest.mark.parametrize(("given", "out", "warns"), cases_of("user"))
def test_user(given, out, warns):
    hashed, warnings = hash_user(given["user"], given["default_region"])
    assert hashed == out
    assert fields_of(warnings) == warns
