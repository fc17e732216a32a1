"""Only a browser on this machine that came directly sees the operator's pages, and it can only read."""

import hashlib
import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from proxy.assets import asset_dir
from proxy.operator.app import create_app
from proxy.outbox.store import Outbox
from proxy.serving import Server
from tests.operator.conftest import NOW, settings

DOORS = ["/", "/events", "/events.json", "/event/1", "/static/operator.css", "/vendor/htmx.min.js", "/nowhere"]
FORWARDING = [
    "X-Forwarded-For",
    "x-forwarded-for",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Forwarded",
    "Forwarded",
    "Forwarded-For",
    "Via",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Original-URL",
    "X-Envoy-External-Address",
    "True-Client-IP",
    "Fastly-Client-IP",
    "CF-Connecting-IP",
    "CF-Ray",
    "CDN-Loop",
    "X-Amzn-Trace-Id",
    "X-Cloud-Trace-Context",
]
LOOPBACK = ["127.0.0.1", "127.0.0.1:8082", "127.1.2.3:1", "localhost", "LOCALHOST:8082", "[::1]", "[::1]:8082"]
ELSEWHERE = [
    "",
    "shop.example",
    "shop.example:8082",
    "localhost.shop.example",
    "127.0.0.1.shop.example",
    "127.0.0.1@shop.example",
    "shop.example#127.0.0.1",
    "10.0.0.1",
    "0.0.0.0",
    "[::]",
    "[2001:db8::1]:8082",
    "2130706433",
    "localhost:8082:1",
    "localhost, shop.example",
    " localhost",
]


@pytest.mark.parametrize("path", DOORS)
def test_a_request_that_came_through_a_proxy_is_refused_by_the_headers_name(client: FlaskClient, path: str) -> None:
    for header in FORWARDING:
        answer = client.get(path, headers={header: "1"})
        assert answer.status_code == 403, header
        assert header.title() in answer.text.title()


def test_an_ordinary_browsers_headers_pass(client: FlaskClient) -> None:
    sent = {"User-Agent": "x", "Accept": "*/*", "Sec-Fetch-Site": "none", "Cookie": "a=b", "HX-Request": "true"}
    assert client.get("/", headers=sent).status_code == 200


def test_loopback_hosts_pass(client: FlaskClient) -> None:
    for host in LOOPBACK:
        assert client.get("/", environ_overrides={"HTTP_HOST": host}).status_code == 200, host


@pytest.mark.parametrize("path", DOORS)
def test_any_other_host_is_refused(client: FlaskClient, path: str) -> None:
    for host in ELSEWHERE:
        answer = client.get(path, environ_overrides={"HTTP_HOST": host})
        assert answer.status_code == 403, host
        assert "127.0.0.1" in answer.text


def test_an_address_elsewhere_is_refused(client: FlaskClient) -> None:
    for address in ("10.0.0.9", "203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7", "", "nonsense"):
        assert client.get("/", environ_overrides={"REMOTE_ADDR": address}).status_code == 403, address


@pytest.mark.parametrize("path", DOORS)
def test_every_method_but_reading_is_405(client: FlaskClient, path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD"), method


@pytest.mark.parametrize("path", [*DOORS, "/?state=nonsense"])
def test_every_answer_carries_the_closing_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_refusal_carries_them_too(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Via": "1.1 caddy"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "text/plain"


def test_the_server_hands_forwarding_headers_through_to_the_guard(
    outbox: Outbox, raw_get: Callable[[int, bytes], bytes]
) -> None:
    """waitress clears them by default, and then every request of a reverse proxy would look direct."""
    server = Server(create_app(outbox, settings(), lambda: NOW), "127.0.0.1", 0, threads=1)
    port = server._listeners[0].effective_port
    server.start()
    try:
        assert raw_get(port, b"Host: localhost\r\n").startswith(b"HTTP/1.1 200")
        assert raw_get(port, b"Host: localhost\r\nX-Forwarded-For: 203.0.113.7\r\n").startswith(b"HTTP/1.1 403")
        assert raw_get(port, b"Host: localhost\r\nForwarded: for=203.0.113.7\r\n").startswith(b"HTTP/1.1 403")
    finally:
        server.stop()


def test_pages_hold_no_inline_script_or_style_and_htmx_may_make_none(client: FlaskClient) -> None:
    page = client.get("/").text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", page)
    config = re.search(r"""name="htmx-config" content='([^']+)'""", page)
    assert config is not None
    told = json.loads(config[1])
    assert (told["includeIndicatorStyles"], told["allowEval"], told["allowScriptTags"]) == (False, False, False)


def test_vendored_files_are_those_of_the_manifest() -> None:
    folder = asset_dir("static") / "vendor"
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {"manifest.json"}
    for name, about in manifest.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"], name
        assert (folder / about["licence_file"]).read_text().strip(), name
        assert {"name", "version", "licence"} <= about.keys(), name
        listed |= {name, about["licence_file"]}
    assert {path.name for path in folder.iterdir()} == listed


def test_only_files_of_the_manifest_are_served(client: FlaskClient) -> None:
    assert client.get("/vendor/htmx.min.js", buffered=True).mimetype.endswith("javascript")
    for path in ("/vendor/manifest.json", "/vendor/../tag/core.js", "/static/../vendor/manifest.json"):
        assert client.get(path).status_code == 404
