"""S26: an error tells its sender what was wrong with the request, and nothing of the program behind the door."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from proxy import operator, sandbox, serving, shop, web
from proxy.sandbox.app import create_app as create_sandbox
from proxy.shop.app import create_app as create_shop
from tests.operator.conftest import PIXEL
from tests.program import Running, free_ports, wait_for
from tests.threats.operator_door import open_door
from tests.web.conftest import SHOP, Shop

SECRET = "what-only-the-program-knows"
TELLS = re.compile(rf"{SECRET}|Traceback|File \"|\.py\b|werkzeug|flask|waitress|granian|python|sqlite", re.IGNORECASE)
ASKED = [
    b"GET /nowhere HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"PUT /t/e HTTP/1.1\r\nHost: %b\r\nContent-Length: 0\r\n\r\n",
    b"POST /t/e HTTP/1.1\r\nHost: %b\r\nOrigin: http://%b\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n{",
    b"POST /t/e HTTP/1.1\r\nHost: %b\r\nContent-Type: text/xml\r\nContent-Length: 1\r\n\r\n<",
    b"GET /login HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET /?state=<script> HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET /t/tag.js?site=../../etc HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET /%%00%%ff HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET /static/../../pyproject.toml HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"NONSENSE\r\nHost: %b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %b\r\nContent-Length: x\r\n\r\n",
]


@contextmanager
def apps(folder: Path) -> Iterator[dict[str, Flask]]:
    (folder / "door").mkdir()
    proxy = Shop(folder, SHOP)
    try:
        with open_door(folder / "door") as door:
            yield {
                "proxy": proxy.app,
                "operator": door.app,
                "shop": create_shop(folder, tag_src="/t/tag.js", clock=lambda: 0.0),
                "sandbox": create_sandbox({PIXEL: "token"}),
            }
    finally:
        proxy.close()


@pytest.mark.parametrize("name", ["proxy", "operator", "shop", "sandbox"])
def test_a_fault_of_the_program_is_a_500_that_tells_nothing(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise RuntimeError(SECRET)

    with apps(tmp_path) as made:
        app = made[name]
        assert not app.debug
        app.add_url_rule("/fails", view_func=fails)
        if name == "operator":  # past the log-in, which would lead away from it
            app.before_request_funcs.clear()
        answer = app.test_client().get("/fails", headers={"Host": "127.0.0.1"})
    assert answer.status_code == 500
    assert not TELLS.search(answer.text)
    if name in ("proxy", "operator"):
        assert SECRET not in caplog.text
        assert "RuntimeError" in caplog.text


def test_nowhere_in_the_program_is_the_debug_mode_switched_on() -> None:
    for room in (operator, sandbox, serving, shop, web):
        sources = sorted(Path(room.__path__[0]).rglob("*.py"))
        assert sources
        for source in sources:
            assert not re.search(r"debug\s*=\s*True|\.run\(|DebuggedApplication", source.read_text()), source


@pytest.mark.parametrize("server", ["waitress", "granian"])
def test_no_answer_of_the_running_program_names_what_it_is_made_of(
    tmp_path: Path, server: str, asked: Callable[[int, bytes], bytes]
) -> None:
    port, operator_port = free_ports(2)
    where = ("--port", str(port), "--operator-port", str(operator_port))
    running = Running(tmp_path, "serve", "--server", server, *where, **SHOP, PIXELPAIR_TIKTOK_URL="http://127.0.0.1:9")
    statuses = set()
    try:
        ready = b"GET /t/readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        wait_for(lambda: b" 200 " in asked(port, ready), running.log)
        for door in (port, operator_port):
            for request in ASKED:
                answer = asked(door, request.replace(b"%b", b"127.0.0.1:%d" % door).replace(b"%%", b"%")).decode(
                    "latin1"
                )
                if answer:  # granian closes on what is no HTTP
                    # granian names itself and cannot be told not to; of which version it is, it keeps quiet.
                    answer = answer.replace("server: granian\r\n", "")
                    assert not TELLS.search(answer), answer
                    assert not re.search("^(server|x-powered-by):", answer, re.IGNORECASE | re.MULTILINE), answer
                    statuses.add(int(answer.split()[1]))
    finally:
        running.end()
    assert statuses <= {200, 301, 303, 400, 403, 404, 405, 415}
    assert {400, 404, 405, 415} <= statuses
    assert "Traceback" not in running.log()


@pytest.fixture
def asked() -> Callable[[int, bytes], bytes]:
    """Sends these bytes to a port of this machine; the whole answer, or nothing where nobody listens."""

    def ask(port: int, request: bytes) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                return b"".join(iter(lambda: connection.recv(65_536), b""))
        except (ConnectionRefusedError, ConnectionResetError):
            return b""

    return ask
