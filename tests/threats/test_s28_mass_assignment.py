"""S28: fields that no browser may set, set by one."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from proxy.events.report import Report
from proxy.outbox.entry import Entry
from tests.web.conftest import NOW, Shop

# What a report may tell, by the wire's own description.
OWN = {
    *("event", "view", "n", "key", "placed", "time", "sent", "url", "referrer", "properties", "ttclid", "ttp"),
    *("user", "consent", "ticket", "pixel", "retry", "site"),
}
OTHERS = sorted(
    {field.name for kind in (Entry, Report) for field in fields(kind)}
    | {"event_time", "limited_data_use", "page", "device", "received", "__class__", "__proto__", "constructor"}
    | {"access_token", "event_source_id", "bots", "trusted_hops", "domains", "pixel_code"}
)
OTHERS = [name for name in OTHERS if name not in OWN]
VALUES: list[Any] = ["6.6.6.6", "delivered", True, 1, {"a": 1}, ["default/COQDA8RC77U2TMR44LI0"]]


def differences(one: Entry, other: Entry) -> set[str]:
    return {field.name for field in fields(Entry) if getattr(one, field.name) != getattr(other, field.name)}


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_s28_a_report_is_the_same_whatever_else_stands_in_it(
    shop: Shop, event: Callable[..., dict[str, Any]], value: Any
) -> None:
    assert len(OTHERS) > 40
    shop.post([event(n=1), *({**event(n=2 + number), name: value} for number, name in enumerate(OTHERS[:48]))])
    shop.post([{**event(n=90 + number), name: value} for number, name in enumerate(OTHERS[48:])] or [event(n=89)])
    plain, *others = shop.stored()
    for other in others:
        assert differences(plain, other) == {"id", "event_id"} | ({"body"} if plain.body != other.body else set())
        held = {**json.loads(other.body), "event_id": plain.event_id}
        assert held == json.loads(plain.body)


@pytest.mark.parametrize("name", ["ip", "user_agent", "ttclid", "ttp", "proved", "anonymous_id", "__proto__"])
def test_s28_a_user_is_not_what_a_report_says_of_it(
    shop: Shop, event: Callable[..., dict[str, Any]], name: str
) -> None:
    shop.post(event(user={name: "6.6.6.6"}))
    assert set(json.loads(shop.stored()[0].body)["user"]) == {"ip", "user_agent"}
    assert "6.6.6.6" not in shop.stored()[0].body


def test_s28_no_report_names_another_site_than_its_page(
    open_shop: Callable[..., Shop], event: Callable[..., dict[str, Any]]
) -> None:
    site = '[sites.{0}]\ndomains = ["{0}.example"]\npixel_code = "C{1}"\naccess_token = "a"\n'
    shop = open_shop(site.format("one", "1" * 19) + site.format("two", "2" * 19))
    answer = shop.post(event(site="two"), Host="one.example", Origin="https://one.example")
    assert (answer.status_code, shop.stored()) == (403, [])


def test_s28_a_back_end_sets_what_its_door_takes_and_no_column(shop: Shop) -> None:
    item = {"event": "Contact", "event_id": "e1", "event_time": NOW // 1000}
    more = {"state": "delivered", "site": "other", "destination": "x", "proved": False, "seen_at": 1, "attempts": 9}
    body = {
        "event_source": "web",
        "event_source_id": "COQDA8RC77U2TMR44LI0",
        "data": [item, {**item, "event_id": "e2", **more}],
    }
    headers = {"Access-Token": "the-shops-key"}
    assert shop.client.post("/t/open_api/v1.3/event/track/", headers=headers, json=body).status_code == 200
    plain, other = shop.stored()
    # A back end's own event_id is its key too.
    assert differences(plain, other) == {"id", "event_id", "key", "body"}
    assert json.loads(other.body) == {**json.loads(plain.body), "event_id": "e2"}
