"""Where the tag is at home: the site's domains, their subdomains, plain http."""

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import CLICK_ID, PATIENCE, Recorder, assert_pairs, document, wait_for_pixel_script


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
    assert_pairs(shop, "Pageview")
    shop.reports.clear()
    shop.pages["/"] = document(tag=f'<script src="{shop.url}/t/tag.js"></script>')
    page.goto(shop.url.replace("127.0.0.1", "localhost"))
    assert page.evaluate("typeof pixelpair") == "undefined"
    assert shop.reports == []


def _at(shop: Recorder, host: str) -> str:
    return shop.url.replace("127.0.0.1", host)


@pytest.mark.parametrize("host", ["shop.test", "www.shop.test", "shop.co.uk"])
def test_a_page_on_plain_http_is_served_and_tells_nobody_who_the_shopper_is(
    shoppers_page: Page, shop: Recorder, host: str
) -> None:
    """Such a page has no crypto.subtle, and everybody on the way can listen."""
    page = shoppers_page
    shop.settings["domains"] = [host]
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart>Add</button>")
    page.goto(f"{_at(shop, host)}/?ttclid={CLICK_ID}")
    assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
    page.evaluate("pixelpair('identify', {email: 'alice@shop.test', phone: '+12133734253', external_id: 'user_123'})")
    page.click("button")
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "AddToCart", "Contact")
    page.goto(_at(shop, host) + "/two")
    views = shop.wait_for_reports("Pageview", 2)
    assert [view["ttclid"] for view in views] == [CLICK_ID] * 2
    told = str(shop.reports) + str(shop.pixel_events())
    assert "Contact" in told
    for raw in ("alice", "2133734253", "user_123"):
        assert raw not in told


def test_a_shopper_who_walks_over_the_sites_hosts_stays_one(shoppers_page: Page, shop: Recorder) -> None:
    """One host has the tag and the proxy; the proxy keeps the click id on their common domain, where the site asks."""
    page = shoppers_page
    hosts = ["shop.test", "www.shop.test", "checkout.shop.test"]
    shop.settings["domains"] = hosts
    shop.answer_headers = {"Set-Cookie": f"ttclid={CLICK_ID}; Domain=shop.test; Path=/; SameSite=Lax"}
    shop.pages["/"] = document(tag=f"<script src={_at(shop, 'shop.test')}/t/tag.js defer></script>")

    def keeps_both_cookies() -> bool:
        kept = {(cookie["name"], cookie["domain"]) for cookie in page.context.cookies()}
        return kept >= {("ttclid", ".shop.test"), ("_ttp", ".shop.test")}

    for host in ("www.shop.test", "shop.test", "checkout.shop.test"):
        page.goto(_at(shop, host) + (f"/?ttclid={CLICK_ID}" if host == "www.shop.test" else "/"))
        wait_for_pixel_script(page)
        wait_until(keeps_both_cookies, PATIENCE, lambda: f"both cookies among {page.context.cookies()}")
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    wait_until(
        lambda: "A-1" in page.evaluate("localStorage.pixelpair || ''"),
        PATIENCE,
        lambda: "another host's answer is read",
    )
    views = shop.wait_for_reports("Pageview", 3)
    assert [view["url"].split("/")[2].split(":")[0] for view in views] == [hosts[1], hosts[0], hosts[2]]
    assert [view["ttclid"] for view in views] == [CLICK_ID] * 3
    assert len({view["ttp"] for view in views[1:]}) == 1
    assert views[2]["_cookie"]["_ttp"] == views[2]["ttp"]
    assert len(shop.wait_for_pixel("Pageview", 3)) == 3
    assert shop.wait_for_pixel("PlaceAnOrder", 1)[0]["event_id"] == "A-1"


def test_a_host_that_is_not_the_sites_is_silent_though_the_tag_is(shoppers_page: Page, shop: Recorder) -> None:
    shop.settings["domains"] = ["shop.test"]
    shop.pages["/"] = document(tag=f"<script src={_at(shop, 'shop.test')}/t/tag.js></script>")
    shoppers_page.goto(_at(shop, "www.shop.test"))
    assert shoppers_page.evaluate("[typeof pixelpair, typeof ttq]") == ["undefined", "undefined"]
    shoppers_page.goto(_at(shop, "shop.test"))
    shop.wait_for_reports("Pageview", 1)
    assert [report["url"] for report in shop.reports] == [_at(shop, "shop.test") + "/"]


def test_a_hash_that_the_shop_made_is_told_on_plain_http_too(shoppers_page: Page, shop: Recorder) -> None:
    page = shoppers_page
    shop.settings["domains"] = ["shop.test"]
    page.goto(_at(shop, "shop.test"))
    page.evaluate("email => pixelpair('identify', {email, phone: '+12133734253'})", "ab" * 32)
    page.evaluate("pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0].get("user") == {"email": "ab" * 32}
    user = shop.wait_for_pixel("Lead", 1)[0]["context"]["user"]
    assert user["email"] == "ab" * 32
    assert "phone_number" not in user
