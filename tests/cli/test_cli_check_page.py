"""``pixelpair check URL``: each fault of a shop's page has its line, and what is right passes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from proxy.check import fetching
from proxy.cli.opening import now_ms
from proxy.outbox.store import Outbox
from tests.listener import http, make_certificate, reset, server_tls
from tests.shop_page import GOOD, PIXEL, STUB, TAG, Flood, Shop, TikTok, drip, html, running, script, tag

Told = Callable[..., Any]
Pixelpair = Callable[..., Result]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running() as one:
        yield one


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings of the same site as the shop's tag."""
    tiktok = TikTok()
    settings = f"""
outbox_url = "sqlite:///outbox.db"
tiktok_url = "{tiktok.url}"
[sites.shop]
domains = ["localhost"]
pixel_code = "{PIXEL}"
access_token = "sandbox-token"
"""
    (folder / "pixelpair.toml").write_text(settings)
    yield folder
    tiktok.stop()


@pytest.fixture
def nothing(folder: Path) -> Path:
    """A folder without settings."""
    (folder / "pixelpair.toml").unlink()
    return folder


def bad(told: Any) -> list[tuple[str, str]]:
    return [(line["check"], line["level"]) for line in told["lines"] if line["level"] != "pass"]


def line_of(told: Any, check: str, level: str) -> dict[str, str]:
    [line] = [line for line in told["lines"] if (line["check"], line["level"]) == (check, level)]
    assert line["cure"], "what does not pass says what to do"
    return line


NO_SETTINGS = ("settings", "warn")


def test_a_good_page_passes_without_any_settings(nothing: Path, told: Told, shop: Shop) -> None:
    found = told("check", shop.url, "--allow-local")
    assert bad(found) == [NO_SETTINGS]
    assert found["ok"]
    assert {line["check"] for line in found["lines"]} == {
        *("settings", "page", "https", "tag", "stub", "tag file", "site", "policy", "others", "cookies", "path"),
    }


def csp(policy: str, page: str = GOOD) -> bytes:
    return html(page, f"Content-Security-Policy: {policy}\r\n")


HOSTS = "https://analytics.tiktok.com https://analytics-ipv6.tiktokw.us https://ads.tiktok.com"
NONCED = GOOD.replace("<script", '<script nonce="n1"')
OWN_SNIPPET = (
    f"<script>!function(w,d,t){{var ttq=w[t]=w[t]||[];ttq.load('{PIXEL}');ttq.page()}}(window,document,'ttq')</script>"
)
COOKIE = "Set-Cookie: cart=1; Path=/\r\n"

FAULTS: dict[str, tuple[dict[str, Any], str, str, str, str]] = {
    "no tag": ({"/": html("<p>Hello")}, "tag", "fail", "no script", "the tag is not on this page"),
    "a tag in a comment": (
        {"/": html(f"{STUB}<!-- {TAG} -->")}, "tag", "fail", "no script", "the tag is not on this page"),
    "a tag in noscript": (
        {"/": html(f"{STUB}<noscript>{TAG}</noscript>")}, "tag", "fail", "no script", "the tag is not on this page"),
    "a tag that a consent tool holds": (
        {"/": html(STUB + TAG.replace("defer", 'defer type="text/plain"'))}, "tag", "warn", "held back", "installed"),
    "a tag without defer": (
        {"/": html(STUB + TAG.replace(" defer", ""))}, "tag", "warn", "holds the page up", "installed"),
    "calls without a stub": (
        {"/": html(f"{TAG}<script>pixelpair('Contact')</script>")}, "stub", "fail", "without the stub", "installed"),
    "no stub": ({"/": html(TAG)}, "stub", "warn", "no stub", "installed"),
    "no tag file": (
        {"/t/tag.js": html("", status="404 Not Found")}, "tag file", "fail", "404", "the proxy is unreachable"),
    "an unknown site": (
        {"/t/tag.js": http(b'console.error("pixelpair: No site of this name is set up here.");\n', "404 Not Found")},
        "tag file", "fail", "No site of this name", "the proxy is unreachable"),
    "another script": ({"/t/tag.js": script("alert(1)")}, "tag file", "fail", "no tag of Pixelpair", "unreachable"),
    "settings that are none": (
        {"/t/tag.js": script('(e=>{})(...["a",0])')},
        "tag file", "fail", "no tag of Pixelpair", "unreachable"),
    "a tag as text": (
        {"/t/tag.js": script(tag(), kind="text/plain")}, "tag file", "fail", "text/plain", "unreachable"),
    "a tag cached for a year": (
        {"/t/tag.js": script(tag(), "Cache-Control: max-age=31536000\r\n")},
        "tag file", "warn", "31,536,000", "installed"),
    "another host's tag": (
        {"/t/tag.js": script(tag(domains=["shop.example"]))}, "site", "fail", "silent on localhost", "wrong site"),
    "a policy without the tag": (
        {"/": csp(f"script-src 'nonce-n2' https://analytics.tiktok.com 'unsafe-inline'; connect-src 'self' {HOSTS}")},
        "policy", "fail", "the tag", "blocked"),
    "a policy without TikTok": (
        {"/": csp(f"script-src 'self' 'unsafe-inline'; connect-src 'self' {HOSTS}")},
        "policy", "fail", "TikTok's script", "blocked"),
    "a policy without inline": (
        {"/": csp("script-src 'self' https://analytics.tiktok.com")}, "policy", "fail", "stub", "blocked"),
    "a policy without reports": (
        {"/": csp(f"connect-src {HOSTS}")}, "policy", "fail", "its reports", "blocked"),
    "a policy without TikTok's reports": (
        {"/": csp("connect-src 'self' https://analytics.tiktok.com")}, "policy", "warn", "the pixel leg", "installed"),
    "a policy in a meta element": (
        {"/": html(f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">{GOOD}')},
        "policy", "fail", "the tag", "blocked"),
    "TikTok's own snippet": ({"/": html(GOOD + OWN_SNIPPET)}, "others", "warn", PIXEL, "installed"),
    "calls of ttq": (
        {"/": html(f"{GOOD}<script>ttq.track('Contact')</script>")}, "others", "warn", "ttq.track", "installed"),
    "TikTok's plugin": (
        {"/": html(f"{GOOD}<script src='/wp-content/plugins/tiktok-for-business/admin/js/ajaxSnippet.js'></script>")},
        "others", "warn", "WooCommerce plugin", "installed"),
    "a tag manager": (
        {"/": html(f"{GOOD}<script src='https://www.googletagmanager.com/gtm.js?id=GTM-ABC123'></script>")},
        "others", "warn", "GTM-ABC123", "installed"),
    "a tag manager in a frame": (
        {"/": html(f"{GOOD}<noscript><iframe src='https://www.googletagmanager.com/ns.html?id=GTM-ABC123'></iframe></noscript>")},
        "others", "warn", "GTM-ABC123", "installed"),
    "a cookie without SameSite": ({"/": html(GOOD, COOKIE)}, "cookies", "warn", "cart", "installed"),
    "a tag with a cookie": (
        {"/t/tag.js": script(tag(), COOKIE)}, "cookies", "warn", "the tag comes with a cookie", "installed"),
    "no proxy under /t": (
        {"/t/readyz": html("<p>404", status="404 Not Found")}, "path", "fail", "no proxy", "unreachable"),
    "a proxy that is full": (
        {"/t/readyz": http(b'{"status":"failing","reason":"the disk is full"}', "503 Busy")},
        "path", "fail", "the disk is full", "unreachable"),
    "a page that is not there": ({"/": html("", status="404 Not Found")}, "page", "fail", "404", "unreachable"),
    "a page that leads to a private address": (
        {"/": http(b"", "302 Found", "Location: http://10.1.2.3/\r\n")}, "page", "fail", "10.1.2.3", "unreachable"),
    "a page that leads to the machine's metadata": (
        {"/": http(b"", "302 Found", "Location: http://169.254.169.254/latest/\r\n")},
        "page", "fail", "169.254.169.254", "unreachable"),
    "a page that leads to a file": (
        {"/": http(b"", "302 Found", "Location: file:///etc/passwd\r\n")}, "page", "fail", "only http", "unreachable"),
    "a page that leads in a circle": (
        {"/": http(b"", "302 Found", "Location: /\r\n")}, "page", "fail", "2 redirects", "unreachable"),
    "a page that hangs up": ({"/": reset}, "page", "fail", "cut", "unreachable"),
    "a page that is no HTTP": ({"/": b"SSH-2.0-OpenSSH_9.2\r\n\r\n"}, "page", "fail", "not fetched", "unreachable"),
    "a page that was compressed unasked": (
        {"/": html(GOOD, "Content-Encoding: gzip\r\n")}, "page", "fail", "compressed", "unreachable"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_its_line(name: str, nothing: Path, told: Told, shop: Shop) -> None:
    pages, check, level, words, standing = FAULTS[name]
    shop.pages |= pages
    found = told("check", shop.url, "--allow-local", code=1 if level == "fail" else 0)
    assert words in line_of(found, check, level)["found"]
    assert bad(found) == [NO_SETTINGS, (check, level)], "and no other"
    assert standing in found["standing"]


GOOD_POLICIES = {
    "hosts": csp(f"default-src 'none'; script-src 'self' 'unsafe-inline' {HOSTS}; connect-src 'self' {HOSTS}"),
    "stars": csp("default-src 'self' 'unsafe-inline' https://*.tiktok.com https://*.tiktokw.us"),
    "a nonce": csp(f"script-src 'nonce-n1'; connect-src 'self' {HOSTS}", NONCED),
    "a nonce that trusts onward": csp("script-src 'nonce-n1' 'strict-dynamic'; connect-src *", NONCED),
    "one that only reports": html(GOOD, "Content-Security-Policy-Report-Only: default-src 'none'\r\n"),
    "one without scripts": csp("frame-ancestors 'none'; base-uri 'self'"),
}


@pytest.mark.parametrize("name", GOOD_POLICIES)
def test_a_policy_that_allows_passes(name: str, nothing: Path, told: Told, shop: Shop) -> None:
    shop.pages["/"] = GOOD_POLICIES[name]
    assert bad(told("check", shop.url, "--allow-local")) == [NO_SETTINGS]


# Where the connection's end is the page's, a page that was cut looks whole.
@pytest.mark.parametrize("head", [b"Content-Length: 1000000\r\n", b"Connection: close\r\n"])
def test_a_page_that_drips_ends_at_the_deadline(
    head: bytes, nothing: Path, told: Told, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    shop.pages["/"] = drip(head)
    found = told("check", shop.url, "--allow-local", code=1)
    assert "no whole answer" in line_of(found, "page", "fail")["found"]


def test_of_a_page_of_100_mb_only_its_start_is_read(nothing: Path, told: Told, shop: Shop) -> None:
    shop.pages["/"] = flood = Flood()
    found = told("check", shop.url, "--allow-local")
    assert "larger than 2 MiB" in line_of(found, "page", "warn")["found"]
    assert bad(found) == [NO_SETTINGS, ("page", "warn")], "the tag at its start was found"
    assert flood.sent < flood.whole / 2


def test_this_machine_is_looked_at_only_when_allowed(nothing: Path, told: Told, shop: Shop) -> None:
    found = told("check", shop.url, code=1)
    assert "no public address" in line_of(found, "page", "fail")["found"]
    assert shop.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://shop.example/", "file:///etc/passwd", "shop.example", "https://a:b@shop.example/"]
)
def test_what_is_no_address_of_a_page_is_wrong_usage(url: str, nothing: Path, pixelpair: Pixelpair) -> None:
    assert "Write URL like https://shop.example/" in pixelpair("check", url, code=2).output


class TestHttps:
    @pytest.fixture
    def safe(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Path]]:
        certificate = make_certificate(tmp_path_factory.mktemp("tls") / "cert.pem")
        with running(server_tls(certificate)) as one:
            yield one, certificate

    def test_a_certificate_that_nobody_trusts(self, nothing: Path, told: Told, safe: tuple[Shop, Path]) -> None:
        found = told("check", safe[0].url, "--allow-local", code=1)
        assert "do not trust its certificate (self-signed certificate)" in line_of(found, "page", "fail")["found"]

    def test_cookies_need_secure(
        self, nothing: Path, told: Told, safe: tuple[Shop, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop, certificate = safe
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        shop.pages["/"] = html(GOOD, "Set-Cookie: cart=1; SameSite=Lax\r\n")
        found = told("check", shop.url, "--allow-local")
        assert "cart" in line_of(found, "cookies", "warn")["found"]
        assert ("https", "fail") not in bad(found)

    def test_a_tag_by_http_is_refused_by_browsers(
        self, nothing: Path, told: Told, safe: tuple[Shop, Path], shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(safe[1]))
        safe[0].pages["/"] = html(STUB + TAG.replace("/t/", f"http://localhost:{shop.port}/t/"))
        found = told("check", safe[0].url, "--allow-local", code=1)
        assert "http on a page of https" in line_of(found, "tag", "fail")["found"]


class TestWithSettings:
    def test_all_of_it_passes_but_what_was_not_tried(self, here: Path, told: Told, shop: Shop, outbox: Outbox) -> None:
        found = told("check", shop.url, "--allow-local")
        assert bad(found) == [("pixel", "warn")]
        assert found["standing"] == "installed, no events yet"

    @pytest.mark.parametrize(
        ("tag_told", "words"),
        [({"site": "uk"}, "of the site uk"), ({"pixels": ["C4EXAMPLE0PIXEL0COD9"]}, "C4EXAMPLE0PIXEL0COD9")],
    )
    def test_the_tag_of_another_site(
        self, tag_told: dict[str, Any], words: str, here: Path, told: Told, shop: Shop, outbox: Outbox
    ) -> None:
        shop.pages["/t/tag.js"] = script(tag(**tag_told))
        found = told("check", shop.url, "--allow-local", code=1)
        assert words in line_of(found, "site", "fail")["found"]
        assert found["standing"] == "wrong site"

    def test_a_page_whose_events_arrive(
        self, here: Path, told: Told, shop: Shop, outbox: Outbox, put: Callable[..., int]
    ) -> None:
        put()
        assert told("check", shop.url, "--allow-local")["standing"] == "installed and receiving"
        shop.pages["/"] = html("<p>Hello")
        found = told("check", shop.url, "--allow-local", code=1)
        assert found["standing"] == "events, but the tag is not on this page"

    def test_events_of_last_week_are_not_receiving(
        self, here: Path, told: Told, shop: Shop, outbox: Outbox, put: Callable[..., int]
    ) -> None:
        put(age=7 * 86_400_000)
        assert told("check", shop.url, "--allow-local")["standing"] == "installed, no events since yesterday"

    def test_another_proxy_answers_the_page(self, here: Path, told: Told, shop: Shop, outbox: Outbox) -> None:
        outbox.remember("heartbeat", str(now_ms() - 3_000))
        shop.pages["/t/readyz"] = http(b'{"status":"ok","keeper_seen_ms_ago":1000}')
        found = told("check", shop.url, "--allow-local")
        assert "another Pixelpair" in line_of(found, "this proxy", "warn")["found"]

    def test_wrong_settings_still_let_the_page_be_seen(self, here: Path, told: Told, shop: Shop) -> None:
        (here / "pixelpair.toml").write_text('[sites.shop]\npixl_code = "x"\n')
        found = told("check", shop.url, "--allow-local", code=2)
        assert "pixl_code" in line_of(found, "settings", "fail")["found"]
        assert [line["check"] for line in found["lines"] if line["level"] == "pass"][:2] == ["page", "https"]


def test_words_of_the_page_cannot_command_a_terminal(nothing: Path, pixelpair: Pixelpair, shop: Shop) -> None:
    shop.pages["/"] = html(f"{STUB}<script src='/\x1b[2J\u202e/t/tag.js' defer></script>")
    assert set("\x1b\u202e") & set(pixelpair("check", shop.url, "--allow-local", code=1).output) == set()
