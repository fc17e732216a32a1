"""What of the page needs the proxy's own tag: the dataLayer, a pinned version, the page that tells what it does."""

import json
import re
import shlex
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Page

from e2e.install.mounted import mounted
from e2e.install.test_install_html import TAG_MANAGER
from e2e.serving import serve
from e2e.stack import wait_until
from e2e.tag.recorder import Recorder, document
from proxy.outbox.entry import Entry
from tests.install.snippets import replaced, snippet
from tests.web.conftest import Shop

pytestmark = pytest.mark.only_browser("chromium")

# As a shop with Consent Mode begins: its tags may hold nothing, and one product was seen before Tag Manager came.
BEFORE = """<script>
dataLayer = [];
function gtag() { dataLayer.push(arguments); }
gtag("consent", "default", {ad_storage: "denied", ad_user_data: "denied"});
dataLayer.push({event: "view_item", ecommerce: {currency: "MAD", value: 349,
  items: [{item_id: "1077218", item_name: "Shirt", price: 349, quantity: 1}]}});
</script>"""
BOUGHT = """dataLayer.push({event: "purchase", ecommerce: {
  transaction_id: "wc_order_8mQ2xVw4Zt7Lc", currency: "MAD", value: 349,
  items: [{item_id: "1077218", price: 349, quantity: 1}]}})"""


def settings() -> dict[str, str]:
    return dict(line.split("=", 1) for line in snippet("Google Tag Manager", "sh").splitlines())


@pytest.fixture
def proxy(shop: Recorder, open_shop: Callable[..., Shop]) -> Shop:
    """The real doors, with the page's setting, and the sandbox as TikTok."""
    told = {"PIXELPAIR_DOMAINS": "127.0.0.1", "PIXELPAIR_BOTS": "send", "PIXELPAIR_PIXEL_URL": shop.sandbox}
    return open_shop(**told, **settings())


@pytest.fixture
def url(shop: Recorder, proxy: Shop) -> Iterator[str]:
    """The shop's address: its pages, and the proxy under ``/t``."""
    with serve(proxy.app) as doors, mounted(shop.url, doors) as address:
        yield address


def stored(proxy: Shop, count: int) -> dict[str, Entry]:
    """The ``count`` events of the outbox, by name."""
    wait_until(lambda: len(proxy.stored()) >= count, 60, lambda: f"{count} events among {proxy.stored()}")
    rows = {row.event: row for row in proxy.stored()}
    assert len(rows) == count
    return rows


def test_the_data_layer_by_way_of_tag_manager(page: Page, shop: Recorder, proxy: Shop, url: str) -> None:
    shop.pages["/"] = document(BEFORE, tag="")
    page.goto(url)
    page.evaluate(TAG_MANAGER, snippet("Google Tag Manager", "html"))
    page.wait_for_load_state("networkidle")
    page.wait_for_function("dataLayer.push !== Array.prototype.push")
    assert (proxy.stored(), shop.pixel_events()) == ([], [])
    page.evaluate("gtag('consent', 'update', {ad_storage: 'granted', ad_user_data: 'granted'})")
    seen = stored(proxy, 2)["ViewContent"]
    assert (seen.value, seen.currency) == (349, "MAD")
    assert json.loads(seen.body)["properties"]["content_ids"] == ["1077218"]
    page.evaluate(BOUGHT)
    rows = stored(proxy, 3)
    assert rows["Purchase"].event_id == "wc_order_8mQ2xVw4Zt7Lc"
    for event, row in rows.items():
        (pixel,) = shop.wait_for_pixel(event, 1)
        assert pixel["event_id"] == row.event_id


def test_a_pinned_version(page: Page, shop: Recorder, proxy: Shop, url: str) -> None:
    curl, address = shlex.split(snippet("A pinned version", "sh"))
    assert curl == "curl"
    told = requests.get(replaced(address, "https://shop.example", url), timeout=60).json()
    line = snippet("A pinned version", "html")
    name = re.compile(r'src="(/t/tag\.[0-9a-f]+\.js\?site=default)" integrity="(sha384-[^"]+)"')
    example = name.search(line)
    assert example
    line = line.replace(example[1], told["src"]).replace(example[2], told["integrity"])
    assert name.search(line)
    shop.pages["/"] = document(tag=line)
    page.goto(url)
    assert stored(proxy, 1).keys() == {"Pageview"}
    # Any other file at that address is refused by the browser.
    shop.pages["/other"] = document(tag=line.replace("sha384-", "sha384-A"))
    page.goto(url + "/other", wait_until="networkidle")
    assert page.evaluate("typeof pixelpair") == "undefined"


def test_a_page_that_tells_what_it_does(page: Page, shop: Recorder, proxy: Shop, url: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    shop.pages["/"] = document(snippet("Plain HTML", "html", 1), tag=snippet("Plain HTML", "html"))
    page.goto(url + "/?pixelpair_debug=1")
    stored(proxy, 2)
    wait_until(lambda: page.evaluate("1") and any("ViewContent" in text for text in said), 60, lambda: str(said))
