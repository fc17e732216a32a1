"""One action, two reports: what the tag sends on both legs, and to whom else it sends nothing."""

import re

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import FOREIGN, PIXEL, STUB, Recorder, document

CLICK_ID = "E.C.P." + "Ab9-_" * 60


def _snippet(shop: Recorder, code: str, calls: str = "") -> str:
    """TikTok's own snippet, as shops paste it."""
    return (
        """<script>!function(w,d,t){w.TiktokAnalyticsObject=t;var ttq=w[t]=w[t]||[];ttq.methods=["page","track",
        "identify","instances","debug","on","off","once","ready","alias","group","enableCookie","disableCookie"];
        ttq.setAndDefer=function(t,e){t[e]=function(){t.push([e].concat(Array.prototype.slice.call(arguments,0)))}};
        for(var i=0;i<ttq.methods.length;i++)ttq.setAndDefer(ttq,ttq.methods[i]);ttq.instance=function(t){
        for(var e=ttq._i[t]||[],n=0;n<ttq.methods.length;n++)ttq.setAndDefer(e,ttq.methods[n]);return e};
        ttq.load=function(e,n){var i="SANDBOX/i18n/pixel/events.js";ttq._i=ttq._i||{};ttq._i[e]=[];ttq._i[e]._u=i;
        ttq._t=ttq._t||{};ttq._t[e]=+new Date;ttq._o=ttq._o||{};ttq._o[e]=n||{};var o=d.createElement("script");
        o.async=!0;o.src=i+"?sdkid="+e+"&lib="+t;d.head.appendChild(o)};ttq.load('CODE',{historyObserver:false});CALLS
        }(window,document,'ttq');</script>""".replace("SANDBOX", shop.sandbox)
        .replace("CODE", code)
        .replace("CALLS", calls)
    )


def _assert_pairs(shop: Recorder, *names: str) -> None:
    for name in names:
        (report,) = shop.wait_for_reports(name, 1)
        (event,) = shop.wait_for_pixel(name, 1)
        told = report.get("key") or f"{report['view']}.{report['n']}"
        assert event["event_id"] == told
        assert event["context"]["pixel"]["code"] == PIXEL
        assert event["properties"] == report["properties"]


def test_both_legs_tell_one_id_and_the_same_properties(page: Page, shop: Recorder) -> None:
    page.goto(shop.url + "/shirt?size=m", referer="http://127.0.0.1/before")
    page.evaluate(
        "pixelpair('ViewContent', {contents: [{content_id: 1077218, price: '19.90'}], content_type: 'product',"
        " value: '19.90', currency: 'mad', since: new Date(0), none: undefined})"
    )
    _assert_pairs(shop, "Pageview", "ViewContent")
    (report,) = shop.events("ViewContent")
    assert report["properties"] == {
        "contents": [{"content_id": "1077218", "price": 19.9, "content_type": "product"}],
        "content_ids": ["1077218"],
        "content_type": "product",
        "value": 19.9,
        "currency": "MAD",
        "since": "1970-01-01T00:00:00.000Z",
    }
    assert report["_type"] == "text/plain;charset=UTF-8"
    assert (report["v"], report["site"], report["n"], report["consent"]) == (1, "main", 1, "granted")
    assert report["url"] == shop.url + "/shirt?size=m"
    assert 0 <= report["sent"] - report["time"] < 1000
    for absent in ("key", "placed", "ticket", "ttclid", "user", "retry"):
        assert absent not in report
    (page_view,) = shop.events("Pageview")
    assert page_view["view"] == report["view"]
    assert page_view["properties"] == {}


def test_calls_before_the_tag_are_kept_and_follow_the_page_view(page: Page, shop: Recorder) -> None:
    stub = f"<script>{STUB} pixelpair('Search', {{query: 'mug'}}); window.kept = pixelpair;</script>"
    shop.pages["/"] = document(head=stub)
    page.goto(shop.url)
    page.evaluate("kept('Contact')")
    _assert_pairs(shop, "Pageview", "Search", "Contact")
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "Contact"]


def test_a_key_and_a_ticket_ride_along(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('Lead', {}, {key: ' form-7 ', ticket: 'sig', placed: Math.floor(Date.now() / 1000)})")
    _assert_pairs(shop, "Lead")
    (report,) = shop.events("Lead")
    assert (report["key"], report["ticket"]) == ("form-7", "sig")
    assert abs(report["placed"] - report["time"] / 1000) < 5


def test_an_order_is_named_by_its_id(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 1043, value: 5, currency: 'MAD'})")
    _assert_pairs(shop, "PlaceAnOrder")
    assert shop.events("PlaceAnOrder")[0]["key"] == "1043"


@pytest.mark.parametrize(
    ("page_view", "reports", "pixel_events"), [("both", 1, 1), ("pixel", 0, 1), ("off", 0, 0)], ids=str
)
def test_the_site_says_where_page_views_go(
    page: Page, shop: Recorder, page_view: str, reports: int, pixel_events: int
) -> None:
    shop.settings["pageView"] = page_view
    page.goto(shop.url)
    shop.settle(page, reports)
    assert len(shop.pixel_events("Pageview")) == pixel_events


def test_a_double_click_is_one_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart data-pixelpair-content-id=5>Add</button>")
    page.goto(shop.url)
    page.dblclick("button")
    page.evaluate("pixelpair('AddToCart', {contents: [{content_id: '6'}]})")
    shop.settle(page, 3)
    assert [report["properties"]["content_ids"] for report in shop.events("AddToCart")] == [["5"], ["6"]]


def test_two_clicks_a_second_apart_are_two_events(page: Page, shop: Recorder) -> None:
    page.add_init_script("performance.now = () => window.clock || 0")
    page.goto(shop.url)
    for clock in (0, 999, 1000):
        page.evaluate(f"clock = {clock}; pixelpair('AddToCart', {{value: 5}})")
    shop.settle(page, 3)


def test_the_click_id_is_kept_over_three_pages(page: Page, shop: Recorder) -> None:
    page.goto(f"{shop.url}/?utm=x%ZZ&ttclid={CLICK_ID}")
    page.goto(f"{shop.url}/two")
    page.goto(f"{shop.url}/three")
    reports = shop.wait_for_reports("Pageview", 3)
    assert [report["ttclid"] for report in reports] == [CLICK_ID] * 3
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "ttclid"]
    assert (cookie["value"], cookie["path"], cookie["sameSite"]) == (CLICK_ID, "/", "Lax")
    assert (cookie["domain"], cookie["secure"], cookie["httpOnly"]) == ("127.0.0.1", False, False)
    lifetime = cookie["expires"] - page.evaluate("Date.now() / 1000")
    assert 29.9 * 86400 < lifetime < 30.1 * 86400


@pytest.mark.parametrize(
    "told", ["__CLICKID__", "short", "a" * 2049, "E.C.P.%3Cb%3E9999", "E.C.P.%ZZ99999", "", "a%0A12345678"], ids=len
)
def test_what_is_no_click_id_is_not_kept(page: Page, shop: Recorder, told: str) -> None:
    page.goto(f"{shop.url}/?ttclid={told}")
    (report,) = shop.wait_for_reports("Pageview", 1)
    assert "ttclid" not in report
    assert "ttclid" not in page.evaluate("document.cookie")


def test_a_new_click_id_replaces_the_old(page: Page, shop: Recorder) -> None:
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}2")
    assert [report["ttclid"] for report in shop.wait_for_reports("Pageview", 2)] == [CLICK_ID, CLICK_ID + "2"]


def test_the_pixels_cookie_is_told_once_it_is_there(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    shop.wait_for_pixel("Pageview", 1)
    page.goto(shop.url + "/two")
    first, second = shop.wait_for_reports("Pageview", 2)
    assert "ttp" not in first
    assert re.fullmatch(r"[A-Za-z0-9._-]{20,80}", second["ttp"])


def test_the_state_of_the_pixel_is_told(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    shop.wait_for_pixel("Pageview", 1)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "sent"
    assert shop.events("Pageview")[0]["pixel"] == "unknown"


def test_a_blocked_pixel_is_told_and_costs_no_report(page: Page, shop: Recorder) -> None:
    page.route("**/i18n/pixel/**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "blocked"
    assert shop.pixel_events() == []


def test_a_script_that_does_not_take_over_is_not_called_sent(page: Page, shop: Recorder) -> None:
    page.route("**/i18n/pixel/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
    with page.expect_response("**/i18n/pixel/**"):
        page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "unknown"


def test_a_foreign_pixel_on_the_page_receives_nothing_of_ours(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(
        head=_snippet(shop, FOREIGN, "ttq.instance('CODE').track('Theirs');").replace("CODE", FOREIGN)
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    _assert_pairs(shop, "Pageview", "Contact")
    theirs = [event["event"] for event in shop.pixel_events() if event["context"]["pixel"]["code"] == FOREIGN]
    assert theirs == ["Theirs"]


def test_a_foreign_pixel_that_came_first_does_not_cost_ours(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(head=_snippet(shop, FOREIGN), tag="")
    page.goto(shop.url)
    wait_until(lambda: page.evaluate("!!ttq._sandbox"), 10, lambda: "the foreign script runs")
    page.add_script_tag(url="/t/tag.js")
    page.evaluate("pixelpair('Contact')")
    _assert_pairs(shop, "Pageview", "Contact")


def test_our_pixel_is_not_loaded_twice(page: Page, shop: Recorder) -> None:
    loads = []
    page.on("request", lambda request: loads.append(request.url) if "events.js" in request.url else None)
    shop.pages["/"] = document(head=_snippet(shop, PIXEL))
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    _assert_pairs(shop, "Pageview", "Contact")
    assert len(loads) == 1


def test_every_pixel_of_the_site_gets_every_event(page: Page, shop: Recorder) -> None:
    shop.settings["pixels"] = [PIXEL, FOREIGN]
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    events = shop.wait_for_pixel("Contact", 2)
    assert {event["context"]["pixel"]["code"] for event in events} == {PIXEL, FOREIGN}
    assert len({event["event_id"] for event in events}) == 1
    assert len(shop.wait_for_reports("Contact", 1)) == 1


def test_a_second_tag_does_nothing(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(tag='<script src="/t/tag.js"></script>' * 2)
    page.goto(shop.url)
    page.add_script_tag(url="/t/tag.js?again")
    shop.settle(page, 1)


def test_on_a_foreign_host_the_tag_is_silent(page: Page, shop: Recorder) -> None:
    shop.settings["domains"] = ["shop.example"]
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    shop.pages["/"] = document("<button data-pixelpair-event=Contact>Call</button>")
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}", wait_until="networkidle")
    page.click("button")
    page.wait_for_timeout(300)
    assert page.evaluate("[typeof pixelpair, typeof ttq, document.cookie, localStorage.length]") == [
        "undefined",
        "undefined",
        "",
        0,
    ]
    assert [url for url in asked if not url.startswith(shop.url) or "/t/e" in url] == []


def test_without_domains_the_tags_own_host_is_home(page: Page, shop: Recorder) -> None:
    shop.settings["domains"] = []
    page.goto(shop.url)
    _assert_pairs(shop, "Pageview")
    shop.reports.clear()
    shop.pages["/"] = document(tag=f'<script src="{shop.url}/t/tag.js"></script>')
    page.goto(shop.url.replace("127.0.0.1", "localhost"))
    assert page.evaluate("typeof pixelpair") == "undefined"
    assert shop.reports == []


def test_a_patched_fetch_that_throws_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "{const own = fetch; window.fetch = (url, ...more) => {"
        " if (String(url).endsWith('/t/e')) throw new Error('patched'); return own(url, ...more)}}"
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    _assert_pairs(shop, "Pageview", "Contact")


def test_a_fetch_that_promises_nothing_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "{const own = fetch; window.fetch = (url, ...more) => {"
        " const sent = own(url, ...more); if (!String(url).endsWith('/t/e')) return sent}}"
    )
    page.goto(shop.url)
    shop.wait_for_reports("Pageview", 1)
    assert len({(report["view"], report["n"]) for report in shop.events("Pageview")}) == 1


def test_a_browser_without_keepalive_sends_a_beacon(page: Page, shop: Recorder) -> None:
    page.add_init_script("delete Request.prototype.keepalive")
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    _assert_pairs(shop, "Pageview", "Contact")


def test_storage_that_throws_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'}, {placed: 5e9})")
    _assert_pairs(shop, "Pageview", "PlaceAnOrder")


def test_cookies_that_throw_cost_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'cookie', {get() { throw 0 }, set() { throw 0 }, configurable: true})"
    )
    page.route("**/i18n/pixel/**", lambda route: route.abort())  # the sandbox's script does not survive it
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    assert shop.wait_for_reports("Pageview", 1)[0]["ttclid"] == CLICK_ID


@pytest.mark.parametrize("junk", ["null", "5", '"x"', '{"keys": 7}', "[]", "{"])
def test_junk_in_the_browsers_memory_costs_no_leg(page: Page, shop: Recorder, junk: str) -> None:
    page.add_init_script(f"if (location.host) localStorage.pixelpair = {junk!r}")
    page.goto(shop.url)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A1'})")
    _assert_pairs(shop, "Pageview", "PlaceAnOrder")


def test_odd_calls_do_not_throw_into_the_page(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "pixelpair(); pixelpair(null); pixelpair({}); pixelpair('identify'); pixelpair('consent');"
        " pixelpair('consent', 'granted'); pixelpair('Contact', {a: 1n}, null); pixelpair('Lead', 'x', 5);"
        " const ring = {}; ring.self = ring; pixelpair('Schedule', ring)"
    )
    _assert_pairs(shop, "Pageview", "Contact", "Lead", "Schedule")
    shop.settle(page, 4)


def test_half_an_emoji_does_not_cost_the_report(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('ViewContent', {description: 'Mug \\ud83d', value: 5})")
    _assert_pairs(shop, "ViewContent")
    assert shop.events("ViewContent")[0]["properties"] == {"value": 5}


def test_the_loader_copies_the_nonce(page: Page, shop: Recorder) -> None:
    policy = f"script-src 'nonce-abc'; connect-src 'self' {shop.sandbox}"
    shop.pages["/"] = document(
        head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        tag='<script nonce="abc" src="/t/tag.js" defer></script>',
    )
    page.goto(shop.url)
    _assert_pairs(shop, "Pageview")
