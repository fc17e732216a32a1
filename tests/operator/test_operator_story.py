"""What a page tells of an event: its legs, its match keys, and what is a fault and what is none."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.events.reading import OTHER_SENDER
from proxy.operator.advice import (
    ANOTHER_SENDER,
    ENOUGH_VISITS,
    NO_ADDRESSES,
    ONE_ADDRESS,
    SILENT_AFTER_MS,
    findings,
    for_event,
    keeper_trouble,
    standing_of,
)
from proxy.operator.privacy import NOT_A_HASH, mask_ip, short_hash, shown_item
from proxy.operator.story import MATCH_KEYS, connection_method, tell
from proxy.operator.words import iso, link, relative, since
from proxy.outbox.destinations import DestinationState
from proxy.outbox.entry import Entry
from proxy.outbox.store import TWO_IDS
from proxy.outbox.tables import State
from tests.operator.conftest import NOW

Make = Callable[..., Entry]
HASH = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
HERE, AD = "https://shop.example/p/1", "https://www.tiktok.com/"


def item(user: dict[str, Any] | None = None, **page: str) -> str:
    return json.dumps({"event": "ViewContent", "user": user or {}, "page": {"url": HERE, **page}})


def standing(**facts: Any) -> DestinationState:
    defaults: dict[str, Any] = {
        "name": "demo/P",
        "fingerprint": "f",
        "delivered_since": True,
        "delivered_at": None,
        "paused_at": None,
        "paused_by": None,
        "reason": None,
        "settled_at": 0,
        "attempts": 0,
        "next_at": 0,
    }
    return DestinationState(**{**defaults, **facts})


METHODS = [
    ("sent", None, "Browser"),
    ("sent", NOW, "Server & Browser"),
    ("blocked", NOW, "Server"),
    ("unknown", NOW, "Server & Browser (unconfirmed)"),
    (None, NOW, "Server & Browser (unconfirmed)"),
    ("blocked", None, "None yet"),
    (None, None, "Browser (unconfirmed)"),
]


@pytest.mark.parametrize(("pixel", "delivered_at", "words"), METHODS)
def test_the_connection_method_is_in_tiktoks_words(
    entry: Make, pixel: str | None, delivered_at: int | None, words: str
) -> None:
    assert connection_method(entry(pixel=pixel, delivered_at=delivered_at)) == words


PIXEL_LEGS = [
    ("sent", True, "sent"),
    ("blocked", True, "blocked"),
    ("off", True, "off"),
    ("unknown", True, "unconfirmed"),
    (None, True, "unconfirmed"),
    (None, False, "not told by a browser"),
]


@pytest.mark.parametrize(("pixel", "browser", "word"), PIXEL_LEGS)
def test_the_pixel_leg_says_what_the_browser_told(entry: Make, pixel: str | None, browser: bool, word: str) -> None:
    assert tell(entry(pixel=pixel, browser=browser), None, NOW).browser.word == word


def test_the_server_leg_carries_tiktoks_answer(entry: Make) -> None:
    leg = tell(entry(state="dead", code=40002, request_id="r1", reason="currency: unknown"), None, NOW).server
    assert (leg.word, leg.tone, leg.code, leg.request_id, leg.reason) == (
        "dead",
        "bad",
        40002,
        "r1",
        "currency: unknown",
    )


WAITS = [
    ("on its way at once", {}, None, None, None),
    ("for the other report", {"due_at": NOW + 9}, None, "for what the shop's back end or browser tells", NOW + 9),
    ("destination paused", {}, standing(paused_at=NOW), "its destination is paused", None),
    ("destination backs off", {"reason": "HTTP 500"}, standing(attempts=2, next_at=NOW + 5), "HTTP 500", NOW + 5),
    ("backs off alone", {"reason": "x", "attempts": 6, "due_at": NOW + 7}, standing(), "x", NOW + 7),
    ("tried and due now", {"reason": "x", "attempts": 1}, standing(attempts=1, next_at=NOW - 5), "x", None),
]


@pytest.mark.parametrize(("facts", "state", "reason", "due_at"), [w[1:] for w in WAITS], ids=[w[0] for w in WAITS])
def test_a_waiting_event_says_for_what_and_until_when(
    entry: Make, facts: dict[str, Any], state: DestinationState | None, reason: str | None, due_at: int | None
) -> None:
    leg = tell(entry(**facts), state, NOW).server
    assert (leg.reason or "").startswith(reason or "")
    assert (leg.reason is None, leg.due_at) == (reason is None, due_at)


def status(entry: Entry, name: str) -> tuple[str, str | None]:
    [key] = [key for key in tell(entry, None, NOW).match_keys if key.name == name]
    return key.status, key.note


def test_every_match_key_is_told_and_present_ones_are_present(entry: Make) -> None:
    user = dict.fromkeys(("email", "phone", "external_id"), HASH)
    told = tell(
        entry(body=item({**user, "ttclid": "E", "ttp": "t", "ip": "203.0.113.7", "user_agent": "u"})), None, NOW
    )
    assert [key.name for key in told.keys("present")] == list(MATCH_KEYS)


MISSING = [
    ("ttp on the first page", "ttp", {"body": item()}, "neutral"),
    ("ttp on the page after an ad", "ttp", {"body": item(referrer=AD)}, "neutral"),
    ("ttp on a later page", "ttp", {"body": item(referrer=HERE)}, "missing"),
    ("ttp without a Pixel", "ttp", {"body": item(referrer=HERE), "pixel": "blocked"}, "neutral"),
    ("ttp from a back end", "ttp", {"body": item(), "browser": False, "pixel": None}, "missing"),
    ("ttclid without an ad click", "ttclid", {"body": item()}, "neutral"),
    ("ttclid with an ad click", "ttclid", {"body": item(url=HERE + "?ttclid=__CLICKID__")}, "missing"),
    ("email", "email", {"body": item()}, "missing"),
    ("ip", "ip", {"body": item()}, "missing"),
    ("user agent from a back end", "user_agent", {"body": item(), "browser": False}, "missing"),
    ("an address no parser reads", "ttp", {"body": item(url="http://[", referrer="http://[x")}, "neutral"),
    ("a body without anything", "phone", {"body": "{}"}, "missing"),
]


@pytest.mark.parametrize(("name", "facts", "wanted"), [m[1:] for m in MISSING], ids=[m[0] for m in MISSING])
def test_a_missing_match_key_is_a_fault_only_where_it_could_be_there(
    entry: Make, name: str, facts: dict[str, Any], wanted: str
) -> None:
    assert status(entry(**facts), name)[0] == wanted


def test_a_first_view_says_that_ttp_is_not_yet_set(entry: Make) -> None:
    assert status(entry(body=item()), "ttp") == ("neutral", "ttp not yet set")


ADDRESSES = [
    ("203.0.113.77", "203.0.113.*"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:*"),
    ("2001:db8::1", "2001:db8:0:*"),
    ("::ffff:203.0.113.77", "0:0:0:*"),
    ("203.0.113.77 and more", "*"),
    ("", "*"),
    (["203.0.113.77"], "*"),
]


@pytest.mark.parametrize(("address", "shown"), ADDRESSES)
def test_an_address_is_masked(address: object, shown: str) -> None:
    assert mask_ip(address) == shown


def test_hashes_are_shortened_and_what_is_none_is_hidden() -> None:
    assert short_hash(HASH) == "848a7714…bb4f"
    assert short_hash([HASH, HASH, HASH]) == "848a7714…bb4f (+2)"
    assert short_hash("alice@example.com") == NOT_A_HASH
    assert short_hash([]) == ""


def test_the_item_keeps_hashes_and_hides_every_raw_value() -> None:
    user = {"email": "alice@example.com", "phone": [HASH, "+12133734253"], "ip": "203.0.113.77", "first_name": "Alice"}
    shown = shown_item(json.dumps({"event": "E", "user": user, "properties": {"value": 1}}))
    assert shown["user"]["phone"] == [HASH, NOT_A_HASH]
    assert shown["properties"] == {"value": 1}
    for raw in ("alice", "Alice", "2133734253", "113.77"):
        assert raw not in json.dumps(shown)


HEARTBEATS = [
    (NOW, True),
    (NOW - SILENT_AFTER_MS, True),
    (NOW - SILENT_AFTER_MS - 1, False),
    (NOW + 60_000, True),
    (NOW + 60_001, False),
]


@pytest.mark.parametrize(("heartbeat", "fine"), HEARTBEATS)
def test_a_keeper_is_silent_after_twenty_seconds(heartbeat: int, fine: bool) -> None:
    assert (keeper_trouble(heartbeat, NOW) is None) == fine


def test_a_keeper_that_never_ran_is_told_to_be_started() -> None:
    assert "start" in str(keeper_trouble(None, NOW))


STANDINGS = [
    ("running", standing(), True, 0, False),
    ("not used yet", None, True, 0, False),
    ("trying again", standing(attempts=3), True, 9, False),
    ("paused", standing(paused_at=1, paused_by="tiktok", reason="40105"), True, 0, True),
    ("paused", standing(paused_at=1, paused_by="operator"), True, 0, True),
    ("not in the settings", standing(), False, 0, False),
    ("not in the settings", standing(), False, 7, True),
]


@pytest.mark.parametrize(("word", "state", "configured", "waiting", "needs_a_person"), STANDINGS)
def test_a_destinations_standing_and_whether_it_needs_a_person(
    word: str, state: DestinationState | None, configured: bool, waiting: int, needs_a_person: bool
) -> None:
    told = standing_of("demo/P", state, configured, waiting)
    assert (told.word, told.advice is not None) == (word, needs_a_person)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_an_advice(entry: Make, state: State) -> None:
    told = for_event(entry(state=state.value), standing_of("demo/P", standing(), True, 0))
    assert told.endswith(".")


def test_a_refused_event_and_one_too_late_get_different_advice(entry: Make) -> None:
    fine = standing_of("demo/P", standing(), True, 0)
    refused = for_event(entry(state="dead", code=40002), fine)
    assert "Correct what TikTok names" in refused
    assert refused != for_event(entry(state="dead", reason="It could not be sent within 48 hours"), fine)


MOMENTS = [
    (0, "now"),
    (-999, "now"),
    (-12_000, "12 s ago"),
    (-59_999, "59 s ago"),
    (-60_000, "1 min ago"),
    (-7_200_000, "2 h ago"),
    (-86_400_000 * 9, "9 d ago"),
    (5_000, "in 5 s"),
]


@pytest.mark.parametrize(("away", "words"), MOMENTS)
def test_a_moment_in_words(away: int, words: str) -> None:
    assert relative(NOW + away, NOW) == words


@pytest.mark.parametrize(("away", "words"), [(-12_000, "12 s ago"), (0, "now"), (5_000, "now"), (86_400_000, "now")])
def test_what_has_happened_is_never_ahead(away: int, words: str) -> None:
    assert since(NOW + away, NOW) == words


def test_a_moment_in_utc_and_a_number_that_is_none() -> None:
    assert iso(1_780_000_000_000) == "2026-05-28T20:26:40Z"
    assert iso(10**20) == str(10**20)


def test_a_filters_address_keeps_the_other_filter() -> None:
    from proxy.operator.overview import Chosen

    chosen = Chosen(site="a&b", state=State.DEAD)
    assert link(chosen, state=None) == "?site=a%26b"
    assert link(chosen, site=None) == "?state=dead"
    assert link(chosen, site=None, state=None) == ""


def visits(entry: Make, count: int, host: str = "shop.example", **user: str) -> list[Entry]:
    body = json.dumps({"event": "Contact", "user": user})
    return [entry(event_id=f"e{number}", host=host, browser=True, body=body) for number in range(count)]


def test_visitors_without_a_public_address_are_a_finding(entry: Make) -> None:
    assert findings(visits(entry, ENOUGH_VISITS)) == [NO_ADDRESSES]
    assert findings(visits(entry, ENOUGH_VISITS - 1)) == []
    assert findings(visits(entry, ENOUGH_VISITS) + visits(entry, 1, ip="8.8.8.8")) == []
    assert findings(visits(entry, ENOUGH_VISITS, host="127.0.0.1")) == [], "the owner's own machine"


def test_visitors_who_all_have_one_public_address_are_a_finding(entry: Make) -> None:
    def people(count: int, **user: str) -> list[Entry]:
        return [visits(entry, 1, user_agent=f"browser {number}", **user)[0] for number in range(count)]

    assert findings(people(ENOUGH_VISITS, ip="8.8.8.8")) == [ONE_ADDRESS.format(count=ENOUGH_VISITS)]
    assert findings(people(ENOUGH_VISITS - 1, ip="8.8.8.8")) == []
    assert findings([*people(ENOUGH_VISITS, ip="8.8.8.8"), *people(1, ip="9.9.9.9")]) == []
    assert findings(visits(entry, 50, ip="8.8.8.8", ttp="t", user_agent="u")) == [], "one shopper who looks at much"


def test_another_sender_on_the_pages_is_a_finding(entry: Make) -> None:
    assert findings([entry(warnings=(OTHER_SENDER,)), entry()]) == [ANOTHER_SENDER]


def test_an_order_under_two_event_ids_is_a_finding(entry: Make) -> None:
    (sentence,) = findings([entry(key="order-77", warnings=(TWO_IDS,))])
    assert "order-77" in sentence
