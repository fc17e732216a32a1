"""Tabs in the background: they tell their page view as others do, and nothing once more when they are looked at."""

from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document

HIDDEN = """
window.hidden_ = true;
Object.defineProperty(Document.prototype, 'hidden', {get: () => window.hidden_});
Object.defineProperty(Document.prototype, 'visibilityState', {get: () => window.hidden_ ? 'hidden' : 'visible'});
window.requestAnimationFrame = window.requestIdleCallback = () => 0;
"""


def test_a_hidden_page_tells_its_events_though_nothing_is_painted(page: Page, shop: Recorder) -> None:
    page.add_init_script(HIDDEN)
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")
    for hidden in ("false", "true", "false"):
        page.evaluate(f"hidden_ = {hidden}; document.dispatchEvent(new Event('visibilitychange'))")
    shop.settle(page, 2)


def test_a_tab_opened_behind_the_page_is_one_view_of_its_own(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document("<a href=/next>Next</a>")
    page.goto(shop.url)
    with page.context.expect_page() as opened:
        page.click("a", modifiers=["Control"])
    behind = opened.value
    behind.wait_for_load_state()
    behind.bring_to_front()
    shop.settle(behind, 2)
    views = shop.events("Pageview")
    assert [view["url"].removeprefix(shop.url) for view in views] == ["/", "/next"]
    assert len({view["view"] for view in views}) == 2
    assert len(shop.pixel_events("Pageview")) == 2
