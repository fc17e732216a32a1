"""The finished item for TikTok: what is in it, in which order, and what of an address goes out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.events.address import LONGEST_SENT, path_warning, sent_url, web_url
from proxy.events.event import DAY_MS, build_event, event_time_of
from proxy.events.report import Report

RECEIVED = 1790000000999


def build(report, **changes):
    parts = {"event_id": "e1", "event_time": 5, "user": {}, "ip": None, "user_agent": None, "ttclid": None, "ttp": None}
    return build_event(report, **{**parts, "limited": False, **changes})


def test_the_full_item():
    report = Report(
        event="Purchase",
        url="https://shop.example/thanks?order=1",
        referrer="https://pay.example/",
        properties={"value": 5},
        device={"platform": "Windows"},
    )
    event = build(
        report,
        event_id="1043",
        event_time=1790000000,
        user={"email": "ab" * 32, "phone": ["cd" * 32]},
        ip="8.8.8.8",
        user_agent="Mozilla/5.0",
        ttclid="E.C.P.abcdef",
        ttp="2F7h37YkS1j57AYSKTI7IHhJPYH",
        limited=True,
    )
    assert (event.event, event.event_id, event.event_time) == ("Purchase", "1043", 1790000000)
    # As text, because the order of the names is part of the promise: equal events are equal bytes in the outbox.
    assert json.dumps(event.item) == json.dumps(
        {
            "event": "Purchase",
            "event_time": 1790000000,
            "event_id": "1043",
            "user": {
                "email": "ab" * 32,
                "phone": ["cd" * 32],
                "ttclid": "E.C.P.abcdef",
                "ttp": "2F7h37YkS1j57AYSKTI7IHhJPYH",
                "ip": "8.8.8.8",
                "user_agent": "Mozilla/5.0",
            },
            "page": {"url": "https://shop.example/thanks", "referrer": "https://pay.example/"},
            "properties": {"value": 5},
            "device": {"platform": "Windows"},
            "limited_data_use": True,
        }
    )


def test_nothing_empty_is_sent():
    assert build(Report(event="Lead", url="")).item == {"event": "Lead", "event_time": 5, "event_id": "e1"}


def test_a_raw_user_of_the_report_is_not_sent():
    report = Report(event="Lead", url="", user={"email": "jane@shop.example"})
    assert "jane" not in json.dumps(build(report).item)


def test_a_long_user_agent_is_cut():
    assert len(build(Report(event="Lead", url=""), user_agent="x" * 5000).item["user"]["user_agent"]) == 1024


@pytest.mark.parametrize(
    ("time", "sent", "seconds_ago"),
    [
        (None, None, 0),
        (1000, None, 0),
        (None, 1000, 0),
        (5000, 5000, 0),
        (5000, 6000, 1),
        (6000, 5000, 0),
        (1_000, 3_601_000, 3600),
        (0, DAY_MS, 86_400),
        (0, DAY_MS + 5_000, 86_400),
        (0, 2**53 - 1, 86_400),
    ],
)
def test_event_time_is_receipt_less_the_time_under_way(time, sent, seconds_ago):
    assert event_time_of(Report(event="Lead", url="", time=time, sent=sent), RECEIVED) == 1790000000 - seconds_ago


def test_a_back_ends_event_time_stands():
    assert event_time_of(Report(event="Lead", url="", event_time=7, time=0, sent=5), RECEIVED) == 7


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example:8443/a/b", "https://shop.example:8443/a/b"),
        (
            "https://shop.example/a?sid=1&utm_source=tiktok&email=x&ttclid=E.C.P.x",
            "https://shop.example/a?utm_source=tiktok&ttclid=E.C.P.x",
        ),
        ("https://shop.example/a?UTM_Source=TikTok&GCLID=1", "https://shop.example/a?UTM_Source=TikTok&GCLID=1"),
        (
            "https://shop.example/a?utm_term=caf%C3%A9&utm_campaign",
            "https://shop.example/a?utm_term=caf%C3%A9&utm_campaign",
        ),
        (
            "https://shop.example/a?fbclid=1&gbraid=2&wbraid=3&msclkid=4",
            "https://shop.example/a?fbclid=1&gbraid=2&wbraid=3&msclkid=4",
        ),
        ("https://shop.example/a?token=secret#utm_source=x", "https://shop.example/a"),
        ("https://shop.example/a#token=secret", "https://shop.example/a"),
        ("https://jane:secret@shop.example/a", "https://shop.example/a"),
        ("https://shop.example/a?utm_content=jane@shop.example&utm_id=1", "https://shop.example/a?utm_id=1"),
        ("https://shop.example/a?utm_content=jane%40shop.example", "https://shop.example/a"),
        ("https://shop.example/users/jane@shop.example/orders", "https://shop.example/"),
        ("https://shop.example/users/jane%40shop.example/orders", "https://shop.example/"),
        ("https://shop.example/users/jane%252540shop.example/orders", "https://shop.example/"),
        ("https://shop.example/a?utm_content=jane%2540shop.example", "https://shop.example/a"),
        ("https://www.tiktok.com/@shop.example.brand", "https://www.tiktok.com/@shop.example.brand"),
        ("https://[2606:4700:4700::1111]/a", "https://[2606:4700:4700::1111]/a"),
        ("https://b\u00fccher.example/\u00fc", "https://b\u00fccher.example/\u00fc"),
        ("https://shop.example/" + "a" * 5000, "https://shop.example/"),
        ("https://" + "a" * 5000 + "/", ""),
    ],
)
def test_of_an_address_only_the_campaign_goes_out(told, sent):
    assert sent_url(told) == sent
    assert sent_url(sent) == sent


@pytest.mark.parametrize(
    ("url", "is_cut"),
    [
        ("https://shop.example/users/jane@shop.example", True),
        ("https://shop.example/users/jane%2540shop.example", True),
        ("https://shop.example/a?email=jane@shop.example#jane@shop.example", False),
        ("https://www.tiktok.com/@shop.example.brand", False),
        (None, False),
    ],
)
def test_a_path_that_is_cut_is_warned_of_by_its_field_alone(url, is_cut):
    warnings = path_warning("page.url", url)
    assert [warning.split(": ")[0] for warning in warnings] == ["page.url"] * is_cut
    assert "jane" not in str(warnings)


@pytest.mark.parametrize(
    "url", ["https://shop.example", "http://127.0.0.1:8080/", "HTTPS://Shop.Example/", " https://shop.example/ \n"]
)
def test_web_addresses(url):
    assert web_url(url) == url.strip()


@given(
    st.text()
    | st.text().map("https://a/{}".format)
    | st.text().map("https://{}".format)
    | st.text(st.sampled_from("[]:@/?#%&=.a1 \\")).map("http://{}".format)
)
def test_any_address_is_sent_short_or_not_at_all(text):
    url = web_url(text)
    if url is not None:
        assert len(sent_url(url)) <= LONGEST_SENT
        assert sent_url(url).encode()
        assert sent_url(sent_url(url)) == sent_url(url)
