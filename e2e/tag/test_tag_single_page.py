"""Single-page shops: which change of the address is another view."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document, wait_for_start


@pytest.fixture(params=["navigation", "history"])
def router(request: pytest.FixtureRequest, page: Page) -> str:
    """Browsers with the Navigation API, and those before it."""
    if request.param == "history":
        page.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    return str(request.param)


def test_another_address_in_a_single_page_shop_is_another_view(page: Page, shop: Recorder, router: str) -> None:
    page.goto(shop.url + "/a")
    wait_for_start(page)
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
    wait_for_start(page)
    assert page.evaluate("history.pushState({x: 1}, '', '/b'), [history.state, location.pathname]") == [{"x": 1}, "/b"]
    with pytest.raises(Exception, match=r"SecurityError|insecure|cross-origin|URL"):
        page.evaluate("history.pushState(1, '', 'https://other.example/')")


def test_the_same_address_once_more_and_a_place_in_the_page_are_no_views(
    page: Page, shop: Recorder, router: str
) -> None:
    page.goto(shop.url + "/a?size=m")
    wait_for_start(page)
    page.evaluate("history.pushState(1, '', '/a?size=m')")
    page.evaluate("location.hash = 'reviews'")
    page.evaluate("location.hash = 'top'")
    page.evaluate("history.back()")
    page.wait_for_function("location.hash == '#reviews'")
    page.evaluate("history.replaceState(1, '', '/b'); history.replaceState(1, '', '/b?page=2')")
    page.evaluate("pixelpair('Contact')")
    shop.settle(page, 2)
    assert len({report["view"] for report in shop.events()}) == 1


def test_a_router_of_the_navigation_api_is_followed(page: Page, shop: Recorder) -> None:
    shop.pages["/a"] = document("<a href=/b data-pixelpair-event=AddToCart>B</a>")
    page.goto(shop.url + "/a")
    wait_for_start(page)
    page.evaluate("navigation.addEventListener('navigate', event => event.intercept({handler: async () => {}}))")
    page.evaluate("window.kept = 1")
    page.click("a")
    page.wait_for_function("location.pathname == '/b'")
    page.evaluate("navigation.navigate('/c').finished.then(() => navigation.back().finished)")
    shop.wait_for_reports("Pageview", 4)
    assert page.evaluate("kept") == 1
    shop.settle(page, 5)
    assert [view["url"].removeprefix(shop.url) for view in shop.events("Pageview")] == ["/a", "/b", "/c", "/b"]
    assert shop.events("AddToCart")[0]["view"] == shop.events("Pageview")[0]["view"]
    assert len(shop.wait_for_pixel("Pageview", 4)) == 4


@pytest.mark.parametrize("sign", ["#/", "#!/"])
def test_the_route_of_a_hash_router_is_another_view(page: Page, shop: Recorder, router: str, sign: str) -> None:
    """What follows `#/` or `#!/` is an address; any other hash is a place in the page."""
    page.goto(shop.url + "/" + sign)
    wait_for_start(page)
    page.evaluate(f"location.hash = '{sign}cart'")
    page.evaluate(f"history.pushState(1, '', '{sign}pay')")
    page.evaluate("history.back()")
    page.wait_for_function(f"location.hash == '{sign}cart'")
    shop.wait_for_reports("Pageview", 4)
    page.evaluate("location.hash = 'reviews'")
    shop.settle(page, 4)
    views = [view["url"].removeprefix(shop.url + "/" + sign) for view in shop.events("Pageview")]
    assert views == ["", "cart", "pay", "cart"]
