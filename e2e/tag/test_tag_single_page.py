"""Single-page shops: which change of the address is another view."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder


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
