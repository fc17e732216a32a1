"""The custom pixel for Shopify in Chromium, in a sandboxed frame with what Shopify gives it there, at real doors."""

import io
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.serving import serve
from e2e.stack import wait_until
from e2e.tag.recorder import Recorder, document
from proxy.web import collect
from tests.install.snippets import PAGE, ROOT, replaced, snippet
from tests.web.conftest import Shop

pytestmark = pytest.mark.only_browser("chromium")

Open = Callable[..., Shop]
PIXEL = (ROOT / "static" / "shopify" / "pixel.js").read_text("utf-8")
ALLOWED = {"analyticsProcessingAllowed": True, "marketingAllowed": True, "saleOfDataAllowed": True}

# Within the frame: Shopify's globals. Cookies and storage are the top frame's, so each asks it by message.
GLOBALS = """
const answers = new Map(), listeners = {}, consents = [];
const ask = (what, ...told) => new Promise((done) => {
  answers.set(answers.size, done);
  parent.postMessage({number: answers.size - 1, what, told}, "*");
});
const browser = {
  cookie: {get: (name) => ask("getCookie", name), set: (text) => ask("setCookie", text)},
  localStorage: {getItem: (key) => ask("getItem", key), setItem: (key, value) => ask("setItem", key, value)},
};
const analytics = {subscribe: (name, call) => { (listeners[name] = listeners[name] || []).push(call); }};
const api = {analytics, browser, init, customerPrivacy: {subscribe: (_, call) => { consents.push(call); }}};
addEventListener("message", ({data}) => {
  if (data.event) (listeners[data.event.name] || []).forEach((call) => call(data.event));
  else if (data.customerPrivacy) consents.forEach((call) => call(data));
  else answers.get(data.number)(data.answer);
});
"""
# On the shop's page: what answers the frame, and what Shopify publishes into it.
TOP = """
const place = () => ({href: location.href, search: location.search});
const context = () => ({document: {location: place(), referrer: document.referrer}});
const means = {
  getCookie: (name) => ("; " + document.cookie).split("; " + name + "=")[1]?.split(";")[0] || "",
  setCookie: (text) => { document.cookie = text; },
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, value),
};
const frame = document.createElement("iframe");
const say = (message) => frame.contentWindow.postMessage(message, "*");
addEventListener("message", ({data}) => {
  const answer = means[data.what](...data.told);
  setTimeout(() => say({number: data.number, answer}), 100);  // from frame to frame, and back
});
window.publish = (name, data) => say({event: {name, data, context: context(), timestamp: new Date().toISOString()}});
window.agree = (customerPrivacy) => say({customerPrivacy});
frame.sandbox = "allow-scripts allow-forms";
const init = JSON.stringify({...INIT, context: context()});
frame.srcdoc = `<script>const init = ${init};${GLOBALS}</script><script>${PIXEL}</script>`;
document.body.append(frame);
"""
MONEY = {"amount": 349, "currencyCode": "MAD"}
VARIANT = {"id": "42", "price": MONEY, "product": {"id": "1077218", "title": "Shirt"}}
CHECKOUT = {
    "token": "c6f1a2b3d4e5f60718293a4b5c6d7e8f",
    "totalPrice": {"amount": 698, "currencyCode": "MAD"},
    "lineItems": [{"quantity": 2, "variant": VARIANT}, {"quantity": 1, "variant": None}],
    "email": "amina@example.com",
    "phone": "+212612345678",
}
CLICK = "E.C.P.v3dGkLmN8qRs"


def put_in(shop: Recorder, endpoint: str, path: str = "/", privacy: dict[str, bool] = ALLOWED) -> None:
    """A page of the shop with the custom pixel in it, ``endpoint`` filled in."""
    init = {"customerPrivacy": privacy, "data": {"customer": {"id": "7001"}}}
    given = {"INIT": init, "GLOBALS": GLOBALS, "PIXEL": replaced(PIXEL, "https://t.shop.example/t/e", endpoint)}
    named = "".join(f"const {name} = {json.dumps(value)};" for name, value in given.items())
    script = (named + TOP).replace("</", "<\\/")  # it stands in a script itself
    shop.pages[path] = f"<!doctype html><title>Shop</title><body><script>{script}</script>"


class Door:
    """The proxy as the network shows it: ``told`` are the bodies that came, with their ``Origin``; it may be down."""

    def __init__(self, proxy: Shop) -> None:
        self._app = proxy.app
        self.told: list[dict[str, Any]] = []
        self.origins: list[str | None] = []
        self.is_down = False

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.told.append(json.loads(body))
        self.origins.append(environ.get("HTTP_ORIGIN"))
        if self.is_down:
            start("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return self._app({**environ, "wsgi.input": io.BytesIO(body)}, start)

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.told) >= count, 60, lambda: f"{count} reports: {self.told}")


def publish(page: Page, name: str, **data: Any) -> None:
    page.evaluate("([name, data]) => publish(name, data)", [name, data])


def settings() -> dict[str, str]:
    """The page's own lines for the proxy."""
    return dict(line.split("=", 1) for line in snippet("Shopify", "sh").splitlines())


def open_proxy(open_shop: Open, **environ: str) -> Shop:
    told = {**settings(), "PIXELPAIR_BOTS": "send", "PIXELPAIR_TRUSTED_HOPS": "0", **environ}
    # No browser here is at shop.example.
    return open_shop(**{**told, "PIXELPAIR_DOMAINS": told["PIXELPAIR_DOMAINS"] + ",127.0.0.1"})


def wait_for_stored(proxy: Shop, count: int) -> list[Any]:
    wait_until(lambda: len(proxy.stored()) >= count, 60, lambda: f"{count} events among {proxy.stored()}")
    return proxy.stored()


def test_every_event_arrives_by_the_server_leg(page: Page, shop: Recorder, open_shop: Open) -> None:
    proxy = open_proxy(open_shop)
    with serve(proxy.app) as url:
        put_in(shop, f"{url}/t/e")
        page.goto(f"{shop.url}/?ttclid={CLICK}")
        publish(page, "page_viewed")
        publish(page, "product_viewed", productVariant=VARIANT)
        line = {"quantity": 2, "merchandise": VARIANT, "cost": {"totalAmount": CHECKOUT["totalPrice"]}}
        publish(page, "product_added_to_cart", cartLine=line)
        publish(page, "checkout_started", checkout=CHECKOUT)
        publish(page, "checkout_completed", checkout=CHECKOUT)
        rows = {row.event: row for row in wait_for_stored(proxy, 5)}
    assert rows.keys() == {"Pageview", "ViewContent", "AddToCart", "InitiateCheckout", "PlaceAnOrder"}
    items = {event: json.loads(row.body) for event, row in rows.items()}
    for event, item in items.items():
        assert item["page"]["url"] == f"{shop.url}/?ttclid={CLICK}"
        assert item["user"]["ttclid"] == CLICK
        assert len(item["user"]["external_id"]) == 64
        assert (rows[event].pixel, rows[event].consent, rows[event].warnings) == ("off", "granted", ())
    shirt = {"content_id": "1077218", "content_type": "product", "content_name": "Shirt", "price": 349}
    told = {event: item.get("properties", {}) for event, item in items.items()}
    money = {event: tuple(map(one.get, ("contents", "value", "currency"))) for event, one in told.items()}
    assert money == {
        "Pageview": (None, None, None),
        "ViewContent": ([{**shirt, "quantity": 1}], 349, "MAD"),
        "AddToCart": ([{**shirt, "quantity": 2}], 698, "MAD"),
        "InitiateCheckout": ([{**shirt, "quantity": 2}], 698, "MAD"),
        "PlaceAnOrder": ([{**shirt, "quantity": 2}], 698, "MAD"),
    }
    assert items["PlaceAnOrder"]["event_id"] == CHECKOUT["token"]
    assert items["PlaceAnOrder"]["user"].keys() >= {"email", "phone"}
    assert len({row.view for row in rows.values()}) == 1
    assert {row.event_id.partition(".")[2] for row in rows.values()} == {"0", "1", "2", "3", ""}


def test_the_tag_in_the_storefront_makes_pairs(page: Page, shop: Recorder, open_shop: Open) -> None:
    (line,) = re.findall(r'`(<script src="https://t[^`]*</script>)`', PAGE)
    proxy = open_proxy(open_shop, PIXELPAIR_PIXEL_URL=shop.sandbox)
    with serve(proxy.app) as url:
        shop.pages["/"] = document(tag=replaced(line, "https://t.shop.example", url))
        page.goto(shop.url)
        (row,) = wait_for_stored(proxy, 1)
    (pixel,) = shop.wait_for_pixel("Pageview", 1)
    assert pixel["event_id"] == row.event_id


def test_the_click_is_kept_for_the_next_page(page: Page, shop: Recorder, open_shop: Open) -> None:
    proxy = open_proxy(open_shop)
    with serve(proxy.app) as url:
        put_in(shop, f"{url}/t/e")
        put_in(shop, f"{url}/t/e", "/next")
        page.goto(f"{shop.url}/?ttclid={CLICK}")
        page.wait_for_function("document.cookie.includes('ttclid=')")
        (cookie,) = page.context.cookies()
        assert abs(cookie["expires"] - time.time() - collect.KEEP_CLICK) < 600
        page.goto(shop.url + "/next")
        publish(page, "page_viewed")
        (row,) = wait_for_stored(proxy, 1)
    assert json.loads(row.body)["user"]["ttclid"] == CLICK


def test_a_proxy_that_demands_an_origin_refuses_it(page: Page, shop: Recorder, open_shop: Open) -> None:
    """So the third setting is needed."""
    proxy = open_proxy(open_shop, PIXELPAIR_ALLOW_NO_ORIGIN="false")
    door = Door(proxy)
    with serve(door) as url:
        put_in(shop, f"{url}/t/e")
        page.goto(shop.url)
        publish(page, "page_viewed")
        wait_until(lambda: proxy.refused().get("origin"), 60, lambda: f"{proxy.refused()} {door.told}")
    assert door.origins == ["null"]
    assert proxy.stored() == []


def test_consent(page: Page, shop: Recorder, open_shop: Open) -> None:
    """Without it nothing is stored or sent; where data may not be sold, use is limited."""
    proxy = open_proxy(open_shop)
    with serve(proxy.app) as url:
        put_in(shop, f"{url}/t/e", privacy={**ALLOWED, "marketingAllowed": False})
        page.goto(f"{shop.url}/?ttclid={CLICK}")
        publish(page, "page_viewed")
        publish(page, "product_viewed", productVariant=VARIANT)
        page.evaluate("agree", {**ALLOWED, "saleOfDataAllowed": False})
        publish(page, "checkout_started", checkout=CHECKOUT)
        (row,) = wait_for_stored(proxy, 1)
    assert (row.event, row.consent) == ("InitiateCheckout", "limited")
    page.wait_for_function("document.cookie.includes('ttclid=')")


def test_an_order_that_was_not_taken_is_told_again(page: Page, shop: Recorder, open_shop: Open) -> None:
    """On its page; and from the next page, without what was told of the shopper."""
    proxy = open_proxy(open_shop)
    door = Door(proxy)
    door.is_down = True
    with serve(door) as url:
        for path in ("/", "/next"):
            put_in(shop, url + "/t/e", path)
        page.goto(shop.url)
        publish(page, "checkout_completed", checkout=CHECKOUT)
        door.wait_for(2)
        kept = page.evaluate("localStorage.pixelpair_orders")
        assert CHECKOUT["token"] in kept
        assert "amina" not in kept
        assert "612345678" not in kept
        door.is_down = False
        page.goto(shop.url + "/next")
        page.wait_for_function("localStorage.pixelpair_orders == '[]'")
        page.goto(shop.url + "/next?")
        publish(page, "page_viewed")
        wait_for_stored(proxy, 2)
    assert [(report["event"], report.get("retry")) for report in door.told] == [
        ("PlaceAnOrder", None),
        ("PlaceAnOrder", 1),
        ("PlaceAnOrder", 1),
        ("Pageview", None),
    ]
    first, again, next_page, _ = door.told
    assert (again["user"], next_page.get("user")) == (first["user"], None)
    assert first["time"] == again["time"] == next_page["time"]
    assert {row.event_id for row in proxy.stored()} >= {CHECKOUT["token"]}
