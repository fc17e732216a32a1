"""The stand-in for events.js in real browsers; what counts is what arrived at the sandbox."""

import hashlib
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.one_engine

PIXEL, FOREIGN = "COQDA8RC77U2TMR44LI0", "FOREIGN0000000000000"
TTP = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}_\.tt\.1")


def load(page: Page, shop: str, script: str, scripts: int = 1) -> None:
    """Opens the shop, runs a script that loads pixels, and waits until as many copies of events.js have run."""
    page.goto(shop)
    page.evaluate(script)
    page.wait_for_function(f"window.loaded === {scripts}")


def cookies(page: Page) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


def test_calls_queued_before_and_made_after_the_load_arrive_in_order(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); ttq.page(); ttq.track('ViewContent', {{value: 1}}, {{event_id: 'v-1'}})")
    page.evaluate("ttq.track('AddToCart', {value: 2}, {event_id: 'a-1'})")
    events = sandbox.wait_for_pixel_events(page, 3)
    told = [(event["event"], event["event_id"], event["properties"]) for event in events]
    assert sorted(told[:2], key=str) == [("Pageview", "", {}), ("ViewContent", "v-1", {"value": 1})]
    assert told[2] == ("AddToCart", "a-1", {"value": 2})


def test_an_event_holds_what_tiktoks_script_tells(page: Page, shop: str, sandbox: Any) -> None:
    page.goto(f"{shop}/?ttclid=E.C.P.abc")
    page.evaluate(f"ttq.load('{PIXEL}'); ttq.track('Purchase', {{value: 9.5, currency: 'EUR'}}, {{event_id: 'o-1'}})")
    (event,) = sandbox.wait_for_pixel_events(page, 1)
    assert event["context"]["pixel"] == {"code": PIXEL}
    assert event["context"]["page"]["url"] == f"{shop}/?ttclid=E.C.P.abc"
    assert event["context"]["library"]["name"] == "pixel.js"
    assert event["context"]["userAgent"] == page.evaluate("navigator.userAgent")
    assert event["context"]["user"]["ttclid"] == "E.C.P.abc"
    assert re.fullmatch(rf"messageId-\d+-\d+-{PIXEL}", event["message_id"])
    assert re.match(r"\d{4}-\d\d-\d\dT", event["timestamp"])
    assert (event["pixel_code"], event["known"]) == (PIXEL, True)


def test_no_preflight_precedes_an_event(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); ttq.track('Search')")
    sandbox.wait_for_pixel_events(page, 1)
    assert {request["method"] for request in sandbox.received()["requests"]} == {"GET", "POST"}


TWO_PIXELS = f"ttq.load('{PIXEL}'); ttq.load('{FOREIGN}');"


def test_track_goes_to_all_pixels_and_an_instances_to_one(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, TWO_PIXELS + f"ttq.track('A'); ttq.instance('{PIXEL}').track('B')", scripts=2)
    page.evaluate(
        f"ttq.track('C'); ttq.instance('{PIXEL}').track('D'); ttq.track('E', {{}}, {{pixel_code: '{FOREIGN}'}})"
    )
    events = sandbox.wait_for_pixel_events(page, 7)
    told: dict[str, set[str]] = {}
    for event in events:
        told.setdefault(event["event"], set()).add(event["pixel_code"])
    assert told == {"A": {PIXEL, FOREIGN}, "B": {PIXEL}, "C": {PIXEL, FOREIGN}, "D": {PIXEL}, "E": {FOREIGN}}


def test_a_foreign_pixels_events_are_kept_as_unknown(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{FOREIGN}'); ttq.track('A')")
    assert sandbox.wait_for_pixel_events(page, 1)[0]["known"] is False


def test_loading_a_pixel_twice_duplicates_nothing(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); ttq.track('A')")
    page.evaluate(f"ttq.load('{PIXEL}'); ttq.track('B'); ttq.instance('{PIXEL}').track('C')")
    page.wait_for_function("window.loaded === 2")
    page.evaluate("ttq.track('D'); history.pushState({}, '', '/next')")
    events = sandbox.wait_for_pixel_events(page, 5)
    assert sorted(event["event"] for event in events) == ["A", "B", "C", "D", "Pageview"]


def test_a_reference_to_a_queue_works_after_the_load(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); window.mine = ttq.instance('{PIXEL}'); mine.track('A')")
    page.evaluate("mine.track('B'); ttq.push(['track', 'C'])")
    assert sorted(event["event"] for event in sandbox.wait_for_pixel_events(page, 3)) == ["A", "B", "C"]


def test_ready_calls_back_once_the_script_is_there(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.ready(() => {{ window.readied = true }}); ttq.load('{PIXEL}')")
    page.wait_for_function("window.readied === true")


@pytest.mark.parametrize(("options", "pageviews"), [("{}", 2), ("{historyObserver: false}", 0)])
def test_history_changes_send_page_views_unless_switched_off(
    page: Page, shop: str, sandbox: Any, options: str, pageviews: int
) -> None:
    load(page, shop, f"ttq.load('{PIXEL}', {options})")
    page.evaluate("""() => {
        history.pushState({}, '', '/a');
        history.replaceState({}, '', '/a');
        history.replaceState({}, '', '/b');
        ttq.track('End');
    }""")
    events = sandbox.wait_for_pixel_events(page, pageviews + 1)
    assert [event["event_id"] for event in events if event["event"] == "Pageview"] == [""] * pageviews


def test_identify_hashes_plain_addresses_and_leaves_external_id(page: Page, shop: str, sandbox: Any) -> None:
    identify = "ttq.identify({email: ' Alice_ABC@gmail.com', phone_number: '+12133734253', external_id: 'user_123'});"
    load(page, shop, f"ttq.load('{PIXEL}'); {identify} ttq.track('A')")
    (event,) = sandbox.wait_for_pixel_events(page, 1)
    user = event["context"]["user"]
    assert user["email"] == hashlib.sha256(b"alice_abc@gmail.com").hexdigest()
    assert user["phone_number"] == hashlib.sha256(b"+12133734253").hexdigest()
    assert user["external_id"] == "user_123"
    assert event["warnings"] == [
        "event_id: missing or no string, so TikTok cannot tell it from the server's event",
        "context.user.external_id: not hashed with SHA-256 (64 hexadecimal digits)",
    ]


def test_identify_takes_hashes_as_they_are_and_of_an_instance_for_it_alone(page: Page, shop: str, sandbox: Any) -> None:
    hashed = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
    identify = (
        f"ttq.instance('{PIXEL}').identify({{email: '{hashed}'}}); ttq.identify({{sha256_phone_number: '{hashed}'}});"
    )
    load(page, shop, TWO_PIXELS + identify, scripts=2)
    page.evaluate("ttq.track('A')")
    users = {event["pixel_code"]: event["context"]["user"] for event in sandbox.wait_for_pixel_events(page, 2)}
    assert (users[PIXEL].get("email"), users[PIXEL]["phone_number"]) == (hashed, hashed)
    assert (users[FOREIGN].get("email"), users[FOREIGN]["phone_number"]) == (None, hashed)


def test_limited_data_use_is_told_from_load_options_and_properties(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}', {{limited_data_use: true}}); ttq.track('A')")
    page.evaluate("ttq.track('B', {limited_data_use: false, value: 1})")
    events = {event["event"]: event for event in sandbox.wait_for_pixel_events(page, 2)}
    assert events["A"]["limited_data_use"] is True
    assert (events["B"]["limited_data_use"], events["B"]["properties"]) == (False, {"value": 1})


def test_the_cookie_is_set_for_thirteen_months_and_told(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); ttq.page()")
    page.evaluate("ttq.track('A')")
    cookie = cookies(page)["_ttp"]
    assert TTP.fullmatch(cookie["value"])
    assert (cookie["path"], cookie["sameSite"], cookie["httpOnly"]) == ("/", "Lax", False)
    assert 389 * 86400 < cookie["expires"] - time.time() < 391 * 86400
    assert sandbox.wait_for_pixel_events(page, 2)[1]["context"]["user"]["ttp"] == cookie["value"]


def test_the_cookie_stays_the_same_on_the_next_page(page: Page, shop: str) -> None:
    load(page, shop, f"ttq.load('{PIXEL}')")
    first = cookies(page)["_ttp"]["value"]
    load(page, shop, f"ttq.load('{PIXEL}')")
    assert cookies(page)["_ttp"]["value"] == first


def test_the_cookie_is_for_the_whole_domain_of_a_named_host(page: Page, shop: str) -> None:
    load(page, shop.replace("127.0.0.1", "www.brand.localhost"), f"ttq.load('{PIXEL}')")
    assert cookies(page)["_ttp"]["domain"] == ".brand.localhost"


def test_held_consent_sends_and_stores_nothing_until_granted(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.holdConsent(); ttq.load('{PIXEL}'); ttq.track('A')")
    page.evaluate("ttq.track('B')")
    sandbox.wait_for_pixel_events(page, 0)
    assert "_ttp" not in cookies(page)
    page.evaluate("ttq.grantConsent()")
    assert sorted(event["event"] for event in sandbox.wait_for_pixel_events(page, 2)) == ["A", "B"]
    assert "_ttp" in cookies(page)


def test_revoked_consent_drops_what_waits_and_the_cookie(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}'); ttq.track('A')")
    page.evaluate("ttq.holdConsent(); ttq.track('B'); ttq.revokeConsent(); ttq.track('C')")
    sandbox.wait_for_pixel_events(page, 1)
    assert "_ttp" not in cookies(page)
    page.evaluate("ttq.grantConsent(); ttq.track('D')")
    assert [event["event"] for event in sandbox.wait_for_pixel_events(page, 2)] == ["A", "D"]


def test_an_event_outlives_the_page_it_was_made_on(page: Page, shop: str, sandbox: Any) -> None:
    load(page, shop, f"ttq.load('{PIXEL}')")
    page.evaluate("ttq.track('Purchase', {}, {event_id: 'o-1'}); location.href = '/other'")
    page.wait_for_url("**/other")
    assert sandbox.wait_for_pixel_events(page, 1)[0]["event_id"] == "o-1"


def test_a_post_that_fails_is_made_once_more_without_keepalive_but_not_by_a_page_that_is_left(
    page: Page, shop: str, sandbox: Any
) -> None:
    load(page, shop, f"ttq.load('{PIXEL}')")
    posts = page.evaluate(
        """async () => {
          const posts = [];
          window.fetch = (_, {keepalive}) => { posts.push(keepalive); return Promise.reject(new TypeError()); };
          for (const type of ['pagehide', 'pageshow']) {
            dispatchEvent(new Event(type));
            ttq.track('Purchase');
            await new Promise((done) => setTimeout(done));
            posts.push(type);
          }
          return posts;
        }"""
    )
    assert posts == [True, "pagehide", True, False, "pageshow"]


def test_a_page_survives_a_script_that_never_comes(page: Page, shop: str, sandbox: Any) -> None:
    sandbox.client.post("/sandbox/behave", json={"path": "events.js", "status": 404})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shop)
    page.evaluate(f"ttq.load('{PIXEL}'); ttq.track('A')")
    sandbox.wait_for_pixel_events(page, 0)
    assert problems == []
