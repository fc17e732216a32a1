"""Pages whose scripts have changed the browser's own functions: neither leg is lost."""

from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs


def test_a_patched_fetch_that_throws_costs_no_leg(page: Page, shop: Recorder) -> None:
    page.add_init_script(
        "{const own = fetch; window.fetch = (url, ...more) => {"
        " if (String(url).endsWith('/t/e')) throw new Error('patched'); return own(url, ...more)}}"
    )
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")


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
    assert_pairs(shop, "Pageview", "Contact")
