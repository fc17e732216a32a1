"""``pixelpair keys``: made once and shown once, two live for each site, revoked by number."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from proxy.outbox import keys
from proxy.outbox.store import Outbox

Run = Callable[..., Result]


def test_made_listed_revoked(outbox: Outbox, pixelpair: Run, told: Callable[..., Any]) -> None:
    done = pixelpair("keys", "make", "--site", "shop")
    key = done.stdout.strip()
    assert keys.live(outbox) == {keys.hashed(key): "shop"}
    assert "number 1" in done.stderr
    assert key not in done.stderr
    listed = pixelpair("keys", "list").stdout
    assert key[-4:] in listed
    assert key not in listed
    (one,) = told("keys", "list")["keys"]
    assert (one["number"], one["site"], one["ending"], one["revoked_at"]) == (1, "shop", key[-4:], None)
    assert one.keys() == {"number", "site", "ending", "made_at", "revoked_at"}
    assert "is revoked" in pixelpair("keys", "revoke", "1").stdout
    assert keys.live(outbox) == {}
    first = told("keys", "list")["keys"][0]["revoked_at"]
    assert told("keys", "revoke", "1")["revoked_at"] == first  # again: it stays as it is


def test_as_json(outbox: Outbox, told: Callable[..., Any]) -> None:
    made = told("keys", "make", "--site", "uk")
    assert keys.live(outbox) == {keys.hashed(made["key"]): "uk"}


def test_two_are_live_at_once_for_each_site(outbox: Outbox, pixelpair: Run) -> None:
    for site in ("shop", "shop", "uk"):
        pixelpair("keys", "make", "--site", site)
    done = pixelpair("keys", "make", "--site", "shop", code=1)
    assert "numbers 1 and 2" in done.stderr
    assert done.stdout == ""
    pixelpair("keys", "revoke", "1")
    pixelpair("keys", "make", "--site", "shop")
    assert sorted(keys.live(outbox).values()) == ["shop", "shop", "uk"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["make"], 2, "--site"),
        (["make", "--site", "mars"], 2, "no site mars"),
        (["list", "--site", "mars"], 2, "no site mars"),
        (["revoke"], 2, "NUMBER"),
        (["revoke", "0"], 2, "NUMBER"),
        (["revoke", "7"], 1, "no key number 7"),
    ],
)
def test_says_what_is_wrong(outbox: Outbox, pixelpair: Run, words: list[str], code: int, says: str) -> None:
    assert says in pixelpair("keys", *words, code=code).stderr


def test_anothers_sites_key_is_not_revoked(outbox: Outbox, pixelpair: Run) -> None:
    pixelpair("keys", "make", "--site", "uk")
    pixelpair("keys", "revoke", "1", "--site", "shop", code=1)
    assert list(keys.live(outbox).values()) == ["uk"]


def test_those_of_the_settings_are_counted_and_never_shown(outbox: Outbox, pixelpair: Run) -> None:
    done = pixelpair("keys", "list", PIXELPAIR_SITES__UK__API_KEYS="one-of-theirs,two-of-theirs")
    assert "2 more of the site uk in the settings" in done.stdout
    assert "theirs" not in done.stdout
    found = json.loads(
        pixelpair("keys", "list", "--json", "--site", "shop", PIXELPAIR_SITES__UK__API_KEYS="theirs").stdout
    )
    assert found == {"keys": [], "in_settings": {}}
