"""The Pixel: how its leg stands is told, it is loaded once, and nobody else's pixel gets anything of ours."""

from playwright.sync_api import Page, Route

from e2e.stack import wait_until
from e2e.tag.recorder import FOREIGN, PIXEL, STUB, Recorder, assert_pairs, document


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


def test_the_state_of_the_pixel_is_told(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    shop.wait_for_pixel("Pageview", 1)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "sent"
    assert shop.events("Pageview")[0]["pixel"] == "unknown"


def test_a_blocked_pixel_is_told_and_costs_no_report(page: Page, shop: Recorder) -> None:
    page.route("**/i18n/pixel/**", lambda route: route.abort())
    page.add_init_script("addEventListener('error', ({target}) => window.failed = target.src, true)")
    page.goto(shop.url)
    page.wait_for_function("window.failed")
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "blocked"
    assert shop.pixel_events() == []


def test_a_script_that_does_not_take_over_is_not_called_sent(page: Page, shop: Recorder) -> None:
    page.route("**/i18n/pixel/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
    with page.expect_response("**/i18n/pixel/**"):
        page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "unknown"


def test_an_order_told_while_the_pixel_was_loading_is_told_once_more_when_it_has(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(f"<script>{STUB} pixelpair('PlaceAnOrder', {{order_id: 'A-7'}})</script>")
    page.goto(shop.url)
    first, again = shop.wait_for_reports("PlaceAnOrder", 2)
    assert (first["pixel"], again["pixel"]) == ("unknown", "sent")
    assert {name: again[name] for name in ("view", "n", "key")} == {name: first[name] for name in ("view", "n", "key")}
    assert len(shop.wait_for_pixel("PlaceAnOrder", 1)) == 1


def test_a_foreign_pixel_on_the_page_receives_nothing_of_ours(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(
        head=_snippet(shop, FOREIGN, "ttq.instance('CODE').track('Theirs');").replace("CODE", FOREIGN)
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")
    theirs = [event["event"] for event in shop.pixel_events() if event["context"]["pixel"]["code"] == FOREIGN]
    assert theirs == ["Theirs"]


def test_a_foreign_pixel_that_came_first_does_not_cost_ours(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(head=_snippet(shop, FOREIGN), tag="")
    page.goto(shop.url)
    wait_until(lambda: page.evaluate("!!ttq._sandbox"), 10, lambda: "the foreign script runs")
    page.add_script_tag(url="/t/tag.js")
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")


def test_our_pixel_is_not_loaded_twice(page: Page, shop: Recorder) -> None:
    loads = []
    page.on("request", lambda request: loads.append(request.url) if "events.js" in request.url else None)
    shop.pages["/"] = document(head=_snippet(shop, PIXEL))
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")
    assert len(loads) == 1


def test_every_pixel_of_the_site_gets_every_event(page: Page, shop: Recorder) -> None:
    shop.settings["pixels"] = [PIXEL, FOREIGN]
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    events = shop.wait_for_pixel("Contact", 2)
    assert {event["context"]["pixel"]["code"] for event in events} == {PIXEL, FOREIGN}
    assert len({event["event_id"] for event in events}) == 1
    assert len(shop.wait_for_reports("Contact", 1)) == 1


def test_an_order_told_before_the_pixel_was_blocked_is_told_once_more(page: Page, shop: Recorder) -> None:
    """Once, for all orders of the page; what comes later knows."""
    asked: list[Route] = []
    page.route("**/i18n/pixel/**", lambda route: asked.append(route))
    with page.expect_request("**/i18n/pixel/**"):
        page.goto(shop.url, wait_until="commit")
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'}); pixelpair('Contact')")
    (first,) = shop.wait_for_reports("PlaceAnOrder", 1)
    (route,) = asked
    route.abort()
    _, again = shop.wait_for_reports("PlaceAnOrder", 2)
    assert (first["pixel"], again["pixel"]) == ("unknown", "blocked")
    assert {name: again[name] for name in ("view", "n", "key")} == {name: first[name] for name in ("view", "n", "key")}
    page.evaluate("pixelpair('Lead', {}, {key: 'form-7'})")
    assert shop.wait_for_reports("Lead", 1)[0]["pixel"] == "blocked"
    page.evaluate("document.dispatchEvent(new Event('visibilitychange')); pixelpair('Last')")
    shop.wait_for_reports("Last", 1)
    told = [report["event"] for report in shop.events()]
    assert sorted(told) == ["Contact", "Last", "Lead", "Pageview", "PlaceAnOrder", "PlaceAnOrder"]
    assert shop.pixel_events() == []
