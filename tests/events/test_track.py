"""TikTok's own request body at the relay: what is taken, and that every bad field is told at once."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.events.reading import RejectedTrack, Rules, parse_json, read_track

NOW = 1790000000
RULES = Rules(
    order_events=frozenset({"PlaceAnOrder", "CompletePayment", "Purchase"}),
    event_names=frozenset(),
    fallback_url="https://shop.example/",
    default_consent="granted",
)
TTCLID = "E.C.P.CqYBabc-def_ghi"
TTP = "2F7h37YkS1j57AYSKTI7IHhJPYH"

# TikTok's example as shops paste it, its comments taken out, with every string empty but the placeholder.
AS_PASTED = {
    "event": "PlaceAnOrder",
    "event_id": "",
    "event_time": "",
    "user": {"ttclid": "", "external_id": "", "phone": "", "email": "", "ttp": "<_ttp>", "ip": "", "user_agent": ""},
    "page": {"url": ""},
    "properties": {
        "contents": [{"content_id": "", "content_type": "", "content_name": ""}],
        "value": "",
        "currency": "",
    },
}
SOUND = {"event": "ViewContent", "event_id": "e1", "event_time": NOW - 5, "page": {"url": "https://shop.example/mug"}}


def sound(**changes):
    return {**SOUND, **changes}


def request(*items, **changes):
    return {"event_source": "web", "event_source_id": "COQDA8RC77U2TMR44LI0", "data": list(items), **changes}


def read(*items, **changes):
    fresh = (f"fresh-{n}" for n in itertools.count())
    return read_track(request(*items, **changes), RULES, NOW, lambda: next(fresh))


def errors_of(*items, **changes):
    with pytest.raises(RejectedTrack) as refused:
        read(*items, **changes)
    assert (refused.value.field, refused.value.message) == refused.value.errors[0]
    return dict(refused.value.errors)


def test_the_example_as_pasted_is_refused_for_its_placeholder_alone():
    errors = errors_of(AS_PASTED)
    assert list(errors) == ["data.0.user.ttp"]
    assert "<_ttp>" in errors["data.0.user.ttp"]


def test_the_example_without_its_placeholder_is_an_event():
    (report,) = read({**AS_PASTED, "user": {**AS_PASTED["user"], "ttp": ""}}).reports
    assert (report.event, report.event_id, report.event_time) == ("PlaceAnOrder", "fresh-0", NOW)
    assert (report.user, report.ttp, report.properties, report.url) == ({}, None, {}, "https://shop.example/")
    assert [warning.split(": ")[0] for warning in report.warnings] == ["event_id"]


def test_everything_that_tiktok_lists_is_taken():
    item = {
        "event": "Purchase",
        "event_time": "1789999999",
        "event_id": "1616318632825_357",
        "user": {
            "email": ["jane@shop.example", "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"],
            "phone": "+12133734253",
            "external_id": "c42",
            "ttclid": TTCLID,
            "ttp": TTP,
            "ip": "8.8.8.8",
            "user_agent": "Mozilla/5.0",
            "locale": "en-GB",
            "first_name": "Jane",
            "last_name": "Doe",
            "zip_code": "94103",
            "city": "New York",
            "state": "CA",
            "country": "US",
        },
        "page": {"url": "https://shop.example/thanks", "referrer": "https://pay.example/"},
        "properties": {
            "contents": [
                {
                    "content_id": "1077218",
                    "price": "19.90",
                    "quantity": 2,
                    "content_name": "shirt",
                    "content_category": "tops",
                    "brand": "Acme",
                    "content_type": "product",
                    "description": "blue",
                    "availability": "in stock",
                }
            ],
            "content_ids": ["1077218"],
            "currency": "USD",
            "value": "39.80",
            "num_items": 2,
            "search_string": "shirt",
            "query": "shirt",
            "description": "an order",
            "order_id": "1043",
            "shop_id": "7",
            "status": "paid",
            "delivery_category": "in_store",
            "predicted_ltv": 100.5,
            "gtm_version": "1.0",
            "mileage": {"value": "3", "unit": "KM"},
        },
        "limited_data_use": True,
        "device": {"platform": "Windows", "mobile": False, "model": ""},
    }
    track = read(item, test_event_code="TEST123", partner_name="WooCommerce")
    assert (track.event_source_id, track.test_event_code) == ("COQDA8RC77U2TMR44LI0", "TEST123")
    (report,) = track.reports
    assert report.warnings == ()
    assert (report.event, report.event_id, report.event_time) == ("Purchase", "1616318632825_357", 1789999999)
    assert (report.key, report.consent, report.test_event_code) == ("1043", "limited", "TEST123")
    assert (report.ttclid, report.ttp, report.ip, report.user_agent) == (TTCLID, TTP, "8.8.8.8", "Mozilla/5.0")
    assert report.user == {
        name: item["user"][name] for name in item["user"].keys() - {"ttclid", "ttp", "ip", "user_agent"}
    }
    assert (report.url, report.referrer) == ("https://shop.example/thanks", "https://pay.example/")
    expected = json.loads(json.dumps(item["properties"]))
    expected["contents"][0]["price"] = 19.9
    assert report.properties == {**expected, "value": 39.8, "content_type": "product"}
    assert report.device == {"platform": "Windows", "mobile": False}
    assert (report.view, report.n, report.pixel) == (None, None, None)


def test_the_content_type_may_stand_at_either_place():
    at_top, in_item = read(
        sound(properties={"content_type": "product", "contents": [{"content_id": "1"}]}),
        sound(properties={"contents": [{"content_id": "1", "content_type": "product"}]}),
    ).reports
    assert at_top.properties == in_item.properties


@pytest.mark.parametrize(
    ("told", "taken", "warns"),
    [
        ("", NOW, False),
        (None, NOW, False),
        (" ", NOW, False),
        (NOW, NOW, False),
        (str(NOW - 9), NOW - 9, False),
        (float(NOW - 9), NOW - 9, False),
        (NOW + 1, NOW, False),
        (NOW + 10**9, NOW, False),
        (NOW - 28 * 86_400, NOW - 28 * 86_400, False),
        (NOW - 28 * 86_400 - 1, NOW - 28 * 86_400 - 1, True),
        (1, 1, True),
    ],
)
def test_event_time(told, taken, warns):
    (report,) = read(sound(event_time=told)).reports
    assert report.event_time == taken
    assert [warning.split(": ")[0] for warning in report.warnings] == ["event_time"] * warns


@pytest.mark.parametrize(
    ("changes", "event_id", "key", "warns"),
    [
        ({}, "e1", "e1", False),
        ({"event_id": " verbatim "}, " verbatim ", "verbatim", False),
        ({"event_id": "e1", "event": "Purchase", "properties": {"order_id": "1043"}}, "e1", "1043", False),
        ({"event_id": "e1", "properties": {"order_id": "1043"}}, "e1", "e1", False),
        ({"event_id": "", "event": "Purchase", "properties": {"order_id": " 1043 "}}, "1043", "1043", False),
        ({"event_id": None, "event": "PlaceAnOrder", "properties": {"order_id": "1043"}}, "1043", "1043", False),
        ({"event_id": "", "properties": {"order_id": "1043"}}, "fresh-0", None, True),
        ({"event_id": " ", "event": "Purchase"}, "fresh-0", None, True),
        ({"event_id": "", "event": "Purchase", "properties": {"order_id": "k" * 129}}, "fresh-0", None, True),
    ],
)
def test_event_id_and_key(changes, event_id, key, warns):
    (report,) = read(sound(**changes)).reports
    assert (report.event_id, report.key) == (event_id, key)
    assert [warning.split(": ")[0] for warning in report.warnings] == ["event_id"] * warns


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "127.0.0.1", "192.168.1.5", "::1", "fe80::1", "2606:4700:4700::1111%eth0", "169.254.1.1"]
)
def test_an_address_that_is_not_public_is_dropped(ip):
    (report,) = read(sound(user={"ip": ip})).reports
    assert report.ip is None
    assert report.warnings == ("user.ip: is not a public address; dropped",)


def test_ipv6_is_taken_as_written():
    assert read(sound(user={"ip": "2606:4700:4700:0:0:0:0:1111"})).reports[0].ip == "2606:4700:4700:0:0:0:0:1111"


def test_a_field_of_another_source_is_dropped_with_a_warning():
    (report,) = read(sound(user={"idfa": "x", "external_id": "c1"})).reports
    assert report.user == {"external_id": "c1"}
    assert report.warnings == ("user: holds a field that TikTok does not take; dropped",)


def test_consent_is_the_stricter_of_item_and_site():
    def consent(told, default):
        rules = Rules(RULES.order_events, RULES.event_names, "", default)
        return read_track(request(sound(limited_data_use=told)), rules, NOW, str).reports[0].consent

    assert [
        consent(*one) for one in ((False, "granted"), (True, "granted"), (False, "limited"), (None, "limited"))
    ] == [
        "granted",
        "limited",
        "limited",
        "limited",
    ]


REFUSED = {
    "an item that is text": ("ViewContent", {"data.0"}),
    "an item that is null": (None, {"data.0"}),
    "no event": ({"event_id": "a"}, {"data.0.event"}),
    "an event of the wrong case": (sound(event="PageView"), {"data.0.event"}),
    "a number as event_id": (sound(event_id=1616318632825), {"data.0.event_id"}),
    "an event_id of 129 bytes": (sound(event_id="k" * 129), {"data.0.event_id"}),
    "an event_id with a line feed": (sound(event_id="a\nb"), {"data.0.event_id"}),
    "an ISO date as event_time": (sound(event_time="2026-11-24T10:00:00Z"), {"data.0.event_time"}),
    "milliseconds as event_time": (sound(event_time=1790000000000), {"data.0.event_time"}),
    "a fraction as event_time": (sound(event_time=1790000000.5), {"data.0.event_time"}),
    "true as event_time": (sound(event_time=True), {"data.0.event_time"}),
    "a negative event_time": (sound(event_time=-1), {"data.0.event_time"}),
    "a user that is text": (sound(user="jane"), {"data.0.user"}),
    "a number as e-mail": (sound(user={"email": 5}), {"data.0.user.email"}),
    "a number among e-mails": (sound(user={"email": ["a@b.de", 5]}), {"data.0.user.email"}),
    "a number as external id": (sound(user={"external_id": 5}), {"data.0.user.external_id"}),
    "a bad click id": (sound(user={"ttclid": "a b"}), {"data.0.user.ttclid"}),
    "a bad ttp": (sound(user={"ttp": "short"}), {"data.0.user.ttp"}),
    "a bad ip": (sound(user={"ip": "8.8.8.8, 1.1.1.1"}), {"data.0.user.ip"}),
    "a number as user agent": (sound(user={"user_agent": 5}), {"data.0.user.user_agent"}),
    "a page that is text": (sound(page="https://shop.example/"), {"data.0.page"}),
    "a page without scheme": (sound(page={"url": "shop.example"}), {"data.0.page.url"}),
    "a bad referrer": (sound(page={"referrer": "tiktok"}), {"data.0.page.referrer"}),
    "properties that are text": (sound(properties="a"), {"data.0.properties"}),
    "a value with separators": (sound(properties={"value": "1,234.00"}), {"data.0.properties.value"}),
    "a number as order id": (sound(properties={"order_id": 1043}), {"data.0.properties.order_id"}),
    "half an item": (sound(properties={"num_items": 0.5}), {"data.0.properties.num_items"}),
    "a sign as currency": (sound(properties={"currency": "$"}), {"data.0.properties.currency"}),
    "contents that are an object": (
        sound(properties={"contents": {"content_id": "1"}}),
        {"data.0.properties.contents"},
    ),
    "an id among contents": (sound(properties={"contents": ["1"]}), {"data.0.properties.contents.0"}),
    "a number as content id": (
        sound(properties={"contents": [{"content_id": "1"}, {"content_id": 2}]}),
        {"data.0.properties.contents.1.content_id"},
    ),
    "a price in words": (
        sound(properties={"contents": [{"price": "free", "quantity": "many"}]}),
        {"data.0.properties.contents.0.price", "data.0.properties.contents.0.quantity"},
    ),
    "numbers as content ids": (sound(properties={"content_ids": [1]}), {"data.0.properties.content_ids"}),
    "limited_data_use in quotes": (sound(limited_data_use="true"), {"data.0.limited_data_use"}),
    "a device that is text": (sound(device="phone"), {"data.0.device"}),
    "a macro as click id": (sound(user={"ttclid": "__CLICKID__"}), {"data.0.user.ttclid"}),
    "a macro as e-mail": (sound(user={"email": "{{email}}"}), {"data.0.user.email"}),
    "a template as value": (sound(properties={"value": "${order.total}"}), {"data.0.properties.value"}),
    "a template in a list": (sound(user={"phone": ["${phone}"]}), {"data.0.user.phone.0"}),
    "a template as event_id": (sound(event_id="${id}"), {"data.0.event_id"}),
}


@pytest.mark.parametrize(("item", "fields"), REFUSED.values(), ids=REFUSED)
def test_what_tiktok_would_refuse_is_refused(item, fields):
    assert set(errors_of(item)) == fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event_source": "app"}, "event_source"),
        ({"event_source": ""}, "event_source"),
        ({"event_source": 5}, "event_source"),
        ({"event_source_id": ""}, "event_source_id"),
        ({"event_source_id": None}, "event_source_id"),
        ({"event_source_id": 7}, "event_source_id"),
        ({"event_source_id": "<pixel_code>"}, "event_source_id"),
        ({"test_event_code": 7}, "test_event_code"),
        ({"data": []}, "data"),
        ({"data": None}, "data"),
        ({"data": SOUND}, "data"),
        ({"data": [SOUND] * 1001}, "data"),
    ],
)
def test_a_bad_request_is_refused(changes, field):
    assert list(errors_of(SOUND, **changes)) == [field]


@pytest.mark.parametrize("body", [None, [], "x", 5, [SOUND]])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(RejectedTrack):
        read_track(body, RULES, NOW, str)


def test_a_thousand_events_are_taken():
    assert len(read(*[SOUND] * 1000).reports) == 1000


def test_every_bad_field_of_every_item_is_told():
    errors = errors_of(
        {"event": "Juggle", "event_id": 5, "user": {"ip": "x", "ttp": "<_ttp>"}},
        SOUND,
        {"event": "ViewContent", "properties": {"value": "x", "contents": [{"content_id": 1}]}},
        event_source="crm",
    )
    assert set(errors) == {
        "event_source",
        "data.0.event",
        "data.0.event_id",
        "data.0.user.ip",
        "data.0.user.ttp",
        "data.2.properties.value",
        "data.2.properties.contents.0.content_id",
    }


def test_a_placeholder_is_called_by_its_name():
    for placeholder in ("<_ttp>", "__CLICKID__", "ACCESS_TOKEN", "${order.id}", "{{ order_id }}"):
        errors = errors_of(sound(properties={"description": placeholder}))
        assert placeholder in errors["data.0.properties.description"]


def test_no_sentence_repeats_a_value():
    bad = "jane.doe@shop"
    item = {
        "event": bad,
        "event_id": {"a": bad},
        "event_time": bad,
        "user": {"ttclid": bad, "ttp": bad, "ip": bad, "email": {"a": bad}},
        "page": {"url": bad, "referrer": bad},
        "properties": {"value": bad, "currency": bad, "num_items": bad, "contents": [bad]},
    }
    assert len(errors_of(item)) == 13
    assert "jane" not in str(errors_of(item))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["", "19.90", TTCLID, TTP, "https://[", "<_ttp>", "Purchase", "web"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["contents", "content_id", "value", "order_id", "email", "url", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
ITEMS = st.fixed_dictionaries(
    {"event": st.just("Purchase") | JSON},
    optional={
        "event_id": JSON,
        "event_time": JSON,
        "user": JSON
        | st.dictionaries(st.sampled_from(["email", "phone", "phone_number", "ip", "ttp", "ttclid", "city"]), JSON),
        "page": JSON | st.fixed_dictionaries({"url": JSON, "referrer": JSON}),
        "properties": JSON | st.dictionaries(st.sampled_from(["contents", "value", "order_id", "currency"]), JSON),
        "limited_data_use": JSON,
        "device": JSON,
    },
)


@given(JSON | st.lists(ITEMS, min_size=1, max_size=3).map(lambda items: request(*items)))
def test_any_json_is_taken_or_refused_with_its_fields(body):
    try:
        track = read_track(body, RULES, NOW, lambda: "fresh")
    except RejectedTrack as refused:
        assert refused.errors, refused  # noqa: PT017
        return
    for report in track.reports:
        assert parse_json(json.dumps(report.properties, allow_nan=False).encode()) == report.properties
        assert report.event_id.encode()
        assert 0 < report.event_time <= NOW
