"""The tag in the iPhone's engine: one story for each promise that an engine can break, told by what arrives."""

import json
from typing import Any

import requests
from selenium.webdriver.common.by import By

from e2e.stack import wait_until
from e2e.tag.recorder import PIXEL, STUB, Recorder, document
from e2e.webkit.engine import PATIENCE, Safari

CLICK_ID = "E.C.P." + "Ab9-_" * 20
EMAIL = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"  # of alice_abc@gmail.com


def _open(safari: Safari, address: str) -> None:
    """Opens a page and waits until both legs are ready, so that nothing hides behind the Pixel's loading."""
    safari.get(address)
    _wait_for_legs(safari)


def _wait_for_legs(safari: Safari) -> None:
    ready = "!!(window.pixelpair && window.ttq && ttq._sandbox)"
    wait_until(lambda: safari.evaluate(ready), PATIENCE, lambda: "the tag and the Pixel's script run")


def _click(safari: Safari, selector: str) -> None:
    safari.find_element(By.CSS_SELECTOR, selector).click()


def _wait_for_path(safari: Safari, path: str) -> None:
    wait_until(
        lambda: safari.evaluate("location.pathname") == path,
        PATIENCE,
        lambda: f"{safari.current_url} becomes {path}",
    )


def _event_id(report: dict[str, Any]) -> str:
    return report.get("key") or f"{report['view']}.{report['n']}"


def _assert_pairs(shop: Recorder, name: str, count: int) -> list[dict[str, Any]]:
    """``count`` events arrived on both legs, each once and as a pair. Returns their reports.

    A report that says itself that it is a retry may come beside its first: whoever left cannot know that it arrived.
    """
    wait_until(lambda: len(_by_id(shop, name)) >= count, PATIENCE, lambda: f"{count} x {name} among {shop.reports}")
    fired = shop.wait_for_pixel(name, count)
    reports = _by_id(shop, name)
    first = [_event_id(report) for report in shop.events(name) if "retry" not in report]
    assert len(first) == len(set(first))
    assert len(reports) == count
    assert sorted(event["event_id"] for event in fired) == sorted(reports)
    return list(reports.values())


def _by_id(shop: Recorder, name: str) -> dict[str, dict[str, Any]]:
    return {_event_id(report): report for report in shop.events(name)}


def _received(shop: Recorder) -> dict[str, Any]:
    """All that the sandbox received. The shop forwards nothing, so that all of it comes from the page."""
    with requests.Session() as session:
        session.trust_env = False
        answer: dict[str, Any] = session.get(f"{shop.sandbox}/sandbox/received", timeout=10).json()
    return answer


# ---- Pairs ----


def test_a_page_view_and_an_event_of_the_page_are_pairs(safari: Safari, shop: Recorder) -> None:
    safari.get(shop.url + "/shirt?size=m")
    safari.evaluate(
        "pixelpair('ViewContent', {contents: [{content_id: 7, price: '19.90'}], value: 19.9, currency: 'mad'})"
    )
    (view,) = _assert_pairs(shop, "Pageview", 1)
    (report,) = _assert_pairs(shop, "ViewContent", 1)
    (event,) = shop.pixel_events("ViewContent")
    assert event["context"]["pixel"]["code"] == PIXEL
    assert event["properties"] == report["properties"]
    assert report["properties"] == {
        "contents": [{"content_id": "7", "price": 19.9}],
        "content_ids": ["7"],
        "value": 19.9,
        "currency": "MAD",
    }
    assert report["view"] == view["view"]
    assert report["url"] == shop.url + "/shirt?size=m"
    assert report["_type"].lower() == "text/plain;charset=utf-8"
    shop.settle(safari, 2)


def test_the_click_id_is_kept_over_three_pages(safari: Safari, shop: Recorder) -> None:
    safari.get(f"{shop.url}/?utm=x&ttclid={CLICK_ID}")
    for path in ("/two", "/three", "/four"):
        safari.get(shop.url + path)
    reports = shop.wait_for_reports("Pageview", 4)
    assert [report["ttclid"] for report in reports] == [CLICK_ID] * 4
    assert reports[3]["url"] == shop.url + "/four"
    cookie = safari.get_cookie("ttclid")
    assert cookie is not None
    assert (cookie["value"], cookie["path"], cookie["sameSite"]) == (CLICK_ID, "/", "Lax")


# ---- Leaving ----


def test_a_link_that_leaves_the_page_delivers_all_that_its_click_tells(safari: Safari, shop: Recorder) -> None:
    shop.pages["/"] = document(
        "<a href=/next data-pixelpair-event=AddToCart data-pixelpair-content-id=5"
        " onclick=\"pixelpair('Contact', {value: 5})\"><b>Add</b></a>"
    )
    _open(safari, shop.url)
    _click(safari, "b")
    _wait_for_path(safari, "/next")
    (added,) = _assert_pairs(shop, "AddToCart", 1)
    (contact,) = _assert_pairs(shop, "Contact", 1)
    assert (added["properties"]["content_ids"], contact["properties"]) == (["5"], {"value": 5})
    assert {added["url"], contact["url"]} == {shop.url + "/"}
    _assert_pairs(shop, "Pageview", 2)
    shop.settle(safari, 4)


def test_clicks_that_leave_the_page_lose_nothing(safari: Safari, shop: Recorder, is_long: bool) -> None:
    """10 of 10 on both legs; 50 of 50 with --long."""
    clicks = 50 if is_long else 10
    shop.pages["/"] = document("<a href=/next data-pixelpair-event=AddToCart>Add</a>")
    for _ in range(clicks):
        _open(safari, shop.url)
        _click(safari, "a")
        _wait_for_path(safari, "/next")
    _assert_pairs(shop, "AddToCart", clicks)


def test_a_form_that_leaves_the_page_delivers(safari: Safari, shop: Recorder) -> None:
    shop.pages["/"] = document(
        "<form action=/thanks method=post data-pixelpair-event=Lead data-pixelpair-value=5>"
        "<input name=a required><button>Send</button></form>"
    )
    _open(safari, shop.url)
    _click(safari, "button")  # the browser refuses: the field is empty
    safari.find_element(By.NAME, "a").send_keys("x")
    _click(safari, "button")
    _wait_for_path(safari, "/thanks")
    (report,) = _assert_pairs(shop, "Lead", 1)
    assert (report["properties"], report["url"]) == ({"value": 5}, shop.url + "/")
    shop.settle(safari, 3)


def test_a_link_into_another_tab_and_a_tab_that_closes_deliver(safari: Safari, shop: Recorder) -> None:
    shop.pages["/"] = document("<a href=/next target=_blank data-pixelpair-event=AddToCart>Add</a>")
    _open(safari, shop.url)
    first = safari.current_window_handle
    _click(safari, "a")
    wait_until(lambda: len(safari.window_handles) == 2, PATIENCE, lambda: "the link opens a tab")
    _assert_pairs(shop, "AddToCart", 1)
    (second,) = set(safari.window_handles) - {first}
    safari.switch_to.window(second)
    _wait_for_legs(safari)
    safari.evaluate("pixelpair('Contact'), window.close()")
    wait_until(lambda: safari.window_handles == [first], PATIENCE, lambda: "the tab closes")
    (contact,) = _assert_pairs(shop, "Contact", 1)
    assert contact["url"] == shop.url + "/next"
    _assert_pairs(shop, "Pageview", 2)
    safari.switch_to.window(first)
    shop.settle(safari, 4)


# ---- Views ----


def test_back_and_forward_are_new_views_and_double_nothing(safari: Safari, shop: Recorder) -> None:
    _open(safari, shop.url + "/a")
    safari.evaluate("pixelpair('ViewContent')")
    safari.execute_script("window.kept = 'a'")
    _assert_pairs(shop, "ViewContent", 1)
    _open(safari, shop.url + "/b")
    _assert_pairs(shop, "Pageview", 2)
    safari.back()
    wait_until(lambda: safari.evaluate("window.kept") == "a", PATIENCE, lambda: "the page comes from the cache")
    _assert_pairs(shop, "Pageview", 3)
    safari.forward()
    _wait_for_path(safari, "/b")
    views = _assert_pairs(shop, "Pageview", 4)
    assert [view["url"].removeprefix(shop.url) for view in views] == ["/a", "/b", "/a", "/b"]
    assert len({view["view"] for view in views}) == 4
    shop.settle(safari, 5)
    assert shop.events("Last")[0]["view"] == views[3]["view"]
    _assert_pairs(shop, "ViewContent", 1)
    _assert_pairs(shop, "Pageview", 4)


def test_each_address_of_a_single_page_shop_is_one_view(safari: Safari, shop: Recorder) -> None:
    _open(safari, shop.url + "/a")
    safari.execute_script("history.pushState(1, '', '/b'); pixelpair('ViewContent')")
    safari.execute_script("history.pushState(2, '', '/b#part'); pixelpair('Contact')")
    safari.execute_script("history.pushState(3, '', '/c')")
    safari.execute_script("history.go(-3)")
    _wait_for_path(safari, "/a")
    views = _assert_pairs(shop, "Pageview", 4)
    assert [view["url"].removeprefix(shop.url) for view in views] == ["/a", "/b", "/c", "/a"]
    assert len({view["view"] for view in views}) == 4
    assert views[1]["referrer"] == shop.url + "/a"
    (viewed,), (contact,) = _assert_pairs(shop, "ViewContent", 1), _assert_pairs(shop, "Contact", 1)
    assert {viewed["view"], contact["view"]} == {views[1]["view"]}
    shop.settle(safari, 6)
    _assert_pairs(shop, "Pageview", 4)


# ---- Consent ----

HELD = '<script src="/t/tag.js" data-consent="held" defer></script>'


def test_held_sends_and_stores_nothing_and_granted_releases_all(safari: Safari, shop: Recorder) -> None:
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart>Add</button>", tag=HELD)
    safari.get(f"{shop.url}/?ttclid={CLICK_ID}")
    _click(safari, "button")
    safari.evaluate("pixelpair('Contact')")
    safari.execute_script("history.replaceState(1, '', '/')")  # as routers do: the click id leaves the address
    # What the page had sent would have arrived before this, which it sends half a second later.
    safari.execute_async_script("setTimeout(() => fetch('/fence').then(arguments[0]), 500)")
    assert (shop.reports, _received(shop)["requests"]) == ([], [])
    loaded = safari.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert {f"{shop.url}/t/tag.js", f"{shop.url}/fence"} <= set(loaded)
    assert [one for one in loaded if one.startswith(shop.sandbox) or one.endswith("/t/e")] == []
    assert safari.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    granted = safari.evaluate("[Date.now(), pixelpair('consent', 'granted')][0]")
    for name in ("Pageview", "AddToCart", "Contact"):
        (report,) = _assert_pairs(shop, name, 1)
        assert report["time"] <= granted <= report["sent"]
        assert (report["ttclid"], report["consent"]) == (CLICK_ID, "granted")
    shop.settle(safari, 3)
    assert f"ttclid={CLICK_ID}" in safari.evaluate("document.cookie")


# ---- Keys ----


def test_an_order_is_told_again_until_it_is_accepted_and_then_no_more(safari: Safari, shop: Recorder) -> None:
    told = f"<script>{STUB} pixelpair('PlaceAnOrder', {{order_id: 'A-1', value: 5, currency: 'MAD'}})</script>"
    shop.pages["/thanks"] = document(told)
    shop.answer = 503
    _open(safari, shop.url + "/thanks")
    refused = shop.wait_for_reports("PlaceAnOrder", 1)
    assert {_event_id(report) for report in refused} == {"A-1"}
    shop.reports.clear()
    shop.answer = 202
    safari.refresh()
    _wait_for_legs(safari)
    wait_until(
        lambda: "A-1" in json.dumps(safari.evaluate("JSON.parse(localStorage.pixelpair || '{}').keys || []")),
        PATIENCE,
        lambda: f"the accepted order is remembered; reports: {shop.reports}",
    )
    _tell_last(safari, shop)
    accepted, fired = shop.events("PlaceAnOrder"), shop.pixel_events("PlaceAnOrder")
    assert {_event_id(report) for report in accepted} == {"A-1"}
    assert {event["event_id"] for event in fired} == {"A-1"}
    for _ in range(2):
        safari.refresh()
        _wait_for_legs(safari)
        _tell_last(safari, shop)
    assert len(shop.events("PlaceAnOrder")) == len(accepted)
    assert len(shop.pixel_events("PlaceAnOrder")) == len(fired)


def _tell_last(safari: Safari, shop: Recorder) -> None:
    """Sends one more event on both legs and waits for it, so that what came before it has had its chance to come."""
    count = len(shop.events("Last")) + 1
    safari.evaluate("pixelpair('Last', {at: Date.now()})")
    _assert_pairs(shop, "Last", count)


# ---- The shopper ----


def test_the_shopper_is_hashed_alike_on_both_legs_and_raw_on_none_of_the_pixels(safari: Safari, shop: Recorder) -> None:
    _open(safari, shop.url)
    # The banner's word comes while hashing is under way: what waits for consent must not take the raw address along.
    safari.execute_script(
        "pixelpair('identify', {email: ' ALICE_abc@gmail.com '}); pixelpair('consent', 'granted'); pixelpair('Lead')"
    )
    _assert_pairs(shop, "Lead", 1)
    hashed: dict[str, Any] = {}

    def is_hashed() -> bool:
        """Hashing takes a few ticks that nothing in the page can see: tells events until one carries it."""
        nonlocal hashed
        count = len(shop.events("Contact")) + 1
        safari.evaluate(f"pixelpair('Contact', {{at: {count}}})")
        hashed = _assert_pairs(shop, "Contact", count)[-1]
        return bool(hashed["user"]["email"] == EMAIL)

    wait_until(is_hashed, PATIENCE, lambda: f"the e-mail address is hashed, not {hashed['user']}")
    (event,) = [one for one in shop.pixel_events("Contact") if one["event_id"] == _event_id(hashed)]
    assert event["context"]["user"]["email"] == EMAIL
    posts = json.dumps(_received(shop)).lower()
    assert posts.count(EMAIL) >= 1
    assert "alice" not in posts
