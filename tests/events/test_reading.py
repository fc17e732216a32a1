"""What a browser's report must have, and what becomes of the rest of it."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Rejected
from proxy.events import properties
from proxy.events.event import build_event, event_time_of
from proxy.events.event_id import build
from proxy.events.identity import hash_user
from proxy.events.reading import OTHER_SENDER, Rules, parse_json, read_report

RULES = Rules(
    order_events=frozenset({"PlaceAnOrder", "CompletePayment", "Purchase"}),
    event_names=frozenset({"WishGranted"}),
    fallback_url="https://shop.example/",
    default_consent="granted",
)
VIEW = "m3k9x2ab7f0q1w2e3r4t5y6u"
SOUND = {"v": 1, "event": "ViewContent", "view": VIEW, "n": 0, "url": "https://shop.example/mug"}
TTCLID = "E.C.P.CqYBabc-def_ghi"
TTP = "2F7h37YkS1j57AYSKTI7IHhJPYH"


def sound(**changes):
    return {**SOUND, **changes}


def read(item):
    return read_report(item, RULES)


def warned(report):
    return [warning.split(": ")[0] for warning in report.warnings]


def test_a_sound_report_has_no_warnings():
    report = read(
        sound(
            key="A-1",
            placed=1790000000,
            time=1790000000000,
            sent=1790000000100,
            referrer="https://www.tiktok.com/",
            properties={"value": 5, "currency": "EUR"},
            ttclid=TTCLID,
            ttp=TTP,
            user={"email": "jane@shop.example", "phone": ["+12133734253"]},
            consent="limited",
            ticket="abc.def",
            pixel="sent",
            retry=2,
            site="mugs",
        )
    )
    assert asdict(report) == {
        "event": "ViewContent",
        "url": "https://shop.example/mug",
        "view": VIEW,
        "n": 0,
        "key": "A-1",
        "event_id": None,
        "placed": 1790000000,
        "time": 1790000000000,
        "sent": 1790000000100,
        "event_time": None,
        "referrer": "https://www.tiktok.com/",
        "properties": {"value": 5, "currency": "EUR"},
        "ttclid": TTCLID,
        "ttp": TTP,
        "user": {"email": "jane@shop.example", "phone": ["+12133734253"]},
        "ip": None,
        "user_agent": None,
        "consent": "limited",
        "ticket": "abc.def",
        "pixel": "sent",
        "retry": 2,
        "site": "mugs",
        "test_event_code": None,
        "device": {},
        "warnings": (),
    }


@pytest.mark.parametrize(("told", "warnings"), [(True, (OTHER_SENDER,)), (False, ()), ("yes", ()), (None, ())])
def test_another_sender_of_the_pixel_is_warned_of(told: object, warnings: tuple[str, ...]) -> None:
    assert read_report(sound(other_sender=told), RULES).warnings == warnings


REFUSED = {
    "null": (None, "", "invalid"),
    "a string": ("ViewContent", "", "invalid"),
    "an array": ([SOUND], "", "invalid"),
    "no event": ({"view": VIEW, "n": 0}, "event", "missing"),
    "an empty event": (sound(event=""), "event", "missing"),
    "a null event": (sound(event=None), "event", "missing"),
    "an event that is a number": (sound(event=5), "event", "invalid"),
    "an event in an array": (sound(event=["ViewContent"]), "event", "invalid"),
    "an event of the wrong case": (sound(event="viewcontent"), "event", "unknown_event"),
    "an event with a space": (sound(event="ViewContent "), "event", "unknown_event"),
    "an unknown event": (sound(event="Juggle"), "event", "unknown_event"),
    "no view": ({"event": "ViewContent", "n": 0}, "view", "missing"),
    "a null view": (sound(view=None), "view", "missing"),
    "an empty view": (sound(view=""), "view", "missing"),
    "a view of 23 characters": (sound(view=VIEW[1:]), "view", "invalid"),
    "a view of 25 characters": (sound(view=VIEW + "0"), "view", "invalid"),
    "a view with a line feed": (sound(view=VIEW + "\n"), "view", "invalid"),
    "a view in upper case": (sound(view=VIEW.upper()), "view", "invalid"),
    "a view with other digits": (sound(view="\u0661" * 24), "view", "invalid"),
    "a view that is a number": (sound(view=24), "view", "invalid"),
    "no n": ({"event": "ViewContent", "view": VIEW}, "n", "missing"),
    "a null n": (sound(n=None), "n", "missing"),
    "an n in quotes": (sound(n="0"), "n", "invalid"),
    "a true n": (sound(n=True), "n", "invalid"),
    "a false n": (sound(n=False), "n", "invalid"),
    "a negative n": (sound(n=-1), "n", "invalid"),
    "a fraction as n": (sound(n=0.5), "n", "invalid"),
    "an n of 2^53": (sound(n=2**53), "n", "invalid"),
    "an n in an array": (sound(n=[1]), "n", "invalid"),
}


@pytest.mark.parametrize(("item", "field", "code"), REFUSED.values(), ids=REFUSED)
def test_only_what_cannot_be_an_event_is_refused(item, field, code):
    with pytest.raises(Rejected) as refused:
        read(item)
    assert (refused.value.code, refused.value.field, refused.value.status) == (code, field, 400)
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("PageView", "Pageview"),
        ("page_view", "Pageview"),
        ("add_to_cart", "AddToCart"),
        ("Add To Cart", "AddToCart"),
        ("purchase", "Purchase"),
        ("PlaceOrder", "PlaceAnOrder"),
        ("begin_checkout", "InitiateCheckout"),
        ("SIGN_UP", "CompleteRegistration"),
    ],
)
def test_a_slip_in_the_event_name_is_told_the_right_name(wrong, right):
    with pytest.raises(Rejected, match=f"Write this event {right},"):
        read(sound(event=wrong))


@pytest.mark.parametrize(
    "event", ["Purchase", "CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton", "Pageview", "WishGranted"]
)
def test_current_older_retired_and_allowed_names_are_events(event):
    assert read(sound(event=event)).event == event


def test_n_may_be_written_as_a_whole_number_in_any_way():
    assert [read(sound(n=n)).n for n in (3.0, -0.0, 2**53 - 1)] == [3, 0, 2**53 - 1]


OPTIONAL = {
    "an unusable key": ({"key": "a\nb"}, "key", None),
    "placed in milliseconds": ({"placed": 1790000000000}, "placed", None),
    "placed in words": ({"placed": "yesterday"}, "placed", None),
    "placed in quotes": ({"placed": "1790000000"}, "placed", 1790000000),
    "a negative time": ({"time": -1}, "time", None),
    "time in quotes": ({"time": "1"}, "time", 1),
    "a fraction of a millisecond": ({"sent": 1790000000000.5}, "sent", 1790000000000),
    "an address without scheme": ({"url": "shop.example/mug"}, "url", "https://shop.example/"),
    "an address without host": ({"url": "https:///mug"}, "url", "https://shop.example/"),
    "a file": ({"url": "file:///C:/mug.html"}, "url", "https://shop.example/"),
    "a script": ({"url": "javascript:alert(1)"}, "url", "https://shop.example/"),
    "an address with a line feed": ({"url": "https://shop.example/\nmug"}, "url", "https://shop.example/"),
    "an address with odd brackets": ({"url": "https://[shop]/"}, "url", "https://shop.example/"),
    "no address": ({"url": None}, "url", "https://shop.example/"),
    "an address that is a number": ({"url": 5}, "url", "https://shop.example/"),
    "an app as referrer": ({"referrer": "android-app://com.zhiliaoapp.musically"}, "referrer", None),
    "a click id that the ad did not fill in": ({"ttclid": "__CLICKID__"}, "ttclid", None),
    "a click id that the ad half filled in": ({"ttclid": "E.C.P.__CLICKID__"}, "ttclid", None),
    "a short click id": ({"ttclid": "E.C.P."}, "ttclid", None),
    "a click id with other signs": ({"ttclid": "E.C.P.abc%20def"}, "ttclid", None),
    "a placeholder for ttp": ({"ttp": "<_ttp>"}, "ttp", None),
    "a short ttp": ({"ttp": "a" * 19}, "ttp", None),
    "a long ttp": ({"ttp": "a" * 81}, "ttp", None),
    "a user that is text": ({"user": "jane"}, "user", {}),
    "an unknown user field": ({"user": {"jane@shop.example": 1, "email": "a@b.de"}}, "user", {"email": "a@b.de"}),
    "a user field that is an object": ({"user": {"email": {"a": 1}}}, "user.email", {}),
    "a user field with a bad member": ({"user": {"email": ["a@b.de", True]}}, "user.email", {"email": ["a@b.de"]}),
    "a consent nobody knows": ({"consent": "denied"}, "consent", "limited"),
    "a consent that is false": ({"consent": False}, "consent", "limited"),
    "a consent that is an object": ({"consent": {"ads": True}}, "consent", "limited"),
    "a ticket that is a number": ({"ticket": 5}, "ticket", None),
    "a ticket beyond ASCII": ({"ticket": "\u00e9"}, "ticket", None),
    "a pixel state nobody knows": ({"pixel": "maybe"}, "pixel", None),
    "a retry below zero": ({"retry": -1}, "retry", 0),
    "a site that is an object": ({"site": {"a": 1}}, "site", None),
    "properties that are text": ({"properties": "value=5"}, "properties", {}),
    "a value with separators": ({"properties": {"value": "1,234.00"}}, "properties.value", {}),
}


@pytest.mark.parametrize(("changes", "field", "kept"), OPTIONAL.values(), ids=OPTIONAL)
def test_a_bad_optional_field_is_repaired_or_dropped(changes, field, kept):
    report = read(sound(**changes))
    (name,) = changes
    assert getattr(report, name) == kept
    clean = kept is not None and name in ("placed", "sent", "time")
    assert warned(report) == ([] if clean else [field])


OPTIONAL_FIELDS = (
    *("placed", "time", "sent", "referrer", "properties", "ttclid", "ttp"),
    *("user", "consent", "ticket", "pixel", "retry", "site"),
)


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_an_empty_optional_field_is_as_good_as_absent(empty):
    assert read(sound(**dict.fromkeys(OPTIONAL_FIELDS, empty))) == read(SOUND)


def test_consent_not_told_is_the_sites_default():
    assert read(SOUND).consent == "granted"
    assert read_report(SOUND, replace(RULES, default_consent="limited")).consent == "limited"
    assert read_report(sound(consent="granted"), replace(RULES, default_consent="limited")).consent == "granted"


def test_the_body_cannot_tell_address_browser_or_event_id():
    report = read(sound(ip="8.8.8.8", user_agent="x", event_id="mine", event_time=5, user={"ip": "8.8.8.8"}))
    assert (report.ip, report.user_agent, report.event_id, report.event_time, report.user) == (
        None,
        None,
        None,
        None,
        {},
    )


def test_the_pixels_name_for_a_phone_is_taken():
    assert read(sound(user={"phone_number": "+12133734253"})).user == {"phone": "+12133734253"}
    assert read(sound(user={"phone": "+1", "phone_number": "+2"})).user == {"phone": "+1"}
    assert read(sound(user={"phone_number": "+2", "phone": "+1"})).user == {"phone": "+1"}


def test_numbers_in_user_become_strings():
    assert read(sound(user={"external_id": 42, "zip_code": [94103]})).user == {
        "external_id": "42",
        "zip_code": ["94103"],
    }


def test_an_order_takes_its_key_from_the_order_id():
    assert read(sound(event="Purchase", properties={"order_id": 1043})).key == "1043"
    assert read(sound(properties={"order_id": 1043})).key is None


def test_warnings_are_few_and_differ():
    report = read(sound(properties={"contents": ["x"] * 500}))
    assert len(report.warnings) == len(set(report.warnings)) == 20


def test_no_warning_or_refusal_repeats_what_was_told():
    bad = "jane.doe@shop.example\n"
    report = read(sound(**{name: [bad, {bad: bad}] for name in ("key", "url", *OPTIONAL_FIELDS)}))
    assert len(report.warnings) > 10
    for item in (
        sound(user={bad: bad, "email": {bad: bad}}),
        sound(properties={bad: bad, "value": bad, "order_id": {bad: 1}}),
    ):
        report = replace(report, warnings=report.warnings + read(item).warnings)
    assert "jane" not in str(report.warnings)
    for field in ("event", "view", "n"):
        with pytest.raises(Rejected) as refused:
            read(sound(**{field: bad}))
        assert "jane" not in str(refused.value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        [
            "",
            " ",
            "1e999",
            "19.90",
            TTCLID,
            TTP,
            VIEW,
            "https://[",
            "https://a/?ttclid=1#x",
            "+12133734253",
            "Jane@Shop.Example",
            "\ud800",
            "\0",
            "<_ttp>",
            "granted",
            "sent",
            "USD",
        ]
    )
)
NAMES = st.text(max_size=5) | st.sampled_from(
    [
        *properties.TEXTS,
        *properties.NUMBERS,
        *properties.INTEGERS,
        "contents",
        "content_ids",
        "currency",
        "email",
        "foo",
    ]
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)
NEARLY = st.fixed_dictionaries(
    {"event": st.just("Purchase"), "view": st.just(VIEW), "n": st.integers(0, 2**53 - 1)},
    optional={
        **dict.fromkeys(("v", "key", "url", *OPTIONAL_FIELDS), JSON),
        "properties": JSON | OBJECTS,
        "user": JSON
        | st.dictionaries(
            st.sampled_from(["email", "phone", "phone_number", "external_id", "city", "locale", "x"]), JSON
        ),
    },
)


def finished(report):
    user, _ = hash_user(report.user, "DE")
    return build_event(
        report,
        event_id=report.event_id or build(report.view, report.n, report.key),
        event_time=event_time_of(report, 1790000000000),
        user=user,
        ip=None,
        user_agent=None,
        ttclid=report.ttclid,
        ttp=report.ttp,
        limited=report.consent == "limited",
    )


def leaves(value):
    if isinstance(value, (dict, list)):
        return [
            leaf for one in (value.values() if isinstance(value, dict) else value) for leaf in (leaves(one) or [one])
        ]
    return [value]


@given(JSON)
def test_any_json_is_a_report_or_refused(item):
    with pytest.raises(Rejected):
        read(item)


@given(NEARLY)
def test_what_is_nearly_a_report_becomes_an_event_that_can_be_stored(item):
    report = read(item)
    event = finished(report)
    text = json.dumps(event.item, allow_nan=False, ensure_ascii=False)
    assert parse_json(text.encode()) == event.item
    assert "".join(report.warnings).encode()
    assert all(leaf not in (None, "", [], {}) for leaf in leaves(event.item))


@given(st.binary())
def test_any_bytes_are_a_report_or_refused(body):
    with pytest.raises(Rejected):
        read(parse_json(body))
