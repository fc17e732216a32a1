"""The Contact Us page: a message or a click on a phone number is a Contact, opening the page is none."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

GOOD = {"name": "Salma", "reply_to": "salma@example.com", "message": "Is the shirt wide?"}


def test_opening_the_page_sends_nothing_and_its_phone_numbers_carry_contact(shopper: Any) -> None:
    page = shopper.get("/contact")
    assert shopper.calls == []
    phones = re.findall(r'<a class="phone"[^>]*>', page)
    assert len(phones) == 2
    assert all('href="tel:+212' in phone and 'data-pixelpair-event="Contact"' in phone for phone in phones)


def test_a_message_is_kept_and_sends_contact_once(shopper: Any, tmp_path: Path) -> None:
    shopper.post("/contact", **GOOD)
    ((name, properties, options),) = shopper.calls
    assert (name, properties) == ("Contact", {})
    assert len(options["key"]) > 24
    assert "Your message has reached us." in shopper.words
    shopper.get("/contact")
    assert shopper.calls == []
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        assert db.execute("SELECT id, name, message FROM messages").fetchall() == [
            (options["key"], "Salma", "Is the shirt wide?")
        ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("reply_to", ""),
        ("reply_to", "soon"),
        ("reply_to", "a@"),
        ("message", " "),
        ("message", "x" * 2001),
    ],
)
def test_a_bad_message_names_the_field_and_keeps_the_rest(shopper: Any, field: str, value: str) -> None:
    page = shopper.post("/contact", **(GOOD | {field: value}))
    assert shopper.last.status_code == 400
    assert f'id="{field}-error"' in page
    assert shopper.calls == []
    for name in {"name", "reply_to"} - {field}:
        assert shopper.value(name) == GOOD[name]
    assert field == "message" or GOOD["message"] in page
