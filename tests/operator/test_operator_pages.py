"""The operator's pages over a real outbox: what they show, what they mask, and that no shopper's text becomes HTML."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from proxy.errors import OutboxBusy
from proxy.operator.app import create_app
from proxy.operator.overview import MOST_ROWS, Chosen, Desk
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.store import Outbox
from proxy.outbox.tables import State
from proxy.outbox.tally import Tally
from tests.operator.conftest import NOW, PIXEL, settings

Make = Callable[..., Entry]
Put = Callable[..., list[int]]
ONE_OF_EACH = {state: f"id-of-{state}" for state in State}


def put_one_of_each(put: Put, entry: Make) -> None:
    put(*(entry(event_id, state=state.value) for state, event_id in ONE_OF_EACH.items()))


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def seen_of(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_an_empty_outbox_says_what_to_do(client: FlaskClient) -> None:
    assert "Open the shop and click a product" in client.get("/").text


def test_events_of_every_state_are_shown_with_their_totals(client: FlaskClient, put: Put, entry: Make) -> None:
    put_one_of_each(put, entry)
    page = text_of(client.get("/").text)
    for state, event_id in ONE_OF_EACH.items():
        assert event_id in page
        assert f"1 {state}" in page


@pytest.mark.parametrize("state", list(State))
def test_a_state_filters(client: FlaskClient, put: Put, entry: Make, state: State) -> None:
    put_one_of_each(put, entry)
    told = client.get(f"/events.json?state={state}").json
    assert told is not None
    assert [story["event_id"] for story in told["stories"]] == [ONE_OF_EACH[state]]
    assert told["totals"] == dict.fromkeys(list(State), 1)


def test_a_site_filters_events_totals_and_destinations(outbox: Outbox, put: Put, entry: Make) -> None:
    put(entry("a"), entry("b", site="paris", destination=f"paris/{PIXEL}"))
    client = create_app(outbox, settings(["demo", "paris"]), lambda: NOW).test_client()
    told = client.get("/events.json?site=paris").json
    assert told is not None
    assert [story["event_id"] for story in told["stories"]] == ["b"]
    assert told["totals"]["waiting"] == 1
    assert [standing["name"] for standing in told["destinations"]] == [f"paris/{PIXEL}"]
    assert 'href="/?state=dead&amp;site=paris"' in client.get("/?site=paris").text


@pytest.mark.parametrize("query", ["state=gone", "site=elsewhere"])
def test_a_filter_that_is_none_is_a_400_with_a_sentence(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/?{query}")
    assert answer.status_code == 400
    assert answer.text.strip().endswith(".")


def test_the_newest_come_first_and_only_so_many(client: FlaskClient, put: Put, entry: Make) -> None:
    put(*(entry(f"e{number}") for number in range(MOST_ROWS + 5)))
    told = client.get("/events.json").json
    assert told is not None
    assert len(told["stories"]) == MOST_ROWS
    assert told["stories"][0]["event_id"] == f"e{MOST_ROWS + 4}"


def test_a_row_tells_legs_answer_keys_marks_and_age(client: FlaskClient, put: Put, entry: Make) -> None:
    put(
        entry(
            "order-1",
            state="delivered",
            delivered_at=NOW,
            code=0,
            request_id="2026REQ",
            proved=True,
            consent="limited",
            test_code="TEST123",
            warnings=("properties.value: read as 89",),
            body=json.dumps({"user": {"ttclid": "E.C.P"}, "page": {"url": "https://shop.example/p"}}),
        )
    )
    page = text_of(client.get("/").text)
    for words in (
        "Server & Browser",
        "TikTok: code 0",
        "2026REQ",
        "present ttclid",
        "missing email phone external_id ip user_agent",
        "ttp not yet set",
        "proved",
        "limited consent",
        "TEST123",
        "1 warning",
        "properties.value: read as 89",
        "12 s ago",
        "https://shop.example/p",
    ):
        assert words in page, words


def test_polling_answers_204_until_something_is_new(client: FlaskClient, put: Put, entry: Make) -> None:
    seen = seen_of(client.get("/").text)
    quiet = client.get(f"/events?seen={seen}")
    assert (quiet.status_code, quiet.data) == (204, b"")
    put(entry("new-one"))
    news = client.get(f"/events?seen={seen}")
    assert news.status_code == 200
    assert "new-one" in news.text
    assert client.get(f"/events?seen={seen_of(news.text)}").status_code == 204


def test_time_and_heartbeat_alone_are_no_news(outbox: Outbox, put: Put, entry: Make) -> None:
    clock = [NOW]
    client = create_app(outbox, settings(), lambda: clock[0]).test_client()
    put(entry())
    outbox.remember("heartbeat", str(NOW))
    seen = seen_of(client.get("/").text)
    clock[0] += 5_000
    outbox.remember("heartbeat", str(NOW + 4_000))
    answer = client.get(f"/events?seen={seen}")
    assert answer.status_code == 204
    assert json.loads(answer.headers["HX-Trigger"]) == {"ticked": {"now": NOW + 5_000, "heartbeat": NOW + 4_000}}


def test_a_keeper_that_falls_silent_is_news_and_a_red_sentence(outbox: Outbox) -> None:
    clock = [NOW]
    client = create_app(outbox, settings(), lambda: clock[0]).test_client()
    outbox.remember("heartbeat", str(NOW))
    seen = seen_of(client.get("/").text)
    clock[0] += 21_000
    answer = client.get(f"/events?seen={seen}")
    assert 'class="alarms"' in answer.text
    assert "keeper is silent" in answer.text


def test_a_paused_destination_shows_why_since_and_what_to_do(outbox: Outbox, client: FlaskClient) -> None:
    rows = Destinations(outbox)
    rows.settle_in(f"demo/{PIXEL}", "f", NOW)
    rows.pause(f"demo/{PIXEL}", NOW - 1_000, "tiktok", "40105: access token wrong or revoked", NOW + 90_000)
    page = text_of(client.get("/").text)
    assert "40105: access token wrong or revoked" in page
    assert "next attempt in 1 min" in page
    assert "access token: a token file is read again by itself" in page


def test_events_of_a_pixel_that_left_the_settings_stay_in_sight(client: FlaskClient, put: Put, entry: Make) -> None:
    put(entry("stranded", destination="gone/P9", site="gone"))
    page = text_of(client.get("/").text)
    assert "stranded" in page
    assert "1 events wait for gone/P9, which is not in the settings" in page


def test_what_the_doors_refused_is_shown_by_reason(client: FlaskClient, outbox: Outbox) -> None:
    assert "at the doors" not in client.get("/").text
    tally = Tally(outbox, lambda: NOW - 60_000)
    for reason in ("origin", "origin", "too_large"):
        tally.add(reason)
    tally.flush()
    page = " ".join(client.get("/").text.split())
    assert "Refused or marked at the doors since" in page
    assert "2 origin, 1 too_large" in page
    assert client.get("/events.json").json["refused"]["counts"] == {"origin": 2, "too_large": 1}


def test_one_events_page_tells_its_whole_story(client: FlaskClient, put: Put, entry: Make) -> None:
    body = {"event": "Purchase", "user": {"ip": "203.0.113.77"}, "properties": {"currency": "EURO"}}
    [row] = put(
        entry(
            "order-1",
            state="dead",
            code=40002,
            reason="currency: unknown",
            request_id="r1",
            attempts=3,
            key="order-1",
            body=json.dumps(body),
            beside=json.dumps({"event": "Purchase", "properties": {"currency": "EUR"}}),
            warnings=("w: one",),
        )
    )
    page = text_of(client.get(f"/event/{row}").text)
    for words in ("code 40002", "currency: unknown", "r1", "Attempts 3", "w: one", '"currency": "EURO"', "203.0.113.*"):
        assert words in page, words
    assert '"currency": "EUR"' in page
    assert "Correct what TikTok names" in page


@pytest.mark.parametrize("path", ["/event/4711", "/event/x", "/event/-1", "/event/99999999999999999999"])
def test_an_event_that_is_not_there_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_no_raw_personal_data_on_any_page(client: FlaskClient, put: Put, entry: Make) -> None:
    user = {"email": "alice@example.com", "phone": "+12133734253", "external_id": "user_123", "ip": "203.0.113.77"}
    body = json.dumps({"event": "E", "user": user})
    [row] = put(entry(body=body, beside=body))
    for path in ("/", "/events", "/events.json", f"/event/{row}"):
        page = client.get(path).text
        for raw in ("alice", "2133734253", "user_123", "113.77"):
            assert raw not in page, (path, raw)


def test_an_outbox_that_is_busy_is_a_503_with_a_sentence(
    client: FlaskClient, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> None:
        raise OutboxBusy("The outbox cannot be used right now.")

    monkeypatch.setattr(outbox, "read", busy)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "cannot be used right now" in answer.text


def test_counting_takes_at_most_its_share_of_the_time(outbox: Outbox, put: Put, entry: Make) -> None:
    """A count of 2 seconds is good for the next 40."""
    times = iter([0.0, 2.0, 41.9, 42.1, 42.2])
    desk = Desk(outbox, settings(), lambda: NOW, elapsed=lambda: next(times))
    assert desk.overview(Chosen()).totals["waiting"] == 0
    put(entry())
    assert desk.overview(Chosen()).totals["waiting"] == 0
    assert desk.overview(Chosen()).totals["waiting"] == 1


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title></pre></code><iframe src=javascript:alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
]
TAGS = {"html", "head", "meta", "title", "link", "script", "body", "a", "header", "img", "nav", "main", "div", "h1"}
TAGS |= {
    "h2",
    "h3",
    "p",
    "span",
    "noscript",
    "input",
    "b",
    "section",
    "ul",
    "li",
    "code",
    "time",
    "table",
    "thead",
    "tr",
}
TAGS |= {"th", "tbody", "td", "strong", "details", "summary", "dl", "dt", "dd", "pre"}


@dataclass
class Seen(HTMLParser):
    """The tags, attributes and scripts that a browser would find."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_strangers_write_appears_as_text_only(client: FlaskClient, put: Put, entry: Make, payload: str) -> None:
    body = {
        "event": payload,
        "user": dict.fromkeys(("email", "ip", "user_agent", "ttclid", "ttp", payload), payload),
        "page": {"url": payload, "referrer": payload},
        "properties": {payload: payload, "contents": [{"content_id": payload}]},
    }
    hostile = entry(
        payload,
        event=payload,
        body=json.dumps(body),
        beside=json.dumps(body),
        warnings=(payload,),
        reason=payload,
        request_id=payload,
        test_code=payload,
        key=payload,
        view=payload,
        state="dead",
        code=40002,
    )
    [row] = put(hostile)
    for path in ("/", "/events", f"/event/{row}"):
        page = client.get(path).text
        seen = Seen()
        seen.feed(page)
        assert {tag for tag, _ in seen.tags} <= TAGS
        for tag, attributes in seen.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")]
            address = attributes.get("href") or attributes.get("src") or "/"
            assert address.startswith(("/", "#main")), (tag, address)
        assert payload in html.unescape(page)
    told = client.get("/events.json")
    assert told.mimetype == "application/json"
    assert told.json is not None
    assert told.json["stories"][0]["event_id"] == payload
