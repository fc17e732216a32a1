"""The page's rules for nginx and Caddy in the real servers, its Worker in Node: which address of a shopper comes in."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import requests

from e2e.serving import serve
from tests.install.snippets import PAGE, replaced, snippet
from tests.listener import Listener, http, read_request
from tests.orders.conftest import program
from tests.program import CEILING, free_ports, wait_for
from tests.web.conftest import BROWSER, event, open_shop

__all__ = ["event", "open_shop", "program"]

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {rule}
        location / {{ return 200 "the shop"; }}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    {rule}
    respond "the shop"
}}
"""
RULES = {
    "nginx": (NGINX, snippet("1. Mount the proxy under `/t`", "nginx")),
    "caddy": (CADDY, snippet("1. Mount the proxy under `/t`", "caddyfile")),
}
SHOPPER = "8.8.8.8"


@contextmanager
def web_server(name: str, path: str, rule: str, folder: Path) -> Iterator[str]:
    """The shop's web server with the page's rule in it; its address."""
    (port,) = free_ports(1)
    folder = folder / name
    folder.mkdir()
    config = folder / "config"
    config.write_text(RULES[name][0].format(folder=folder, port=port, rule=rule))
    words = {
        "nginx": [path, "-p", str(folder), "-c", str(config), "-e", "stderr"],
        "caddy": [path, "run", "--config", str(config), "--adapter", "caddyfile"],
    }[name]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            words, stdout=output, stderr=output, env={"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, log.read_text()
        return requests.get(url, timeout=CEILING).text == "the shop"

    try:
        wait_for(answers, log.read_text)
        yield url
    finally:
        server.terminate()
        server.wait(CEILING)


@pytest.mark.parametrize("name", RULES)
def test_what_the_rule_passes_on(name: str, program: Any, tmp_path: Path) -> None:
    """The shop's own host, the address that the web server saw, and no header that some servers take for that."""
    path = program(name)
    asked: list[bytes] = []

    def proxy(connection: socket) -> None:
        while request := read_request(connection):
            asked.append(request)
            connection.sendall(http(b"{}"))

    listener = Listener(proxy)
    try:
        rule = replaced(RULES[name][1], "127.0.0.1:8080", listener.url.removeprefix("http://"))
        with web_server(name, path, rule, tmp_path) as url:
            requests.post(f"{url}/t/e", "{}", headers={"X_Forwarded_For": "9.9.9.9"}, timeout=CEILING)
    finally:
        listener.stop()
    (request,) = asked
    lines = request.decode().partition("\r\n\r\n")[0].lower().split("\r\n")
    assert lines[0].startswith("post /t/e ")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert (headers["host"], headers["x-forwarded-for"]) == (url.removeprefix("http://"), "127.0.0.1")
    assert "x_forwarded_for" not in headers


def tell(url: str, event: Callable[..., dict[str, Any]], **headers: str) -> None:
    """A report as a browser on this page sends it; ``headers`` are those that others on the way have put there."""
    named = {**BROWSER, "Host": url.removeprefix("http://"), "Origin": url, **headers}
    answer = requests.post(f"{url}/t/e", json.dumps(event()), headers=named, timeout=CEILING)
    assert answer.status_code == 202, answer.text


def address_behind(hops: int, rule: str, name: str, path: str, folder: Path, open_shop: Any, event: Any) -> str | None:
    """The shopper's address in the event that is stored; he, or a CDN, says ``X-Forwarded-For: 8.8.8.8``."""
    shop = open_shop(PIXELPAIR_TRUSTED_HOPS=str(hops), PIXELPAIR_DOMAINS="127.0.0.1")
    with (
        serve(shop.app) as proxy,
        web_server(name, path, replaced(rule, "127.0.0.1:8080", proxy.removeprefix("http://")), folder) as url,
    ):
        assert requests.get(f"{url}/t/readyz", timeout=CEILING).status_code == 200
        tell(url, event, **{"X-Forwarded-For": SHOPPER})
        (row,) = shop.stored()
    address: str | None = json.loads(row.body)["user"].get("ip")
    return address


@pytest.mark.parametrize("name", RULES)
def test_the_rule_alone_takes_no_shoppers_word(
    name: str, program: Any, tmp_path: Path, open_shop: Any, event: Any
) -> None:
    """The address is the one that the web server saw: 127.0.0.1 here, which is not sent, and never what was told."""
    path = program(name)
    assert address_behind(1, RULES[name][1], name, path, tmp_path, open_shop, event) is None


def test_nginx_behind_a_cdn(program: Any, tmp_path: Path, open_shop: Any, event: Any) -> None:
    path = program("nginx")
    assert address_behind(2, RULES["nginx"][1], "nginx", path, tmp_path, open_shop, event) == SHOPPER


@pytest.mark.parametrize(("trusted", "address"), [("127.0.0.1/32", SHOPPER), ("192.0.2.0/24", None)])
def test_caddy_behind_a_cdn(
    trusted: str, address: str | None, program: Any, tmp_path: Path, open_shop: Any, event: Any
) -> None:
    path = program("caddy")
    told = "reverse_proxy 127.0.0.1:8080 { trusted_proxies 192.0.2.0/24 }"
    assert told in PAGE
    lines = told.replace("{ ", "{\n").replace(" }", "\n}").replace("192.0.2.0/24", trusted)
    rule = replaced(RULES["caddy"][1], "reverse_proxy 127.0.0.1:8080", lines)
    assert address_behind(2, rule, "caddy", path, tmp_path, open_shop, event) == address


WORKER = """
const [code, from] = process.argv.slice(1);
const asked = [];
globalThis.fetch = async (request, options) => {
  const {url, method, headers} = request;
  asked.push({url, method, body: await request.text(), headers: Object.fromEntries(headers), ...options});
  return new Response("passed on", {status: 202});
};
const worker = await import("data:text/javascript," + encodeURIComponent(code));
const headers = {"CF-Connecting-IP": from, "X-Forwarded-For": "9.9.9.9", "Content-Type": "text/plain", Cookie: "a=b"};
const told = {method: "POST", body: "told", headers, duplex: "half"};
const answer = await worker.default.fetch(new Request("https://shop.example/t/e?site=uk", told));
console.log(JSON.stringify({asked, status: answer.status, text: await answer.text()}));
"""


def test_the_worker(program: Any) -> None:
    worker = snippet("1. Mount the proxy under `/t`", "js")
    words = [program("node"), "--input-type=module", "-e", WORKER, worker, SHOPPER]
    done = subprocess.run(words, capture_output=True, text=True, timeout=CEILING)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["text"]) == (202, "passed on")
    (asked,) = told["asked"]
    assert asked["url"] == "https://pixelpair.example.net/t/e?site=uk"
    assert (asked["method"], asked["body"], asked["redirect"]) == ("POST", "told", "manual")
    kept = {name: asked["headers"][name] for name in ("x-forwarded-for", "content-type", "cookie")}
    assert kept == {"x-forwarded-for": SHOPPER, "content-type": "text/plain", "cookie": "a=b"}
