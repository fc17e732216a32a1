"""Where the tag is at home: the site's domains, their subdomains, plain http."""

from playwright.sync_api import Page

from e2e.tag.recorder import CLICK_ID, Recorder, assert_pairs, document


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
