"""S8: small bodies that would make much work: names that collide, texts that make a pattern try everything."""

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import proxy.events
import proxy.web
from tests.web.conftest import Shop

REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)


def modules() -> Iterator[ModuleType]:
    """Everything that reads what strangers send."""
    for room in (proxy.events, proxy.web):
        for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[str]]:
    return {
        f"{module.__name__}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


def repeats_a_repeat(tree: Any, inside: bool = False) -> bool:
    """Whether something that may come any number of times holds another such thing: ``(a+)+``."""
    for kind, told in tree:
        if kind in REPEATS:
            _, most, part = told
            endless = most == _constants.MAXREPEAT
            if (inside and endless) or repeats_a_repeat(part, inside or endless):
                return True
        elif kind is _constants.SUBPATTERN:
            if repeats_a_repeat(told[-1], inside):
                return True
        elif kind is _constants.BRANCH and any(repeats_a_repeat(part, inside) for part in told[1]):
            return True
    return False


@pytest.mark.parametrize("bad", [r"(a+)+", r"(?:a*b?)*c", r"(x|y+)*", r"([a-z]+\.?)+"])
def test_the_rule_finds_what_it_looks_for(bad: str) -> None:
    assert repeats_a_repeat(_parser.parse(bad))


def test_s8_no_pattern_for_strangers_texts_repeats_a_repeat() -> None:
    found = patterns()
    assert len(found) >= 5
    assert [name for name, pattern in found.items() if repeats_a_repeat(_parser.parse(pattern.pattern))] == []


def test_s8_as_many_names_as_fit_into_a_body_are_read_and_stored(shop: Shop, event: Callable[..., Any]) -> None:
    many = {f"{number:x}": 1 for number in range(6_500)}
    body = json.dumps(event(properties=many), separators=(",", ":"))
    assert 50_000 < len(body) <= 65_536
    assert shop.post(body).status_code == 202
    assert json.loads(shop.stored()[0].body)["properties"] == many


@pytest.mark.parametrize(
    "text",
    ["@" * 60_000, "a@" * 30_000, "a" * 60_000 + "@", "a@a" * 20_000, "a@b." * 15_000, "%40" * 20_000, "0" * 60_000],
    ids=["@", "a@", "a…@", "a@a", "a@b.", "%40", "0"],
)
def test_s8_texts_that_are_nearly_something_are_read_to_their_end(
    shop: Shop, event: Callable[..., Any], text: str
) -> None:
    """Work that grew with the square of this length would run into pytest's timeout."""
    properties = {"order_id": text, "value": text, "note": text}
    for number, name in enumerate(properties):
        report = event(n=number, properties={name: text})
        assert shop.post(report).status_code == 202
    for number, fields in enumerate(({"url": f"https://x.example/?utm_a={text}"}, {"user": {"email": text}})):
        assert shop.post(event(n=10 + number, **fields)).status_code == 202
