"""``POST /t/open_api/v1.3/event/track/``: whatever talks to TikTok works through us, the seed's three calls first."""

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import NOW, Shop

PATH = "/t/open_api/v1.3/event/track/"
SEED = (Path(__file__).parent.parent / "seed" / "track_calls.txt").read_text("utf-8")
PASTED = re.findall(r"--data-raw '(.*?)'(?=\s*(?:curl|$))", SEED, re.DOTALL)
EVENTS = ["ViewContent", "InitiateCheckout", "PlaceAnOrder"]

# Each value as its own comment in the seed describes it.
FILLED: dict[str, Any] = {
    "event_id": "1616318632825_357",
    "event_time": 1697783008,
    "user": {
        "ttclid": "E.C.P.v3fQ2RHacdksKfofPmlyuStIIFJ4Af1tKYxF9zz2c2PLx1Oaw15oHpcfl5AH",
        "external_id": hashlib.sha256(b"user_123").hexdigest(),
        "phone": hashlib.sha256(b"+12133734253").hexdigest(),
        "email": hashlib.sha256(b"alice_abc@gmail.com").hexdigest(),
        "ttp": "2F7h37YkS1j57AYSKTI7IHhJPYH",
        "ip": "13.57.97.131",
        "user_agent": "Chrome/91.0.4472.124",
    },
    "page": {"url": "http://demo.mywebsite.com/purchase"},
    "properties": {
        "contents": [{"content_id": "1077218", "content_type": "product", "content_name": "shirt"}],
        "value": 100,
        "currency": "USD",
    },
}


def without_comments(pasted: str) -> dict[str, Any]:
    return json.loads(re.sub(r"\s// .*", "", pasted))


def call(event: str, **item: Any) -> dict[str, Any]:
    body = without_comments(PASTED[EVENTS.index(event)])
    body["data"][0] |= copy.deepcopy(FILLED) | item
    return body


def send(shop: Shop, body: Any, token: str | None = "the-shops-key", **headers: str | None) -> Any:
    named = {"Access_Token": token, "Content_Type": "application/json", "Origin": None, **headers}
    return shop.post(body, PATH, **named)


def stored(shop: Shop, number: int = 0) -> dict[str, Any]:
    return json.loads(shop.stored()[number].body)


def test_the_seed_holds_three_calls() -> None:
    assert [without_comments(pasted)["data"][0]["event"] for pasted in PASTED] == EVENTS


@pytest.mark.parametrize("event", EVENTS)
class TestTheSeedsCalls:
    def test_filled_in_are_accepted_field_by_field(self, shop: Shop, event: str) -> None:
        answer = send(shop, call(event))
        assert (answer.status_code, answer.json["code"], answer.json["message"]) == (200, 0, "OK")
        assert re.fullmatch(r"\d{14}[0-9A-F]{20}", answer.json["request_id"])
        item = stored(shop)
        assert item["event"] == event
        assert item["event_id"] == "1616318632825_357"
        assert item["event_time"] == 1697783008
        assert item["user"] == FILLED["user"]
        assert item["page"] == FILLED["page"]
        assert item["properties"] == {
            "contents": [{"content_id": "1077218", "content_type": "product", "content_name": "shirt"}],
            "content_ids": ["1077218"],
            "content_type": "product",
            "value": 100,
            "currency": "USD",
        }
        (held,) = shop.stored()
        assert (held.proved, held.backend, held.browser) == (True, True, False)
        assert any(warning.startswith("event_time:") for warning in held.warnings), "over 28 days old"

    def test_with_numbers_left_inside_the_quotes(self, shop: Shop, event: str) -> None:
        body = call(event, event_time="1697783008")
        body["data"][0]["properties"]["value"] = "100"
        assert send(shop, body).status_code == 200
        item = stored(shop)
        assert (item["event_time"], item["properties"]["value"]) == (1697783008, 100)

    def test_with_everything_left_empty(self, shop: Shop, event: str) -> None:
        body = without_comments(PASTED[EVENTS.index(event)])
        body["data"][0]["user"]["ttp"] = ""
        assert send(shop, body).status_code == 200
        item = stored(shop)
        assert item["event_time"] == NOW // 1000
        assert item["event_id"]
        assert "user" not in item
        assert any(warning.startswith("event_id:") for warning in shop.stored()[0].warnings)

    def test_pasted_with_their_comments_are_told_that_json_has_none_and_where(self, shop: Shop, event: str) -> None:
        answer = send(shop, PASTED[EVENTS.index(event)])
        assert (answer.status_code, answer.json["code"]) == (400, 40002)
        assert re.search(r"JSON has no comments.* line 7, column \d+", answer.json["message"])
        assert shop.stored() == []

    def test_with_the_placeholder_left_in_are_refused_by_its_name(self, shop: Shop, event: str) -> None:
        answer = send(shop, without_comments(PASTED[EVENTS.index(event)]))
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json["data"]["errors"]] == ["data.0.user.ttp"]
        assert "<_ttp>" in answer.json["message"]
        assert shop.stored() == []


def test_the_placeholder_token_is_refused(shop: Shop) -> None:
    answer = send(shop, call("ViewContent"), token="ACCESS_TOKEN")
    assert (answer.status_code, answer.json["code"]) == (401, 40105)


EVERY_FIELD: dict[str, Any] = {
    "event": "Purchase",
    "event_time": NOW // 1000,
    "event_id": "order-1",
    "limited_data_use": True,
    "user": {
        "email": ["Jane@Shop.example", "b" * 64],
        "phone": ["+12133734253"],
        "external_id": "user_123",
        "ttclid": "E.C.P.abcdefgh",
        "ttp": "2F7h37YkS1j57AYSKTI7IHhJPYH.tt.1",
        "ip": "2606:4700:4700::1111",
        "user_agent": "Mozilla/5.0",
        "locale": "en-GB",
        "first_name": "Jane",
        "last_name": "O'Doe",
        "zip_code": "SW1A 1AA",
        "city": "New York",
        "state": "CA",
        "country": "US",
    },
    "page": {"url": "https://shop.example/thanks?ttclid=E.C.P.abcdefgh", "referrer": "https://shop.example/checkout"},
    "properties": {
        "contents": [
            {
                "content_id": "1077218",
                "price": 19.9,
                "quantity": 2,
                "content_name": "shirt",
                "content_category": "tops",
                "brand": "Dar",
                "description": "cotton",
            }
        ],
        "content_ids": ["1077218"],
        "content_type": "product",
        "currency": "USD",
        "value": 39.8,
        "num_items": 2,
        "search_string": "shirt",
        "query": "shirt",
        "description": "two shirts",
        "order_id": "order-1",
        "shop_id": "shop-1",
        "status": "submitted",
        "delivery_category": "home_delivery",
        "predicted_ltv": 120.5,
        "num_adults": 2,
        "gtm_version": "1.2",
    },
    "device": {"platform": "Linux", "mobile": False},
}


def test_every_field_that_tiktok_takes_reaches_it(shop: Shop) -> None:
    body = {"event_source": "web", "event_source_id": "COQDA8RC77U2TMR44LI0", "data": [EVERY_FIELD]}
    answer = send(shop, body | {"partner_name": "Segment"})
    assert answer.status_code == 200, answer.json
    item = stored(shop)
    assert item["limited_data_use"] is True
    assert set(item["user"]) == set(EVERY_FIELD["user"])
    assert item["user"]["email"][0] == hashlib.sha256(b"jane@shop.example").hexdigest()
    assert item["user"]["phone"] == ["9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"]
    assert item["user"]["external_id"] == "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"
    assert (item["user"]["city"], item["user"]["country"]) == ("newyork", "us")
    for name, value in EVERY_FIELD["properties"].items():
        if name != "contents":
            assert item["properties"][name] == value, name
    assert item["properties"]["contents"] == [{**EVERY_FIELD["properties"]["contents"][0], "content_type": "product"}]
    assert item["device"]["platform"] == "Linux"
    assert shop.stored()[0].warnings == ()


@pytest.mark.parametrize("where", ["top", "item"])
def test_content_type_may_stand_at_either_place_and_reaches_both(shop: Shop, where: str) -> None:
    body = call("ViewContent")
    properties = body["data"][0]["properties"]
    if where == "top":
        del properties["contents"][0]["content_type"]
        properties["content_type"] = "product"
    assert send(shop, body).status_code == 200
    sent = stored(shop)["properties"]
    assert (sent["content_type"], sent["contents"][0]["content_type"]) == ("product", "product")


def test_ids_are_the_orders_key_or_fresh_and_a_future_time_is_now(shop: Shop) -> None:
    order = call("PlaceAnOrder", event_id="", event_time=NOW // 1000 + 500)
    order["data"][0]["properties"]["order_id"] = "wc_order_1"
    view = call("ViewContent", event_id="")
    order["data"].append(view["data"][0])
    answer = send(shop, order)
    first, second = shop.stored()
    assert answer.json["data"]["event_ids"] == [first.event_id, second.event_id]
    assert (first.event_id, first.key, stored(shop)["event_time"]) == ("wc_order_1", "wc_order_1", NOW // 1000)
    assert re.fullmatch("[0-9a-f]{32}", second.event_id)
    assert list(answer.json["data"]["warnings"]) == ["1"]


def test_a_back_ends_own_event_id_stays_as_it_is(shop: Shop) -> None:
    order = call("PlaceAnOrder", event_id="My.Own-Id")
    order["data"][0]["properties"]["order_id"] = "wc_order_1"
    send(shop, order)
    assert (shop.stored()[0].event_id, shop.stored()[0].key) == ("My.Own-Id", "wc_order_1")


def test_browsers_and_back_ends_report_of_one_order_become_one_event(
    shop: Shop, event: Callable[..., dict[str, Any]]
) -> None:
    browser = event(
        event="PlaceAnOrder",
        properties={"value": 1, "currency": "USD", "order_id": "wc_order_1"},
        ttclid="E.C.P.browsers-own",
    )
    order = call("PlaceAnOrder", event_id="")
    order["data"][0]["properties"] |= {"order_id": "wc_order_1"}
    assert shop.post(browser).status_code == 202
    assert send(shop, order).status_code == 200
    (held,) = shop.stored()
    item = stored(shop)
    assert (held.browser, held.backend, held.proved, held.due_at) == (True, True, True, NOW)
    assert item["properties"]["value"] == 100
    assert item["user"]["ttclid"] == "E.C.P.browsers-own"
    assert item["user"]["ip"] == "8.8.8.8"
    assert item["user"]["email"] == FILLED["user"]["email"]


def test_a_test_event_code_travels_with_the_request(shop: Shop) -> None:
    send(shop, call("ViewContent") | {"test_event_code": "TEST123"})
    assert shop.stored()[0].test_code == "TEST123"


def test_all_or_nothing_and_every_bad_field_of_every_item_is_told(shop: Shop) -> None:
    good, bad, worse = (call("ViewContent")["data"][0] for _ in range(3))
    bad["event"] = "viewcontent"
    bad["properties"]["contents"][0]["content_id"] = 1077218
    bad["user"]["ip"] = "not-an-ip"
    worse["event_time"] = 1697783008000
    body = call("ViewContent") | {"data": [good, bad, worse]}
    answer = send(shop, body)
    assert (answer.status_code, answer.json["code"]) == (400, 40002)
    assert {error["field"] for error in answer.json["data"]["errors"]} == {
        "data.1.event",
        "data.1.properties.contents.0.content_id",
        "data.1.user.ip",
        "data.2.event_time",
    }
    assert "3 more" in answer.json["message"]
    assert shop.stored() == []


def test_a_thousand_events_are_taken_in_one_request(shop: Shop) -> None:
    items = [call("ViewContent", event_id=f"e{number}")["data"][0] for number in range(1000)]
    assert send(shop, call("ViewContent") | {"data": items}).status_code == 200
    assert len(shop.stored()) == 1000


REFUSED: list[tuple[str, Any, dict[str, Any], int, int, str]] = [
    ("no token", None, {"token": None}, 401, 40105, "Access-Token"),
    ("tiktok's token", None, {"token": "tiktoks-token"}, 401, 40105, "Access-Token"),
    ("a Bearer prefix", None, {"token": "Bearer the-shops-key"}, 401, 40105, "Access-Token"),
    ("a wrong token with a broken body", "{", {"token": "x"}, 401, 40105, "Access-Token"),
    ("not json", "hello", {}, 400, 40002, ""),
    ("NaN", '{"data": NaN}', {}, 400, 40002, ""),
    ("duplicate keys", '{"data": [], "data": []}', {}, 400, 40002, "data"),
    ("100 deep", "[" * 100 + "]" * 100, {}, 400, 40002, ""),
    ("an array", "[]", {}, 400, 40002, ""),
    ("no data", {"data": None}, {}, 400, 40002, "data"),
    ("no events", {"data": []}, {}, 400, 40002, "data"),
    ("1,001 events", {"data": [{}] * 1001}, {}, 400, 40002, "data"),
    ("another source", {"event_source": "app"}, {}, 400, 40002, "event_source"),
    ("another shop's pixel", {"event_source_id": "C0000000000000000000"}, {}, 404, 40001, "event_source_id"),
    ("5 MiB", b" " * (5 << 20), {}, 413, 40002, ""),
    ("a form", "a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415, 40002, "Content-Type"),
]


@pytest.mark.parametrize(
    ("body", "how", "status", "code", "field"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_refused_says_the_same_in_status_and_code_and_leaves_nothing(
    shop: Shop, body: Any, how: dict[str, Any], status: int, code: int, field: str
) -> None:
    sent = call("ViewContent") | (body or {}) if body is None or isinstance(body, dict) else body
    answer = send(shop, sent, **how)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["data"]["errors"][0]["field"] == field
    assert len(answer.json["message"]) > 15
    assert set(answer.json) == {"code", "message", "request_id", "data"}
    assert shop.stored() == []


def test_a_disk_that_cannot_store_is_a_503_in_both_words(shop: Shop) -> None:
    shop.commit.close()
    answer = send(shop, call("ViewContent"))
    assert (answer.status_code, answer.json["code"]) == (503, 50002)
    assert int(answer.headers["Retry-After"]) > 0


def test_no_answer_repeats_a_token_or_a_persons_data(shop: Shop) -> None:
    body = call("ViewContent")
    body["data"][0]["user"] |= {"email": "jane@shop.example", "ip": "jane-was-here"}
    answer = send(shop, body)
    assert answer.status_code == 400
    assert "jane" not in answer.text
    assert "the-shops-key" not in answer.text


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_another_method_is_refused(shop: Shop, method: str) -> None:
    assert getattr(shop.client, method)(PATH, headers={"Host": "shop.example"}).status_code == 405


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_answered_in_tiktoks_shape(shop: Shop, method: str) -> None:
    answer = shop.client.open(PATH, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert set(answer.json) == {"code", "message", "request_id", "data"}
        assert answer.json["code"] == 40002
        assert "POST" in answer.json["message"]
