"""Pages that come back from the back/forward cache: one new page view each time, and nothing of before once more."""

from playwright.sync_api import Error, Page

from e2e.stack import wait_until
from e2e.tag.recorder import PATIENCE, Recorder, document, id_of, wait_for_start

# What tells the story apart from a page that is merely loaded again.
RESTORES = "<script>window.restores = 0; addEventListener('pageshow', event => restores += event.persisted)</script>"


def test_a_page_that_comes_back_is_one_new_view_and_sends_nothing_again(shoppers_page: Page, shop: Recorder) -> None:
    """Driven by scripts alone: Playwright waits for a load, which does not come."""
    page = shoppers_page
    shop.pages["/a"] = document("<a href=/b data-pixelpair-event=AddToCart>Add</a>", head=RESTORES)
    page.goto(shop.url + "/a")
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")
    for restores in (1, 2):
        shop.wait_for_pixel("Pageview", 2 * restores - 1)
        page.evaluate("setTimeout(() => document.querySelector('a').click())")
        shop.wait_for_pixel("Pageview", 2 * restores)
        page.evaluate("setTimeout(() => history.back())")
        shop.wait_for_pixel("Pageview", 2 * restores + 1)
        _wait_for_restores(page, restores)
    page.evaluate("pixelpair('PlaceAnOrder', {order_id: 'A-1'})")  # the page does again what it did before
    page.evaluate("pixelpair('Last')")
    shop.wait_for_pixel("Last", 1)
    views = shop.wait_for_reports("Pageview", 5)
    assert [view["url"].removeprefix(shop.url) for view in views] == ["/a", "/b", "/a", "/b", "/a"]
    assert len({view["view"] for view in views}) == 5
    assert [view["n"] for view in views] == [0] * 5
    (last,) = shop.wait_for_reports("Last", 1)
    assert last["view"] == views[4]["view"]
    unkeyed = [report for report in shop.events() if "key" not in report]
    assert len(unkeyed) == len({id_of(report) for report in unkeyed}) == 5 + 2 + 1
    assert [len(shop.pixel_events(name)) for name in ("Pageview", "AddToCart", "PlaceAnOrder")] == [5, 2, 1]


def _wait_for_restores(page: Page, count: int) -> None:
    """Until the driver, too, knows that the page came back: the page itself is faster."""

    def are_there() -> bool:
        try:
            return bool(page.evaluate("window.restores") == count)
        except Error:
            return False

    wait_until(are_there, PATIENCE, lambda: f"the page came back from the cache {count} times")


def test_the_page_keeps_its_place_in_the_cache(page: Page, shop: Recorder) -> None:
    """No listener that would forbid it."""
    page.add_init_script(
        "window.kinds = []; const own = EventTarget.prototype.addEventListener;"
        "EventTarget.prototype.addEventListener = function (kind, ...more) { kinds.push(kind);"
        " return own.call(this, kind, ...more) }"
    )
    page.goto(shop.url)
    wait_for_start(page)
    kinds = set(page.evaluate("kinds"))
    assert kinds >= {"click", "pageshow"}
    assert not {"unload", "beforeunload"} & kinds
