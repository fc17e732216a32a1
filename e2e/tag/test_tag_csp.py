"""Pages with a strict Content-Security-Policy: the tag and TikTok's script run, and nothing is reported."""

import threading

import pytest
from flask import Response, request
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document

NONCED = '<script nonce="abc" src="/t/tag.js" defer></script>'
VIOLATIONS = (
    '<script nonce="abc">addEventListener("securitypolicyviolation", event => fetch("/violation", {method: "POST",'
    ' keepalive: true, body: event.violatedDirective + " " + event.blockedURI}))</script>'
)


@pytest.fixture
def violations(shop: Recorder) -> list[str]:
    """What the browser refused, in its own words."""
    refused: list[str] = []
    lock = threading.Lock()

    def tell() -> Response:
        with lock:
            refused.append(request.get_data(as_text=True))
        return Response(status=204)

    shop.pages["/violation"] = tell
    return refused


def _strict(shop: Recorder, policy: str, body: str = "", tag: str = NONCED) -> None:
    """The page under a policy that lets the shop, and the sandbox as TikTok, answer; all else as ``policy`` says."""
    rules = f"default-src 'none'; img-src 'self'; connect-src 'self' {shop.sandbox}; base-uri 'none'; {policy}"
    shop.pages["/"] = lambda: Response(
        document(body, head=VIOLATIONS, tag=tag), mimetype="text/html", headers={"Content-Security-Policy": rules}
    )


@pytest.mark.parametrize("policy", ["script-src 'nonce-abc'", "script-src 'nonce-abc' 'strict-dynamic'"], ids=len)
def test_a_nonce_reaches_tiktoks_script(page: Page, shop: Recorder, violations: list[str], policy: str) -> None:
    _strict(shop, policy, "<button data-pixelpair-event=Contact>Call</button>")
    page.goto(shop.url)
    page.click("button")
    assert_pairs(shop, "Pageview", "Contact")
    assert violations == []


def test_a_policy_of_hosts_alone_is_enough(page: Page, shop: Recorder, violations: list[str]) -> None:
    """No eval, no inline script, no inline style."""
    _strict(shop, f"script-src 'self' 'nonce-abc' {shop.sandbox}", tag="<script src=/t/tag.js defer></script>")
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
    assert violations == []


def test_a_policy_that_refuses_tiktok_leaves_the_server_leg(page: Page, shop: Recorder) -> None:
    _strict(shop, "script-src 'self' 'nonce-abc'", tag="<script src=/t/tag.js defer></script>")
    page.goto(shop.url)
    page.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd")
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] == "blocked"
    assert shop.pixel_events() == []


def test_trusted_types_with_the_pages_own_default_policy(page: Page, shop: Recorder, violations: list[str]) -> None:
    default = "<script nonce=abc>trustedTypes.createPolicy('default', {createScriptURL: url => url})</script>"
    _strict(shop, "script-src 'nonce-abc'; require-trusted-types-for 'script'", tag=default + NONCED)
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
    assert violations == []


@pytest.mark.parametrize("names", ["", "; trusted-types pixelpair"], ids=["any policy", "a policy by its name"])
def test_trusted_types_do_not_refuse_tiktoks_script(
    page: Page, shop: Recorder, violations: list[str], names: str
) -> None:
    _strict(shop, f"script-src 'nonce-abc'; require-trusted-types-for 'script'{names}")
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Contact")
    assert violations == []


def test_trusted_types_that_allow_no_policy_leave_the_server_leg(page: Page, shop: Recorder) -> None:
    _strict(shop, "script-src 'nonce-abc'; require-trusted-types-for 'script'; trusted-types 'none'")
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert shop.wait_for_reports("Contact", 1)[0]["pixel"] in ("blocked", "unknown")
    shop.wait_for_reports("Pageview", 1)
