"""Leaving, reloading, coming back, consenting: what of an event survives the page's own life."""

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, Page

from e2e.stack import wait_until
from e2e.tag.recorder import STUB, Recorder, document

DAY = 86400
BUTTON = (
    "<a href=/next data-pixelpair-event=AddToCart data-pixelpair-content-id=5 data-pixelpair-content-name=Mug"
    " data-pixelpair-content-type=product data-pixelpair-price=19.90 data-pixelpair-quantity=2"
    " data-pixelpair-value=39.80 data-pixelpair-currency=mad data-pixelpair-num-items=2"
    " data-pixelpair-key=k-1 {more}><b>Add</b></a>"
)


# ---- Clicks and forms ----


def test_a_click_on_an_element_with_attributes_is_an_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(BUTTON.format(more=""))
    page.goto(shop.url)
    page.click("b")
    (report,) = shop.wait_for_reports("AddToCart", 1)
    assert report["properties"] == {
        "contents": [
            {"content_id": "5", "content_name": "Mug", "content_type": "product", "price": 19.9, "quantity": 2}
        ],
        "content_ids": ["5"],
        "content_type": "product",
        "value": 39.8,
        "currency": "MAD",
        "num_items": 2,
    }
    assert report["key"] == "k-1"
    (event,) = shop.wait_for_pixel("AddToCart", 1)
    assert (event["event_id"], event["properties"]) == ("k-1", report["properties"])


def test_an_element_added_later_counts_and_one_that_stops_its_click(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("document.body.innerHTML = '<button data-pixelpair-event=Contact>Call</button>'")
    page.evaluate("document.querySelector('button').addEventListener('click', e => e.stopImmediatePropagation())")
    page.click("button")
    assert shop.wait_for_reports("Contact", 1)[0]["properties"] == {}


def test_a_click_that_leaves_the_page_loses_nothing(page: Page, shop: Recorder) -> None:
    """20 of 20, in both legs."""
    shop.pages["/"] = document("<a href=/next data-pixelpair-event=AddToCart>Add</a>")
    for count in range(1, 21):
        page.goto(shop.url, wait_until="commit")
        page.wait_for_function("window.pixelpair && window.ttq && ttq._sandbox")
        page.click("a")
        page.wait_for_url("**/next")
        shop.wait_for_reports("AddToCart", count)
    events = shop.wait_for_pixel("AddToCart", 20)
    ids = {f"{report['view']}.{report['n']}" for report in shop.events("AddToCart")}
    assert len(ids) == 20
    assert {event["event_id"] for event in events} == ids


@pytest.mark.parametrize("how", ["_blank", "middle", "ctrl"])
def test_a_click_into_another_tab_is_one_event(page: Page, shop: Recorder, how: str, browser_name: str) -> None:
    target = " target=_blank" if how == "_blank" else ""
    shop.pages["/"] = document(f"<a href=/next{target} data-pixelpair-event=AddToCart>Add</a>")
    page.goto(shop.url)
    page.click("a", button="middle" if how == "middle" else "left", modifiers=["Control"] if how == "ctrl" else [])
    shop.wait_for_reports("AddToCart", 1)
    shop.wait_for_pixel("AddToCart", 1)
    page.evaluate("pixelpair('Last')")
    shop.wait_for_reports("Last", 1)
    assert len(shop.events("AddToCart")) == 1


def test_a_right_click_is_no_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document("<a href=/next data-pixelpair-event=AddToCart>Add</a>")
    page.goto(shop.url)
    page.click("a", button="right")
    page.evaluate("pixelpair('Last')")
    shop.wait_for_reports("Last", 1)
    assert shop.events("AddToCart") == []


def test_a_form_is_an_event_when_it_is_sent_and_valid(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(
        "<div data-pixelpair-event=Wrong><form action=/next method=post data-pixelpair-event=Lead"
        " data-pixelpair-value=5>"
        "<input name=a required><button>Send</button></form></div>"
    )
    page.goto(shop.url)
    page.click("input")
    page.click("button")
    page.fill("input", "x")
    page.press("input", "Enter")
    page.wait_for_url("**/next")
    (report,) = shop.wait_for_reports("Lead", 1)
    (event,) = shop.wait_for_pixel("Lead", 1)
    assert event["event_id"] == f"{report['view']}.{report['n']}"
    assert report["properties"] == {"value": 5}
    assert shop.events("Wrong") == []


# ---- Keys ----


def _order(page: Page, **options: object) -> None:
    page.evaluate("options => pixelpair('PlaceAnOrder', {order_id: 'A-1', value: 5}, options)", options)


def test_a_key_that_the_proxy_has_accepted_fires_neither_leg_again(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    _order(page)
    known = "JSON.parse(localStorage.pixelpair || '{}').keys?.length"
    wait_until(lambda: page.evaluate(known), 10, lambda: "the tag remembers the key")
    page.goto(shop.url + "/again")
    _order(page)
    page.evaluate("pixelpair('Purchase', {order_id: 'A-1'}); pixelpair('PlaceAnOrder', {order_id: 'A-2'})")
    shop.settle(page, 5)
    assert [report["key"] for report in shop.events("PlaceAnOrder")] == ["A-1", "A-2"]
    assert len(shop.pixel_events("PlaceAnOrder")) == 2
    assert len(shop.events("Purchase")) == 1


@pytest.mark.parametrize("answer", [400, 200])
def test_a_key_that_was_not_accepted_fires_both_legs_again_under_the_same_id(
    page: Page, shop: Recorder, answer: int
) -> None:
    shop.answer = answer
    page.goto(shop.url)
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 1)
    page.goto(shop.url + "/again")
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 2)
    events = shop.wait_for_pixel("PlaceAnOrder", 2)
    assert {event["event_id"] for event in events} == {"A-1"}
    forgotten = {"keys": [], "queue": [], "off": False}
    stored = "JSON.parse(localStorage.pixelpair)"
    wait_until(
        lambda: page.evaluate(stored) == forgotten, 10, lambda: f"nothing is remembered: {page.evaluate(stored)}"
    )


@pytest.mark.parametrize("answer", [429, 503])
def test_a_key_that_waits_in_the_queue_fires_neither_leg_again_but_is_told_again(
    page: Page, shop: Recorder, answer: int
) -> None:
    shop.answer = answer
    page.goto(shop.url)
    _order(page)
    shop.wait_for_reports("PlaceAnOrder", 1)
    _order(page, key="A-1", placed=1)
    reports = shop.wait_for_reports("PlaceAnOrder", 3)
    assert {report["n"] for report in reports} == {1}
    assert {report.get("retry") for report in reports} >= {1, 2}
    assert len(shop.pixel_events("PlaceAnOrder")) == 1
    queue = page.evaluate("JSON.parse(localStorage.pixelpair).queue")
    assert [one["key"] for one in queue if one["event"] == "PlaceAnOrder"] == ["A-1"]


def test_the_last_hundred_keys_are_remembered(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "localStorage.pixelpair = JSON.stringify({keys: Array.from({length: 100}, (_, i) => 'main\\nLead\\n' + i)})"
    )
    page.evaluate("pixelpair('Lead', {}, {key: '99'}); pixelpair('Lead', {}, {key: '100'})")
    wait_until(
        lambda: page.evaluate("JSON.parse(localStorage.pixelpair).keys.slice(-1)[0]") == "main\nLead\n100",
        10,
        lambda: "the newest key is remembered",
    )
    assert page.evaluate("JSON.parse(localStorage.pixelpair).keys.length") == 100
    page.goto(shop.url)
    page.evaluate("pixelpair('Lead', {}, {key: '1'}); pixelpair('Lead', {}, {key: '0'})")
    shop.settle(page, 4)
    assert [report["key"] for report in shop.events("Lead")] == ["100", "0"]


@pytest.mark.parametrize(("age", "count"), [(DAY + 60, 0), (DAY - 60, 1), (0, 1), (-DAY, 1)])
def test_an_order_older_than_a_day_fires_neither_leg(page: Page, shop: Recorder, age: int, count: int) -> None:
    page.goto(shop.url)
    _order(page, placed=int(time.time()) - age)
    shop.settle(page, 1 + count)
    assert len(shop.pixel_events("PlaceAnOrder")) == count


def test_a_browser_whose_clock_is_wrong_does_not_judge_an_orders_age(page: Page, shop: Recorder) -> None:
    page.add_init_script("{const now = Date.now; Date.now = () => now() + 3 * 86400e3}")
    page.goto(shop.url)
    wait_until(lambda: page.evaluate("localStorage.pixelpair"), 10, lambda: "the tag remembers the clock")
    page.goto(shop.url + "/thanks")
    _order(page, placed=int(time.time()))
    shop.wait_for_reports("PlaceAnOrder", 1)
    shop.wait_for_pixel("PlaceAnOrder", 1)


# ---- Consent ----

HELD = '<script src="/t/tag.js" data-consent="held" defer></script>'


def test_held_sends_stores_and_loads_nothing_and_then_releases(page: Page, shop: Recorder) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart>Add</button>", tag=HELD)
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678", wait_until="networkidle")
    page.click("button")
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    made = page.evaluate("Date.now()")
    page.wait_for_timeout(300)
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length, typeof ttq]") == [
        "",
        0,
        0,
        "undefined",
    ]
    assert [url for url in asked if "/t/e" in url or shop.sandbox in url] == []
    page.evaluate("pixelpair('consent', 'granted')")
    names = ["Pageview", "AddToCart", "PlaceAnOrder"]
    for name in names:
        report = shop.wait_for_reports(name, 1)[0]
        (event,) = shop.wait_for_pixel(name, 1)
        assert event["event_id"] == report.get("key", f"{report['view']}.{report['n']}")
        assert report["ttclid"] == "E.C.P.12345678"
        assert report["time"] <= made <= report["sent"]
    assert list(dict.fromkeys(report["event"] for report in shop.events())) == names  # the order is told once more
    assert "ttclid=E.C.P.12345678" in page.evaluate("document.cookie")


def test_consent_denied_forgets_what_was_held(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(tag=HELD)
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact'); pixelpair('consent', 'denied'); pixelpair('Lead')")
    page.evaluate("pixelpair('consent', 'granted'); pixelpair('Schedule')")
    shop.settle(page, 1)
    assert shop.events()[0]["event"] == "Schedule"


def test_consent_told_before_the_tag_comes_first(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(head=f"<script>{STUB} pixelpair('Contact'); pixelpair('consent', 'held')</script>")
    page.goto(shop.url, wait_until="networkidle")
    page.wait_for_timeout(300)
    assert (shop.reports, shop.pixel_events()) == ([], [])
    page.evaluate("pixelpair('consent', 'granted')")
    assert [report["event"] for report in shop.wait_for_reports(None, 2)] == ["Pageview", "Contact"]


@pytest.mark.parametrize("how", ["attribute", "call", "site", "gpc"])
def test_limited_holds_on_both_legs(page: Page, shop: Recorder, how: str) -> None:
    if how == "attribute":
        shop.pages["/"] = document(tag='<script src="/t/tag.js" data-consent="limited" defer></script>')
    elif how == "call":
        shop.pages["/"] = document(head=f"<script>{STUB} pixelpair('consent', 'limited')</script>")
    elif how == "site":
        shop.settings["consent"] = "limited"
    else:
        page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(shop.url)
    assert shop.wait_for_reports("Pageview", 1)[0]["consent"] == "limited"
    assert shop.wait_for_pixel("Pageview", 1)[0]["limited_data_use"] is True
    assert page.evaluate("Object.values(ttq._o)") == [{"historyObserver": False, "limited_data_use": True}]


def test_an_order_told_while_the_pixel_was_loading_is_told_once_more_when_it_has(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(f"<script>{STUB} pixelpair('PlaceAnOrder', {{order_id: 'A-7'}})</script>")
    page.goto(shop.url)
    first, again = shop.wait_for_reports("PlaceAnOrder", 2)
    assert (first["pixel"], again["pixel"]) == ("unknown", "sent")
    assert {name: again[name] for name in ("view", "n", "key")} == {name: first[name] for name in ("view", "n", "key")}
    assert len(shop.wait_for_pixel("PlaceAnOrder", 1)) == 1


def test_a_site_may_drop_what_a_private_browser_does(page: Page, shop: Recorder) -> None:
    shop.settings["gpcDrops"] = True
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.goto(shop.url, wait_until="networkidle")
    page.evaluate("pixelpair('Contact'); pixelpair('consent', 'granted')")
    page.wait_for_timeout(300)
    assert (shop.reports, shop.pixel_events()) == ([], [])
    assert page.evaluate("[typeof ttq, document.cookie]") == ["undefined", ""]


def test_consent_that_becomes_limited_limits_the_pixels_next_event(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('consent', 'limited'); pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["consent"] == "limited"
    assert shop.wait_for_pixel("Contact", 1)[0]["limited_data_use"] is True


# ---- The shopper ----

EMAIL = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"
PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"
EXTERNAL = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"


def test_the_shopper_is_hashed_alike_on_both_legs(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "pixelpair('identify', {email: ' ALICE_abc@gmail.com ', phone_number: '+1 (213) 373-4253',"
        " external_id: 'user_123', first_name: 'Al'})"
    )
    page.wait_for_timeout(200)  # hashing takes a few ticks that nothing in the page can see
    page.evaluate("pixelpair('Lead')")
    (report,) = shop.wait_for_reports("Lead", 1)
    assert report["user"] == {"email": EMAIL, "phone": PHONE, "external_id": EXTERNAL, "first_name": "Al"}
    user = shop.wait_for_pixel("Lead", 1)[0]["context"]["user"]
    assert (user["email"], user["phone_number"], user["external_id"]) == (EMAIL, PHONE, EXTERNAL)
    assert "first_name" not in user


def test_an_event_right_after_identify_waits_for_nothing(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('identify', {email: 'alice_abc@gmail.com'}); pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0]["user"] == {"email": "alice_abc@gmail.com"}
    shop.wait_for_pixel("Lead", 1)
    assert not any("alice" in str(event) for event in shop.pixel_events())


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("phone", "+44 (0)20 7946 0018"),
        ("phone", "06 12 34 56 78"),
        ("phone", "(+1)2133734253"),
        ("email", "alice@gmail"),
        ("email", "Jörg@bücher.de"),
        ("email", ["a@b.de", "c@d.ef"]),
    ],
)
def test_what_the_tag_cannot_hash_for_certain_goes_to_the_proxy_only(
    page: Page, shop: Recorder, field: str, told: object
) -> None:
    page.goto(shop.url)
    page.evaluate("user => pixelpair('identify', user)", {field: told})
    page.wait_for_timeout(200)
    page.evaluate("pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0]["user"] == {field: told}
    assert field not in str(shop.wait_for_pixel("Lead", 1)[0]["context"]["user"])


def test_the_shared_vectors_of_users_hold(page: Page, shop: Recorder) -> None:
    vectors = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "user.json"
    cases = [case for case in json.loads(vectors.read_text("utf-8"))["cases"] if case.get("tag")]
    page.goto(shop.url)
    for place, case in enumerate(cases):
        page.evaluate("user => pixelpair('identify', user)", case["in"]["user"])
        page.wait_for_timeout(30)
        page.evaluate("place => pixelpair('Case', {place})", place)
    reports = shop.wait_for_reports("Case", len(cases))
    wrong = [
        (case["name"], report.get("user"))
        for case, report in zip(cases, reports, strict=True)
        if {name: str(value).strip().lower() for name, value in report["user"].items() if str(value).strip("[]None' ")}
        != case["out"]
    ]
    assert wrong == []


# ---- Views ----


@pytest.fixture(params=["navigation", "history"])
def router(request: pytest.FixtureRequest, page: Page) -> str:
    """Browsers with the Navigation API, and those before it."""
    if request.param == "history":
        page.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    return str(request.param)


def test_another_address_in_a_single_page_shop_is_another_view(page: Page, shop: Recorder, router: str) -> None:
    page.goto(shop.url + "/a")
    page.evaluate("history.pushState(1, '', '/b'); pixelpair('ViewContent')")
    page.evaluate("history.pushState(2, '', '/b#part'); pixelpair('Contact')")
    page.evaluate("history.pushState(2, '', '/b?size=m')")
    page.evaluate("history.replaceState(2, '', '/b')")
    page.evaluate("history.go(-3)")
    page.wait_for_function("location.pathname == '/a'")
    shop.wait_for_reports("Pageview", 4)
    shop.settle(page, 6)
    views = shop.events("Pageview")
    paths = [view["url"].removeprefix(shop.url) for view in views]
    assert paths == ["/a", "/b", "/b?size=m", "/a"]
    assert len({view["view"] for view in views}) == 4
    assert [view["n"] for view in views] == [0] * 4
    assert views[1]["referrer"] == shop.url + "/a"
    assert {report["view"] for report in shop.events() if report["event"] in ("ViewContent", "Contact")} == {
        views[1]["view"]
    }


def test_the_pages_own_router_still_works(page: Page, shop: Recorder, router: str) -> None:
    page.goto(shop.url + "/a")
    assert page.evaluate("history.pushState({x: 1}, '', '/b'), [history.state, location.pathname]") == [{"x": 1}, "/b"]
    with pytest.raises(Exception, match=r"SecurityError|insecure|cross-origin|URL"):
        page.evaluate("history.pushState(1, '', 'https://other.example/')")


def test_a_page_that_comes_back_from_the_cache_is_a_new_view(
    shop: Recorder, browser_type: BrowserType, browser_type_launch_args: dict[str, object], browser_name: str
) -> None:
    if browser_name != "chromium":
        pytest.skip("only Chromium can be started with its back/forward cache")
    browser = browser_type.launch(
        **{**browser_type_launch_args, "ignore_default_args": ["--disable-back-forward-cache"]}
    )
    try:
        page = browser.new_page()
        page.goto(shop.url + "/a")
        page.evaluate("window.kept = 1")
        shop.wait_for_pixel("Pageview", 1)
        page.goto(shop.url + "/b")
        shop.wait_for_pixel("Pageview", 2)
        page.go_back(wait_until="commit")
        wait_until(lambda: page.evaluate("window.kept"), 10, lambda: "the page comes from the cache")
        reports = shop.wait_for_reports("Pageview", 3)
        assert len({report["view"] for report in reports}) == 3
        assert reports[2]["url"] == shop.url + "/a"
        page.evaluate("pixelpair('Last')")
        last = shop.wait_for_reports("Last", 1)[0]
        assert (last["view"], last["n"]) == (reports[2]["view"], 1)
        assert len(shop.events("Pageview")) == 3
    finally:
        browser.close()


def test_a_prerendered_page_tells_nothing_before_it_is_seen(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "window.hidden_ = true; Object.defineProperty(Document.prototype, 'prerendering', {get: () => window.hidden_})"
    )
    page.goto(f"{shop.url}/?ttclid=E.C.P.12345678", wait_until="networkidle")
    page.evaluate("pixelpair('ViewContent')")
    page.wait_for_timeout(300)
    assert (shop.reports, page.evaluate("document.cookie")) == ([], "")
    page.evaluate("hidden_ = false; document.dispatchEvent(new Event('prerenderingchange'))")
    assert [report["event"] for report in shop.wait_for_reports(None, 2)] == ["Pageview", "ViewContent"]


def test_the_page_keeps_its_place_in_the_back_forward_cache(page: Page, shop: Recorder) -> None:
    """No listener that would forbid it."""
    page.add_init_script(
        "window.kinds = []; const own = EventTarget.prototype.addEventListener;"
        "EventTarget.prototype.addEventListener = function (kind, ...more) { kinds.push(kind);"
        " return own.call(this, kind, ...more) }"
    )
    page.goto(shop.url)
    assert not {"unload", "beforeunload"} & set(page.evaluate("kinds"))
