"""What TikTok refuses, in its words, and what it drops in silence."""

import copy
from typing import Any

import pytest

from proxy.sandbox import rules

PIXEL, TOKEN, NOW = "COQDA8RC77U2TMR44LI0", "sandbox-token", 1_800_000_000
ABSENT = object()


def change(item: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the item with one field set, or taken away."""
    changed = copy.deepcopy(item)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = changed
    for parent in parents:
        place = place[parent]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return changed


def judge(*items: Any, token: str = TOKEN, **fields: Any) -> rules.Answer:
    body = {"event_source": "web", "event_source_id": PIXEL, "data": list(items), **fields}
    return rules.judge(body, token, {PIXEL: TOKEN, "OTHER": "other-token"}, NOW)


REFUSED_ITEMS = [
    ("event", ABSENT, "Missing data for required field"),
    ("event", "", "Missing data for required field"),
    ("event", 7, "Not a valid string"),
    ("event_time", ABSENT, "Missing data for required field"),
    ("event_time", "1800000000", "Not a valid integer"),
    ("event_time", 1_800_000_000.5, "Not a valid integer"),
    ("event_time", True, "Not a valid integer"),
    ("event_time", "2026-11-24T10:00:00Z", "Not a valid integer"),
    ("event_id", 1043, "Not a valid string"),
    ("event_id", None, "Not a valid string"),
    ("event_id", [], "Not a valid string"),
    ("user", [], "Not a valid object"),
    ("user.email", 5, "Not a valid string"),
    ("user.phone", ["84" * 32, 5], "Not a valid string"),
    ("user.external_id", {}, "Not a valid string"),
    ("user.ip", 16843009, "Not a valid string"),
    ("page", "https://shop.example/", "Not a valid object"),
    ("page.url", None, "Not a valid string"),
    ("properties", [], "Not a valid object"),
    ("properties.value", "21.00", "Not a valid number"),
    ("properties.value", False, "Not a valid number"),
    ("properties.currency", 840, "Not a valid string"),
    ("properties.order_id", 1043, "Not a valid string"),
    ("properties.shop_id", 1, "Not a valid string"),
    ("properties.num_items", 1.5, "Not a valid integer"),
    ("properties.content_ids", [1077218], "Not a valid list of strings"),
    ("properties.content_ids", "1077218", "Not a valid list of strings"),
    ("properties.contents", {}, "Not a valid list of objects"),
    ("properties.contents", ["1077218"], "Not a valid list of objects"),
    ("properties.contents.0.content_id", 1077218, "Not a valid string"),
    ("properties.contents.0.price", "10.50", "Not a valid number"),
    ("properties.contents.0.quantity", "2", "Not a valid integer"),
    ("limited_data_use", "true", "Not a valid boolean"),
    ("device", "phone", "Not a valid object"),
]


@pytest.mark.parametrize(("path", "value", "words"), REFUSED_ITEMS)
def test_one_bad_field_refuses_the_whole_batch_and_is_named(
    item: dict[str, Any], path: str, value: Any, words: str
) -> None:
    answer = judge(item, item, change(item, path, value), item)
    assert (answer.code, answer.message) == (40002, f"Batch.2.{path}: {words}")
    assert answer.events == ()


def test_a_single_event_is_refused_without_a_place(item: dict[str, Any]) -> None:
    answer = judge(change(item, "event_id", 273196))
    assert (answer.code, answer.message) == (40002, "Invalid value for event_id: not a valid string.")


@pytest.mark.parametrize(("items", "message"), [(["x"], "Invalid value for data: not a valid object.")])
def test_an_item_that_is_no_object_is_refused(items: list[Any], message: str) -> None:
    assert judge(*items).message == message
    assert judge(*items, *items).message == "Batch.0: Not a valid object"


REFUSED_REQUESTS = [
    ({"event_source": "website"}, "event_source: must be one of web, app, offline, crm."),
    ({"event_source": None}, "event_source: not a valid string."),
    ({"event_source": "app"}, "event_source_id: not a valid id for the event source app."),
    ({"event_source_id": "7012345678901234567"}, "event_source_id: not a valid id for the event source web."),
    ({"event_source_id": 7}, "event_source_id: not a valid string."),
    ({"data": []}, "data: length must be between 1 and 1000."),
    ({"data": [{}] * 1001}, "data: length must be between 1 and 1000."),
    ({"data": {}}, "data: not a valid list."),
    ({"test_event_code": 12}, "test_event_code: not a valid string."),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED_REQUESTS)
def test_a_bad_request_names_its_own_field(item: dict[str, Any], fields: dict[str, Any], words: str) -> None:
    answer = judge(item, **fields)
    assert (answer.code, answer.message) == (40002, f"Invalid value for {words}")


@pytest.mark.parametrize("name", ["event_source", "event_source_id", "data"])
def test_a_request_without_a_required_field_names_it(item: dict[str, Any], name: str) -> None:
    body = {"event_source": "web", "event_source_id": PIXEL, "data": [item]}
    del body[name]
    answer = rules.judge(body, TOKEN, {PIXEL: TOKEN}, NOW)
    assert (answer.code, answer.message) == (40002, f"Invalid value for {name}: missing data for required field.")


def test_a_thousand_items_are_accepted(item: dict[str, Any]) -> None:
    assert len(judge(*[item] * 1000).events) == 1000


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    assert rules.judge(body, TOKEN, {PIXEL: TOKEN}, NOW).code == 40002


TOKENS = [
    ("wrong", PIXEL, 40105),
    ("", PIXEL, 40105),
    (f"Bearer {TOKEN}", PIXEL, 40105),
    ("other-token", PIXEL, 40001),
    (TOKEN, "UNKNOWNPIXEL00000000", 40001),
    (TOKEN, PIXEL, 0),
]


@pytest.mark.parametrize(("token", "pixel", "code"), TOKENS)
def test_the_token_must_be_raw_and_of_this_pixel(item: dict[str, Any], token: str, pixel: str, code: int) -> None:
    assert judge(item, token=token, event_source_id=pixel).code == code


def test_a_wrong_token_is_told_before_a_bad_body() -> None:
    assert rules.judge(None, "wrong", {PIXEL: TOKEN}, NOW).code == 40105


WARNINGS = [
    ("user.phone_number", "84" * 32, "user.phone_number: the Events API calls it phone"),
    ("user.nickname", "al", "user.nickname: unknown field, TikTok drops it in silence"),
    ("user.email", "alice@example.com", "user.email: not hashed with SHA-256 (64 hexadecimal digits)"),
    ("user.email", ["84" * 32, "al"], "user.email: not hashed with SHA-256 (64 hexadecimal digits)"),
    ("user.phone", "+12133734253", "user.phone: not hashed with SHA-256 (64 hexadecimal digits)"),
    ("user.external_id", "user_123", "user.external_id: not hashed with SHA-256 (64 hexadecimal digits)"),
    ("user.email", "", "user.email: empty; leave it out"),
    ("user.ttclid", "", "user.ttclid: empty; leave it out"),
    ("user.ttclid", "__CLICKID__", "user.ttclid: a placeholder that the ad's address never filled in"),
    ("user.ttp", "<_ttp>", "user.ttp: not the value of a _ttp cookie"),
    ("user.ip", "192.168.0.7", "user.ip: not a public address"),
    ("user.ip", "not-an-ip", "user.ip: not a public address"),
    ("user.user_agent", ABSENT, "user.user_agent: missing; send it together with ip"),
    ("user.city", "84" * 32, "user.city: must not be hashed"),
    ("user.idfa", "X", "user.idfa: not used for web events"),
    ("user", {}, "user: no match keys, so the event belongs to nobody"),
    ("user", ABSENT, "user: no match keys, so the event belongs to nobody"),
    ("page", ABSENT, "page.url: missing, though web events need it"),
    ("page.referrer", "", "page.referrer: empty; leave it out"),
    ("event_id", ABSENT, "event_id: missing, so TikTok cannot tell it from the pixel's event"),
    ("event_id", "", "event_id: missing, so TikTok cannot tell it from the pixel's event"),
    ("event_time", NOW * 1000, "event_time: looks like milliseconds; TikTok wants Unix seconds"),
    ("event_time", NOW + 301, "event_time: lies in the future"),
    ("timestamp", "2026", "timestamp: the Events API 2.0 calls it event_time, in Unix seconds"),
    ("app", {}, "app: not used for web events"),
    ("properties.currency", "usd", "properties.currency: must be upper-case"),
    ("properties.currency", "XXX", "properties.currency: not a currency that TikTok lists"),
    ("properties.currency", ABSENT, "properties.currency: missing, so value means nothing"),
    ("properties.contents_ids", ["1"], "properties.contents_ids: the name is content_ids"),
    ("properties.event_id", "x", "properties.event_id: belongs beside properties, not inside"),
    ("properties.description", "", "properties.description: empty; leave it out"),
    ("properties.content_type", "sku", "properties.content_type: neither product nor product_group"),
    (
        "properties.contents.0.content_type",
        "sku",
        "properties.contents.0.content_type: neither product nor product_group",
    ),
    ("properties.contents.0.content_name", "", "properties.contents.0.content_name: empty; leave it out"),
    (
        "properties.contents.0.content_id",
        ABSENT,
        "properties.contents.0.content_id: missing, so the product is not found in the catalog",
    ),
]


@pytest.mark.parametrize(("path", "value", "warning"), WARNINGS)
def test_what_tiktok_drops_in_silence_is_accepted_and_warned_of(
    item: dict[str, Any], path: str, value: Any, warning: str
) -> None:
    answer = judge(item, change(item, path, value))
    assert answer.code == 0
    assert answer.events[0].warnings == ()
    assert warning in answer.events[1].warnings
    assert f"data.1.{warning}" in answer.warnings


ACCEPTED = [
    ("event_time", 0),
    ("event_time", 1_000_000_000),
    ("event_time", NOW + 300),
    ("user.email", ["84" * 32, "AB" * 32]),
    ("user.locale", "en-GB"),
    ("user.country", "us"),
    ("user.first_name", "84" * 32),
    ("user.ip", "2606:4700:4700::1111"),
    ("user.ttp", "2F7h37YkS1j57AYSKTI7IHhJPYH"),
    ("limited_data_use", True),
    ("device", {"platform": "Linux"}),
    ("properties.query", "shoes"),
    ("properties.search_string", "shoes"),
    ("properties.num_items", 2),
    ("properties.predicted_ltv", 1.5),
    ("properties.delivery_category", "in_store"),
    ("properties.checkin_date", "2026-12-01"),
    ("properties.contents.0.availability", True),
    ("properties.value", 0),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_what_the_reference_lists_is_accepted_without_a_word(item: dict[str, Any], path: str, value: Any) -> None:
    answer = judge(change(item, path, value), partner_name="Pixelpair")
    assert (answer.code, list(answer.warnings)) == (0, [])


def test_an_unknown_field_of_the_request_is_warned_of(item: dict[str, Any]) -> None:
    assert judge(item, pixel_code=PIXEL).warnings == ["pixel_code: a field of the Events API 1.0; use event_source_id"]


@pytest.mark.parametrize(
    "text", ["{", "", "NaN", '{"a": NaN}', "[1e999]", "[-Infinity]", "[" * 100_000, b"\xff", "9" * 5000]
)
def test_what_is_not_strict_json_is_unreadable_and_nothing_worse(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any sentence will do
        rules.read_json(text if isinstance(text, bytes) else text.encode())
