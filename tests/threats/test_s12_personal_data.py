"""S12: raw personal data and tokens told anywhere, by whoever, are found nowhere afterwards.

Canaries (addresses, phone numbers, names and tokens that occur once in the world) go into every field of every door of
the real program. Then everything it wrote, sent or shows is searched for them.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests

from tests.faults.conftest import API_KEY, TOKEN, Proxy, proxy, sandbox
from tests.faults.ledger import fresh_view
from tests.program import PIXEL, wait_for

__all__ = ["proxy", "sandbox"]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


class Canaries:
    """Makes them, and remembers by which letters each would be recognised, however it was written."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.sung: dict[str, str] = {}

    def _word(self) -> str:
        return "".join(self._chance.choices("bcdfghjkmnpqrstvwxz", k=14))

    def email(self, where: str) -> str:
        word = self._word()
        self.sung[word] = f"the e-mail of {where}"
        return f" {word.upper()}@Canary.Example "

    def phone(self, where: str) -> str:
        digits = "6" + "".join(self._chance.choices("0123456789", k=8))
        self.sung[digits] = f"the phone of {where}"
        return self._chance.choice(["+212 {}", "00212-{}", "0{}", "+212({})"]).format(digits)

    def word(self, where: str) -> str:
        word = self._word()
        self.sung[word] = where
        return word

    def found_in(self, text: bytes) -> set[str]:
        """What of them stands there, as plain text or with its spaces and signs between digits."""
        plain = text.decode("utf-8", "replace").lower()
        packed = re.sub(r"[\s()-]", "", plain)
        return {told for canary, told in self.sung.items() if canary in plain or canary in packed}


@pytest.fixture
def canaries(chance: random.Random) -> Canaries:
    return Canaries(chance)


@pytest.fixture
def one(proxy: Callable[..., Proxy], tmp_path: Path) -> Proxy:
    (tmp_path / "temporary").mkdir()
    return proxy(PIXELPAIR_DEFAULT_REGION="MA", TMPDIR=str(tmp_path / "temporary")).start()


def personal(sing: Canaries, door: str) -> dict[str, Any]:
    """Every personal field, told raw; and some where nobody would look for it."""
    return {
        "email": [sing.email(f"{door} user.email"), sing.email(f"{door} user.email, second")],
        "phone": sing.phone(f"{door} user.phone"),
        "external_id": sing.word(f"{door} user.external_id"),
        "first_name": sing.word(f"{door} user.first_name"),
        "last_name": sing.word(f"{door} user.last_name"),
        "zip_code": sing.word(f"{door} user.zip_code"),
        "ttclid": sing.email(f"{door} user.ttclid"),
        sing.word(f"{door}: an unknown field's name"): sing.word(f"{door}: an unknown field of user"),
    }


def properties(sing: Canaries, door: str) -> dict[str, Any]:
    return {
        "value": 10,
        "currency": "MAD",
        "email": sing.email(f"{door} properties.email"),
        "phone_number": sing.phone(f"{door} properties.phone_number"),
        "description": f"for {sing.email(f'{door} description')}",
        "note": {"to": [sing.email(f"{door}: deep in a property")]},
        "contents": [{"content_id": "1", "content_name": sing.email(f"{door} content_name"), "quantity": 1}],
    }


def page(sing: Canaries, door: str, name: str) -> str:
    """An address with somebody in every part of it, encoded as browsers do."""
    where = f"{door} {name}"
    login = f"{sing.word(f'{where} user')}:{sing.word(f'{where} password')}"
    path = quote(sing.email(f"{where} path").strip())
    query = urlencode({"email": sing.email(f"{where} query").strip(), "tel": sing.phone(f"{where} query")})
    return f"https://{login}@localhost/p/{path}?utm_source=x&{query}#{sing.word(f'{where} fragment')}"


def tell_everything(one: Proxy, sing: Canaries) -> None:
    """At each door once as it should be, and as it should not."""
    address = one.address
    headers = {
        "Origin": address,
        "Content-Type": "text/plain",
        "User-Agent": FIREFOX,
        "Cookie": f"session={sing.word('a cookie')}; ttclid={sing.email('the cookie ttclid').strip()}",
        "Referer": f"{address}/?mail={sing.email('the Referer').strip()}",
        "Authorization": f"Bearer {sing.word('the Authorization header')}",
    }
    report = {
        "v": 1,
        "event": "PlaceAnOrder",
        "view": fresh_view(),
        "n": 1,
        "key": sing.email("the key").strip(),
        "url": page(sing, "collect", "url"),
        "referrer": page(sing, "collect", "referrer"),
        "user": personal(sing, "collect"),
        "properties": properties(sing, "collect"),
        "ticket": sing.word("the ticket"),
        "ttclid": sing.email("the report's ttclid"),
        "ttp": sing.email("the report's ttp"),
        "consent": sing.email("the consent"),
        sing.word("a field's name"): sing.email("an unknown field"),
    }
    for bad in ({}, {"event": sing.email("an event's name")}, {"view": sing.email("a view")}, {"n": sing.word("n")}):
        answer = requests.post(f"{address}/t/e", data=json.dumps({**report, **bad}), headers=headers, timeout=30)
        assert answer.status_code == (400 if bad else 202), answer.text
    requests.post(f"{address}/t/e", data=f'{{"user": "{sing.email("broken JSON")}', headers=headers, timeout=30)
    item = {
        "event": "Purchase",
        "event_id": "order-1",
        "user": personal(sing, "relay") | {"ip": "8.8.8.8", "user_agent": FIREFOX, "ttclid": ""},
        "page": {"url": page(sing, "relay", "url"), "referrer": page(sing, "relay", "referrer")},
        "properties": properties(sing, "relay"),
    }
    body = {"event_source": "web", "event_source_id": PIXEL, "data": [item]}
    relay = f"{address}/t/open_api/v1.3/event/track/"
    told: dict[str, tuple[Any, str, set[int]]] = {
        "as it should be": (body, API_KEY, {200, 400}),
        "with a wrong key": (body, sing.word("a wrong API key"), {401}),
        "with a wrong pixel": (body | {"event_source_id": sing.word("a wrong pixel")}, API_KEY, {404}),
        "with a wrong id": (body | {"data": [item | {"event_id": sing.email("an event_id")}]}, API_KEY, {400}),
        "with little": (
            body
            | {"data": [{**item, "user": {"email": sing.email("relay alone"), "phone": sing.phone("relay alone")}}]},
            API_KEY,
            {200, 400},
        ),
    }
    for name, (sent, key, statuses) in told.items():
        answer = requests.post(relay, json=sent, headers={"Access-Token": key}, timeout=30)
        assert answer.status_code in statuses, (name, answer.text)
    plain = {"event": "Purchase", "event_id": "order-2", "page": {"url": "https://localhost/"}}
    people = {"email": sing.email("a good relay"), "phone": sing.phone("a good relay")}
    answer = requests.post(
        relay, json=body | {"data": [{**plain, "user": people}]}, headers={"Access-Token": API_KEY}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    requests.post(
        f"{address}/t/tickets",
        json={"event": "Purchase", "key": sing.email("a ticket's key"), "value": sing.word("a ticket's value")},
        headers={"Access-Token": sing.word("a ticket's API key")},
        timeout=30,
    )
    for path in ("/t/tag.js?site=", "/t/", "/t/healthz?x=", "/"):
        requests.get(f"{address}{path}{sing.email(f'the address {path}').strip()}", headers=headers, timeout=30)


def everything(one: Proxy, tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """All it wrote, sent and shows, by name."""
    for file in sorted([*one.folder.rglob("*"), *(tmp_path / "temporary").rglob("*")]):
        if file.is_file():
            yield f"the file {file.name}", file.read_bytes()
    yield "what TikTok got", json.dumps(one.sandbox.server_events(), ensure_ascii=False).encode()
    operator = f"http://127.0.0.1:{one.operator_port}"
    listed = requests.get(f"{operator}/events.json", timeout=30)
    paths = ["/", "/events", "/events.json", *(f"/event/{story['id']}" for story in listed.json()["stories"])]
    for path in paths:
        yield f"the operator's page {path}", requests.get(f"{operator}{path}", timeout=30).content
    for words in (
        ("status",),
        ("status", "--json"),
        ("dead", "list", "--json"),
        ("events", "--key", "order-2", "--json"),
    ):
        yield f"pixelpair {' '.join(words)}", one.run(*words).encode()


def test_s12_what_is_told_raw_is_found_nowhere(one: Proxy, canaries: Canaries, tmp_path: Path) -> None:
    tell_everything(one, canaries)
    one.drain()
    wait_for(lambda: len(one.sandbox.server_events()) >= 2, one.log)
    places = list(everything(one, tmp_path))
    assert len(places) > 10
    assert any(b"order-2" in text for _, text in places), "the search finds what is there"
    found = {place: sorted(what) for place, text in places if (what := canaries.found_in(text))}
    assert found == {}
    assert not any(TOKEN.encode() in text or API_KEY.encode() in text for _, text in places), "a secret of ours"


def test_s12_the_search_would_find_them(canaries: Canaries) -> None:
    email, phone = canaries.email("here"), canaries.phone("there")
    assert canaries.found_in(f"x {email.lower()} y".encode()) == {"the e-mail of here"}
    assert canaries.found_in(phone.replace("-", " ").encode()) == {"the phone of there"}
    assert canaries.found_in(b"nothing") == set()
