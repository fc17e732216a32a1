"""S14, request forgery through an address that somebody gives us: neither ``check URL`` nor a setting makes this
machine ask its own network, its cloud's metadata, or a file."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.check.fetching import MOST_REDIRECTS, fetch, is_public, unfit
from proxy.errors import SettingsError
from proxy.settings import load
from tests.listener import http
from tests.shop_page import Shop, html, running

# What each stands for: loopback, private, link-local (metadata), shared, unspecified, documentation, benchmark,
# multicast, reserved, broadcast; and IPv6's own, and those that carry an IPv4 address inside.
NOT_PUBLIC = """
127.0.0.1 127.8.9.1 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0
0.1.2.3 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.0.1
::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 100::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
2002:7f00:1:: 2002:c0a8:1:: 2001:0:4136:e378:8000:63bf:80ff:fffe
localhost 127.1 nonsense
""".split()  # noqa: SIM905
PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 2606:4700:4700::1111 64:ff9b::808:808 ::ffff:8.8.8.8".split()  # noqa: SIM905


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_s14_this_address_is_never_connected_to(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_s14_a_shop_may_have_this_address(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def inside() -> Iterator[Shop]:
    """A server on this machine that nobody outside should reach through us."""
    with running() as one:
        yield one


HOSTS = "127.0.0.1 localhost 127.1 2130706433 0x7f000001 0177.0.0.1 0.0.0.0 [::ffff:127.0.0.1] 127.0.0.1.".split()  # noqa: SIM905


@pytest.mark.parametrize("host", HOSTS)
def test_s14_no_spelling_of_this_machine_is_asked(host: str, inside: Shop) -> None:
    answer = fetch(f"http://{host}:{inside.port}/")
    assert (answer.status, answer.body) == (None, b"")
    assert answer.failure
    assert inside.connections == 0


URLS = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://shop.example/",
    "gopher://127.0.0.1:25/",
    "dict://x/",
    "data:text/html,x",
    "javascript:alert(1)",
    "//shop.example/",
    "shop.example",
    "http:///",
    "http://@127.0.0.1/",
    "http://a:b@shop.example/",
    "http://shop.example\\@127.0.0.1/",
    "http://[::1",
    "http://x:99999/",
    "http://x:0/",
    "http://ünïcode/",
]


@pytest.mark.parametrize("url", [*URLS, "http://shop.example/\r\nHost: x", "http://shop .example/", ""])
def test_s14_only_plain_addresses_of_http_are_fetched(url: str) -> None:
    assert unfit(url)
    assert fetch(url, allow_local=True).status is None


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"]
)
@pytest.mark.parametrize("hops", range(MOST_REDIRECTS))
def test_s14_a_redirect_is_judged_like_the_first_address(target: str, hops: int, inside: Shop) -> None:
    for hop in range(hops):
        inside.pages[f"/{hop}"] = http(b"", "302 Found", f"Location: /{hop + 1}\r\n")
    inside.pages[f"/{hops}"] = http(b"", "302 Found", f"Location: {target}\r\n")
    answer = fetch(f"{inside.url}0", allow_local=True)
    assert (answer.status, answer.url) == (None, target)
    assert "no public address" in answer.failure or "only http" in answer.failure
    assert inside.connections >= 1


def test_s14_a_circle_of_redirects_is_left_after_the_second(inside: Shop) -> None:
    inside.pages["/"] = http(b"", "302 Found", "Location: /\r\n")
    assert "redirects" in fetch(inside.url, allow_local=True).failure
    assert len(inside.asked) == 1 + MOST_REDIRECTS


def test_s14_a_page_outside_cannot_lead_to_this_machine(inside: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public page is stood in for by one that alone is let through; what it leads to is judged by the real rule."""
    inside.pages["/secret"] = html("secret")
    with running() as outside:
        outside.pages["/"] = http(b"", "302 Found", f"Location: http://127.0.0.1:{inside.port}/secret\r\n")
        resolve = socket.getaddrinfo

        def look_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
            if host == "shop.example":
                # An address that is judged public, and that a connection below turns to the server of the test.
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]
            return resolve(host, port, *rest, **more)

        connect = socket.socket.connect

        def lead(sock: socket.socket, address: Any) -> None:
            connect(sock, ("127.0.0.1", outside.port) if address[0] == "8.8.8.8" else address)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr(socket.socket, "connect", lead)
        answer = fetch("http://shop.example/")
        assert outside.connections == 1
    assert inside.connections == 0
    assert (answer.status, answer.url) == (None, f"http://127.0.0.1:{inside.port}/secret")
    assert "127.0.0.1, which is no public address" in answer.failure


def test_s14_a_name_that_turns_is_judged_by_the_answer_that_is_used(
    inside: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public at the first look-up, this machine at the next. There is no next one for a connection."""
    told = iter(["8.8.8.8", "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    tried: list[Any] = []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(told), port))]

    def refuse(_sock: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert fetch(f"http://turns.example:{inside.port}/").status is None
    assert (asked, tried) == (["turns.example"], ["8.8.8.8"])
    assert fetch(f"http://turns.example:{inside.port}/").status is None
    assert tried == ["8.8.8.8"], "what turned inward was not even tried"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_s14_no_proxy_of_the_environment_is_used(variable: str, inside: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as middle:
        monkeypatch.setenv(variable, middle.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert fetch(inside.url, allow_local=True).status == 200
        assert (inside.connections, middle.connections) == (1, 0)


def test_s14_nothing_but_the_question_is_sent(inside: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login me password canary-password\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    inside.pages["/"] = http(b"", "302 Found", "Location: /next\r\nSet-Cookie: canary=1\r\n")
    inside.pages["/next"] = html("there")
    assert fetch(inside.url, allow_local=True).body == b"there"
    names = [{line.split(b":")[0].lower() for line in one.split(b"\r\n")[1:] if line} for one in inside.asked]
    assert names == [{b"host", b"user-agent", b"accept", b"accept-encoding"}] * 2
    assert not any(b"canary" in one for one in inside.asked)


TIKTOK_URLS = """
file:///etc/passwd http://business-api.tiktok.com http://169.254.169.254 http://10.0.0.1 http://127.0.0.1.evil.example
https://user:pass@business-api.tiktok.com https://business-api.tiktok.com/elsewhere https://business-api.tiktok.com?x=1
ftp://business-api.tiktok.com //business-api.tiktok.com
""".split()  # noqa: SIM905


@pytest.mark.parametrize("url", TIKTOK_URLS)
@pytest.mark.parametrize("name", ["PIXELPAIR_TIKTOK_URL", "PIXELPAIR_PIXEL_URL"])
def test_s14_the_settings_take_no_such_address_for_tiktok(name: str, url: str) -> None:
    environ = {"PIXELPAIR_PIXEL_CODE": "C4EXAMPLE0PIXEL0CODE", "PIXELPAIR_ACCESS_TOKEN": "a-token", name: url}
    with pytest.raises(SettingsError, match=name):
        load(None, environ, None)
