"""A sandbox and, on another port, a shop's page with the usual ttq snippet: two origins, as with the real TikTok."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page

from e2e.serving import serve
from proxy.sandbox.app import create_app

PIXEL = "COQDA8RC77U2TMR44LI0"

# The queue that shops paste into their pages, in our own words: it keeps every call until events.js takes over.
SNIPPET = """
window.TiktokAnalyticsObject = 'ttq';
const ttq = window.ttq = [];
ttq.methods = ['page', 'track', 'identify', 'instances', 'debug', 'on', 'off', 'once', 'ready', 'alias', 'group',
  'enableCookie', 'disableCookie', 'holdConsent', 'revokeConsent', 'grantConsent'];
ttq.setAndDefer = (target, method) => { target[method] = (...args) => { target.push([method, ...args]); }; };
for (const method of ttq.methods) ttq.setAndDefer(ttq, method);
ttq.instance = (id) => {
  const queue = (ttq._i && ttq._i[id]) || [];
  for (const method of ttq.methods) ttq.setAndDefer(queue, method);
  return queue;
};
ttq.load = (id, options) => {
  const base = '%SANDBOX%/i18n/pixel/events.js';
  ttq._i = ttq._i || {}; ttq._i[id] = []; ttq._i[id]._u = base;
  ttq._t = ttq._t || {}; ttq._t[id] = +new Date();
  ttq._o = ttq._o || {}; ttq._o[id] = options || {};
  const script = document.createElement('script');
  script.async = true;
  script.src = `${base}?sdkid=${id}&lib=ttq`;
  script.onload = () => { window.loaded = (window.loaded || 0) + 1; };
  document.head.append(script);
};
"""


class Sandbox:
    """The sandbox's address and what it received."""

    def __init__(self, app: Flask, address: str) -> None:
        self.address = address
        self.client = app.test_client()

    def received(self) -> dict[str, Any]:
        return self.client.get("/sandbox/received").get_json()

    def wait_for_pixel_events(self, page: Page, number: int) -> list[dict[str, Any]]:
        """The pixel's events once there are ``number``; a moment later there must not be more."""
        for _ in range(400):
            if len(self.received()["pixel_events"]) >= number:
                break
            page.wait_for_timeout(25)
        page.wait_for_timeout(100)
        events = self.received()["pixel_events"]
        assert len(events) == number, [(event["event"], event["pixel_code"]) for event in events]
        return events


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    app = create_app({PIXEL: "sandbox-token"})
    with serve(app) as address:
        yield Sandbox(app, address)


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[str]:
    """The address of a page with the snippet and nothing loaded; /other is a page without it."""
    app = Flask("shop")
    snippet = SNIPPET.replace("%SANDBOX%", sandbox.address)
    app.add_url_rule("/", "page", lambda: f"<!doctype html><title>Shop</title><script>{snippet}</script>")
    app.add_url_rule("/other", "other", lambda: "<!doctype html><title>Other</title>")
    with serve(app) as address:
        yield address
