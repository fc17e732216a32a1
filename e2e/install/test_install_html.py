"""Plain HTML, Tag Manager, single-page apps and the Content-Security-Policy: the page's snippets in Chromium."""

import hashlib
import html
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document
from tests.install.snippets import PAGE, replaced, snippet

pytestmark = pytest.mark.only_browser("chromium")

Pair = Callable[[str], dict[str, Any]]
SHIRT = {"content_id": "1077218", "content_type": "product", "content_name": "Shirt", "price": 349, "quantity": 1}


def tag() -> str:
    return snippet("Plain HTML", "html", 0)


def product_page() -> str:
    return snippet("Plain HTML", "html", 1)


def thank_you(placed: float) -> str:
    return replaced(snippet("Plain HTML", "html", 3), "1795521628", str(int(placed)))


def test_a_product_page(page: Page, shop: Recorder, pair: Pair) -> None:
    shop.pages["/"] = document(product_page(), tag=tag())
    page.goto(shop.url)
    assert pair("Pageview")["url"] == shop.url + "/"
    properties = pair("ViewContent")["properties"]
    assert (properties["contents"], properties["value"], properties["currency"]) == ([SHIRT], 349, "MAD")
    shop.settle(page, 2)


def test_a_page_that_calls_nothing_needs_no_stub(page: Page, shop: Recorder, pair: Pair) -> None:
    stub, script = tag().splitlines()
    assert "tag.js" not in stub
    shop.pages["/"] = document(tag=script)
    page.goto(shop.url)
    pair("Pageview")


def test_a_button(page: Page, shop: Recorder, pair: Pair) -> None:
    shop.pages["/"] = document(snippet("Plain HTML", "html", 2), tag=tag())
    page.goto(shop.url)
    page.click("text=Add to cart")
    properties = pair("AddToCart")["properties"]
    shirt = {name: value for name, value in SHIRT.items() if name != "content_name"}
    assert (properties["contents"], properties["value"], properties["currency"]) == ([shirt], 349, "MAD")


def test_a_thank_you_page(page: Page, shop: Recorder, pair: Pair) -> None:
    now = time.time()
    shop.pages["/"] = document(thank_you(now), tag=tag())
    page.goto(shop.url)
    report = pair("PlaceAnOrder")
    facts = {name: report[name] for name in ("key", "placed", "ticket", "properties")}
    assert facts == {
        "key": "wc_order_8mQ2xVw4Zt7Lc",
        "placed": int(now),
        "ticket": "eyJzIjoi…",
        "properties": {"value": 349, "currency": "MAD"},
    }
    hashed = {
        name: hashlib.sha256(raw.encode()).hexdigest()
        for name, raw in {"email": "amina@example.com", "phone": "+212612345678"}.items()
    }
    # A hash that is not ready in the tick of the call is left to the proxy.
    told = {"email": "amina@example.com", "phone": "+212612345678"}
    assert {name: report["user"][name] in (hashed[name], told[name]) for name in hashed} == dict.fromkeys(hashed, True)
    page.wait_for_function("localStorage.pixelpair")
    page.reload()
    page.evaluate("pixelpair('Contact')")
    pair("Contact")
    pair("PlaceAnOrder")


def test_a_thank_you_page_opened_again_after_a_day_tells_nothing(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(thank_you(time.time() - 90_000), tag=tag())
    page.goto(shop.url)
    shop.wait_for_reports("Pageview", 1)
    shop.settle(page, 1)


def test_consent(page: Page, shop: Recorder, pair: Pair) -> None:
    script, banner = snippet("Plain HTML", "html", 4).splitlines()
    shop.pages["/"] = document(banner, tag=script)
    page.goto(shop.url, wait_until="networkidle")
    assert shop.reports == []
    assert shop.pixel_events() == []
    assert page.evaluate("[document.cookie, localStorage.length, !!window.ttq]") == ["", 0, False]
    page.click("text=I agree")
    pair("Pageview")


# Tag Manager sets up the scripts of a Custom HTML tag anew, without attributes that it does not know.
TAG_MANAGER = """html => {
  const holder = document.createElement("div");
  holder.innerHTML = html;
  for (const given of holder.querySelectorAll("script")) {
    const script = document.createElement("script");
    for (const name of ["src", "type", "async", "defer", "id", "nonce"])
      if (given.hasAttribute(name)) script.setAttribute(name, given.getAttribute(name));
    script.text = given.text;
    document.body.append(script);
  }
}"""


def test_tag_manager(page: Page, shop: Recorder, pair: Pair) -> None:
    shop.pages["/"] = document(tag="")
    page.goto(shop.url)
    page.evaluate(TAG_MANAGER, snippet("Google Tag Manager", "html"))
    page.evaluate("pixelpair('Contact')")
    pair("Pageview")
    pair("Contact")


def test_tag_manager_with_consent(page: Page, shop: Recorder, pair: Pair) -> None:
    shop.pages["/"] = document(tag="")
    page.goto(shop.url)
    held = 'pixelpair("consent", "held");'
    page.evaluate(TAG_MANAGER, replaced(snippet("Google Tag Manager", "html"), "};", "};" + held))
    page.wait_for_load_state("networkidle")
    assert shop.reports == []
    page.evaluate("pixelpair('consent', 'granted')")
    pair("Pageview")


def test_a_single_page_app(page: Page, shop: Recorder, pair: Pair) -> None:
    code = snippet("Single-page apps", "js")
    # The module comes first, so that its first call finds no tag yet.
    app = f"<script type=module>{code}\nwindow.added = added; tell('Contact');</script>"
    _, script = tag().splitlines()
    assert f"`{script}`" in PAGE
    shop.pages["/"] = document(head=app, tag=script)
    page.goto(shop.url)
    pair("Contact")
    page.evaluate("added({id: '1077218', price: 349})")
    assert pair("AddToCart")["properties"]["content_ids"] == ["1077218"]
    page.evaluate("history.pushState({}, '', '/cart')")
    first, second = shop.wait_for_reports("Pageview", 2)
    assert (first["url"], second["url"]) == (shop.url + "/", shop.url + "/cart")
    assert first["view"] != second["view"]


def guarded(shop: Recorder, policy: str, body: str = "") -> str:
    """A page under this policy, with the sandbox in TikTok's place."""
    policy = replaced(policy, "https://analytics.tiktok.com", shop.sandbox)
    head = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
    return document(body, head=head, tag=snippet("Content-Security-Policy", "html"))


def policy() -> str:
    """The page's own lines, in a policy that allows nothing else but inline scripts by nonce."""
    text = replaced(snippet("Content-Security-Policy", ""), "script-src 'self'", "script-src 'self' 'nonce-R4nd0m'")
    return "default-src 'none'; " + " ".join(text.split())


def test_the_policy_lets_both_legs_through(page: Page, shop: Recorder, pair: Pair) -> None:
    broken: list[str] = []
    page.expose_function("broken", lambda directive: broken.append(directive))
    page.add_init_script("addEventListener('securitypolicyviolation', event => broken(event.violatedDirective))")
    shop.pages["/"] = guarded(shop, policy(), '<script nonce="R4nd0m">pixelpair("Contact")</script>')
    page.goto(shop.url)
    pair("Pageview")
    pair("Contact")
    shop.settle(page, 2)
    assert broken == []


@pytest.mark.parametrize("without", ["script-src", "connect-src"])
def test_each_line_of_the_policy_is_needed(page: Page, shop: Recorder, without: str) -> None:
    """With TikTok's hosts out of one line, the pixel leg does not come; the server leg does."""
    lines = [line.strip() for line in policy().split(";")]
    kept = [line.split(" https://")[0] if line.startswith(without) else line for line in lines]
    # By its nonce a script is let in from anywhere.
    tag = snippet("Content-Security-Policy", "html").replace('nonce="R4nd0m" src', "src")
    shop.pages["/"] = guarded(shop, "; ".join(kept)).replace(snippet("Content-Security-Policy", "html"), tag)
    page.goto(shop.url, wait_until="networkidle")
    shop.wait_for_reports("Pageview", 1)
    assert shop.pixel_events() == []
