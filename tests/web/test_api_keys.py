"""API keys at the doors: those of the settings and those made by command, until they are revoked."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.errors import OutboxBusy
from proxy.outbox import keys
from proxy.web.api_keys import LOOK_SECONDS, ApiKeys
from tests.web.conftest import NOW, Shop

TWO_SITES = """
trusted_hops = 1
[sites.shop]
domains = ["shop.example"]
pixel_code = "COQDA8RC77U2TMR44LI0"
access_token = "tiktoks-token"
[sites.uk]
domains = ["shop.co.uk"]
pixel_code = "C4EXAMPLE0PIXEL0COD2"
access_token = "tiktoks-token"
"""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def relay(shop: Shop, key: str, pixel: str = "COQDA8RC77U2TMR44LI0") -> int:
    item = {"event": "Purchase", "event_id": "order-1", "event_time": "", "user": {"email": "a" * 64}}
    body = {"event_source": "web", "event_source_id": pixel, "data": [item]}
    path = "/t/open_api/v1.3/event/track/"
    return int(shop.client.post(path, headers={"Access-Token": key}, json=body).status_code)


@pytest.fixture
def clocked(open_shop: Callable[..., Shop]) -> tuple[Shop, Clock]:
    shop, clock = open_shop(TWO_SITES), Clock()
    object.__setattr__(shop.doors, "keys", ApiKeys(shop.doors.settings, shop.outbox, clock))
    return shop, clock


def test_a_made_key_opens_both_doors_of_its_site_alone(clocked: tuple[Shop, Clock]) -> None:
    shop, _ = clocked
    _, key = keys.make(shop.outbox, "shop", NOW)
    _, other = keys.make(shop.outbox, "uk", NOW)
    assert (relay(shop, key), relay(shop, other)) == (200, 404)
    assert relay(shop, other, "C4EXAMPLE0PIXEL0COD2") == 200
    answer = shop.client.post("/t/tickets", json={"event": "Purchase", "key": "k"}, headers={"Access-Token": key})
    assert answer.status_code == 200


def test_revoked_it_is_refused_a_second_later_and_the_outbox_is_asked_once_a_second(
    clocked: tuple[Shop, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, clock = clocked
    asked: list[int] = []
    ask = keys.live
    monkeypatch.setattr(keys, "live", lambda outbox: asked.append(1) or ask(outbox))
    made, key = keys.make(shop.outbox, "shop", NOW)
    assert [relay(shop, key) for _ in range(5)] == [200] * 5
    keys.revoke(shop.outbox, made.number, NOW)
    clock.now += LOOK_SECONDS
    assert [relay(shop, key) for _ in range(5)] == [401] * 5
    assert len(asked) == 2
    _, new = keys.make(shop.outbox, "shop", NOW)
    clock.now += LOOK_SECONDS
    assert relay(shop, new) == 200
    assert LOOK_SECONDS <= 1


def test_keys_of_the_settings_go_on_working_beside_it(shop: Shop) -> None:
    _, key = keys.make(shop.outbox, "default", NOW)
    assert (relay(shop, key), relay(shop, "the-shops-key"), relay(shop, "tiktoks-token")) == (200, 200, 401)


def test_neither_the_hash_nor_another_case_nor_a_part_is_the_key(shop: Shop) -> None:
    _, key = keys.make(shop.outbox, "default", NOW)
    for wrong in (keys.hashed(key), key.upper(), key[:-1], f"{key}x", ""):
        assert relay(shop, wrong) == 401


def test_a_key_of_a_site_that_is_gone_opens_nothing(shop: Shop) -> None:
    _, key = keys.make(shop.outbox, "another", NOW)
    assert relay(shop, key) == 401


def test_every_known_hash_is_compared(clocked: tuple[Shop, Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    shop, _ = clocked
    made = [keys.make(shop.outbox, site, NOW)[1] for site in ("shop", "shop", "uk", "uk")]
    compared: list[str] = []
    real = __import__("hmac").compare_digest

    def count(one: str, other: str) -> bool:
        compared.append(one)
        return bool(real(one, other))

    monkeypatch.setattr("proxy.web.api_keys.hmac.compare_digest", count)
    for key in (made[0], made[-1], "wrong"):
        compared.clear()
        relay(shop, key)
        assert set(compared) == {keys.hashed(known) for known in made}


def test_an_order_waits_for_the_back_end_once_its_site_has_a_key(
    clocked: tuple[Shop, Clock], event: Callable[..., dict[str, Any]]
) -> None:
    shop, clock = clocked
    told = event(event="PlaceAnOrder", site="shop", properties={"value": 1, "currency": "MAD"})
    shop.post({**told, "key": "first-order-key"})
    made, _ = keys.make(shop.outbox, "shop", NOW)
    clock.now += LOOK_SECONDS
    shop.post({**told, "key": "second-order-key"})
    shop.post({**told, "n": 2, "event": "ViewContent"})
    keys.revoke(shop.outbox, made.number, NOW)
    clock.now += LOOK_SECONDS
    shop.post({**told, "key": "third-order-key"})
    assert [row.due_at - NOW for row in shop.stored()] == [0, 20_000, 0, 0]


def test_while_the_outbox_cannot_be_asked_nobody_is_let_in_and_it_is_no_500(
    clocked: tuple[Shop, Clock], monkeypatch: pytest.MonkeyPatch, event: Callable[..., dict[str, Any]]
) -> None:
    shop, _ = clocked
    _, key = keys.make(shop.outbox, "shop", NOW)

    def busy(_outbox: object) -> dict[str, str]:
        raise OutboxBusy("it is locked")

    monkeypatch.setattr(keys, "live", busy)
    assert relay(shop, key) == 503
    assert relay(shop, "wrong") == 503
    assert shop.post(event(site="shop")).status_code == 202


def test_at_rest_there_is_only_the_hash(shop: Shop) -> None:
    made, key = keys.make(shop.outbox, "default", NOW)
    assert len(key) > 43
    files = [path for path in shop.database.parent.iterdir() if path.name.startswith(shop.database.name)]
    held = b"".join(path.read_bytes() for path in files)
    assert keys.hashed(key).encode() in held
    assert key.encode() not in held
    assert key not in repr(made)
