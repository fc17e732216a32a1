"""The tag inside a frame: with the shop's own origin, and sandboxed, where storage and cookies throw."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document


def _frame(shop: Recorder, attributes: str) -> None:
    shop.pages["/"] = document(f"<iframe {attributes}></iframe>", tag="")
    shop.pages["/inner"] = document("<script>onload = () => pixelpair('Contact')</script>")


@pytest.mark.parametrize("sandbox", ["", "sandbox='allow-scripts allow-same-origin'"], ids=["plain", "same origin"])
def test_a_frame_of_the_shops_own_origin_is_a_page(page: Page, shop: Recorder, sandbox: str) -> None:
    _frame(shop, f"src=/inner {sandbox}")
    page.goto(shop.url)
    assert_pairs(shop, "Pageview", "Contact")
    assert shop.events("Contact")[0]["url"] == shop.url + "/inner"


def test_a_sandboxed_frame_tells_the_proxy(page: Page, shop: Recorder) -> None:
    """Whether the site takes reports of no origin is for the proxy to say."""
    page.route("**/i18n/pixel/**", lambda route: route.abort())  # the sandbox's script does not survive it
    _frame(shop, "src=/inner?ttclid=E.C.P.12345678 sandbox=allow-scripts")
    page.goto(shop.url)
    (view, *_), (contact, *_) = shop.wait_for_reports("Pageview", 1), shop.wait_for_reports("Contact", 1)
    assert view["view"] == contact["view"]
    assert {view["ttclid"], contact["ttclid"]} == {"E.C.P.12345678"}
    assert len({*shop.ids()}) == 2
    assert [cookie for cookie in page.context.cookies() if cookie["name"] == "ttclid"] == []


def test_a_frame_without_an_address_is_silent(page: Page, shop: Recorder) -> None:
    tag = f"<script src='{shop.url}/t/tag.js'></script><script>parent.seen = typeof pixelpair</script>"
    _frame(shop, f'srcdoc="{tag}"')
    page.goto(shop.url)
    page.wait_for_function("window.seen")
    assert page.evaluate("seen") == "undefined"
    assert shop.reports == []
