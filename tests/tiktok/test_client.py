"""The client against a TikTok that does everything a network can do."""

import contextlib
import errno
import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from proxy.errors import SettingsError
from proxy.tiktok.client import LONGEST_REPLY, Client, Reply
from proxy.tiktok.cutoff import Cutoff
from tests.listener import http, reset

DEADLINE = 0.4
TOKEN = "0123456789abcdef0123456789abcdef01234567"
ITEM = '{"event":"ViewContent","event_id":"e1"}'
OK_BODY = b'{"code":0,"message":"OK","request_id":"r1"}'


OK = http(OK_BODY)


def send(url: str, deadline: float = 5.0, token: str = TOKEN, items: tuple[str, ...] = (ITEM,)) -> Reply:
    client = Client(url, deadline=deadline)
    try:
        return client.track("PIXEL", token, items)
    finally:
        client.close()


def read_head(connection: socket.socket) -> None:
    connection.recv(65536)


def hang(connection: socket.socket) -> None:
    connection.recv(1 << 20)
    threading.Event().wait(0.1)
    while connection.recv(1 << 20):  # until the client gives up
        pass


def trickle(first: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Writes ``first``, then ``drop`` every 50 ms until the client has gone."""

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return talk


def never_read(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    threading.Event().wait(DEADLINE * 3)


def sip(connection: socket.socket) -> None:
    """Reads so slowly that a few megabytes take minutes, yet never stops."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    while connection.recv(16384):
        time.sleep(0.05)


# ---------------------------------------------------------------------------------------------- what is sent


def test_the_body_is_the_items_texts_joined_byte_for_byte(answer) -> None:
    odd = '{"a" :1.0,  "b":"\\u00e9é"}'
    tiktok = answer(OK)
    assert send(tiktok.url, items=(odd, ITEM)) == Reply(200, OK_BODY, {"content-length": str(len(OK_BODY))})
    head, _, body = tiktok.received[0].partition(b"\r\n\r\n")
    assert body.decode() == f'{{"event_source":"web","event_source_id":"PIXEL","data":[{odd},{ITEM}]}}'
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /open_api/v1.3/event/track/ HTTP/1.1"
    assert {f"Access-Token: {TOKEN}", "Content-Type: application/json", "Accept-Encoding: identity"} <= set(lines)


@pytest.mark.parametrize(("code", "expected"), [("TEST1", "TEST1"), ("", None), (None, None), ('T"1', 'T"1')])
def test_a_test_event_code_applies_to_the_whole_request(answer, code: str | None, expected: str | None) -> None:
    tiktok = answer(OK)
    Client(tiktok.url).track("PIXEL", TOKEN, [ITEM], code)
    assert json.loads(tiktok.received[0].partition(b"\r\n\r\n")[2]).get("test_event_code") == expected


def test_one_thread_keeps_one_connection_and_another_thread_has_its_own(answer) -> None:
    tiktok = answer(OK, keep_open=True)
    client = Client(tiktok.url)
    replies = [client.track("PIXEL", TOKEN, [ITEM]) for _ in range(5)]
    assert tiktok.connections == 1
    other = threading.Thread(target=lambda: replies.append(client.track("PIXEL", TOKEN, [ITEM])))
    other.start()
    other.join()
    assert tiktok.connections == 2
    assert [reply.status for reply in replies] == [200] * 6
    client.close()


def test_a_connection_that_was_idle_for_long_is_not_used_again(answer) -> None:
    tiktok = answer(OK, keep_open=True)
    client = Client(tiktok.url, idle=0.0)
    assert [client.track("PIXEL", TOKEN, [ITEM]).status for _ in range(3)] == [200] * 3
    assert tiktok.connections == 3
    client.close()


def test_a_connection_that_the_server_closed_is_replaced_without_a_failure(answer) -> None:
    tiktok = answer(OK)
    client = Client(tiktok.url)
    for _ in range(3):
        assert client.track("PIXEL", TOKEN, [ITEM]).status == 200
        time.sleep(0.05)
    client.close()


def test_a_call_after_close_works_on_a_new_connection(answer) -> None:
    tiktok = answer(OK, keep_open=True)
    client = Client(tiktok.url)
    for _ in range(2):
        assert client.track("PIXEL", TOKEN, [ITEM]).status == 200
        client.close()
    assert tiktok.connections == 2


def test_the_deadline_of_a_finished_call_does_not_cut_the_next(listen) -> None:
    def talk(connection: socket.socket) -> None:
        while connection.recv(65536):
            time.sleep(DEADLINE * 0.7)
            connection.sendall(OK)

    client = Client(listen(talk).url, deadline=DEADLINE)
    assert [client.track("PIXEL", TOKEN, [ITEM]).status for _ in range(3)] == [200] * 3
    client.close()


def test_environment_proxies_and_netrc_are_ignored(answer, monkeypatch, tmp_path) -> None:
    trap, tiktok = answer(OK), answer(OK)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, trap.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert send(tiktok.url).status == 200
    assert trap.connections == 0
    assert b"authorization" not in tiktok.received[0].lower()


def test_a_cookie_of_one_reply_does_not_go_out_with_the_next_request(answer) -> None:
    tiktok = answer(http(OK_BODY, head="Set-Cookie: a=b; Path=/\r\n"), keep_open=True)
    client = Client(tiktok.url)
    for _ in range(2):
        client.track("PIXEL", TOKEN, [ITEM])
    assert b"cookie" not in tiktok.received[1].lower()
    client.close()


# ---------------------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        pytest.param(http(b""), 200, b"", id="empty body"),
        pytest.param(http(b"<html>no</html>", "502 Bad Gateway"), 502, b"<html>no</html>", id="gateway page"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + OK_BODY, 200, OK_BODY, id="body ends with the connection"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", id="no content"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, b"hello", id="chunked"
        ),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\n" + http(OK_BODY), 200, OK_BODY, id="an interim answer before the real one"
        ),
        pytest.param(http(b"\x1f\x8bzip", head="Content-Encoding: gzip\r\n"), 200, b"\x1f\x8bzip", id="stays packed"),
        pytest.param(http(b"x" * LONGEST_REPLY), 200, b"x" * LONGEST_REPLY, id="just not too large"),
    ],
)
def test_an_http_answer_comes_back_as_it_is(answer, raw: bytes, status: int, body: bytes) -> None:
    reply = send(answer(raw).url)
    assert (reply.status, reply.body, reply.failure, reply.sent) == (status, body, None, True)


def test_header_names_come_back_in_lower_case(answer) -> None:
    assert send(answer(http(b"", "429 Slow", "RETRY-After: 7\r\n")).url).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        pytest.param(b"", "reset", id="closed without an answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + OK_BODY, "broken", id="truncated body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n", "broken", id="bad chunk length"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "broken", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "broken", id="endless header line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "broken", id="too many headers"),
        pytest.param(http(b"x" * (LONGEST_REPLY + 1)), "too large", id="one byte too large"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_failure_with_unknown_outcome(answer, raw: bytes, failure: str) -> None:
    assert send(answer(raw).url) == Reply(None, failure=failure, sent=True)


def test_a_reset_after_the_request_is_a_failure_with_unknown_outcome(listen) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        reset(connection)

    assert send(listen(talk).url) == Reply(None, failure="reset", sent=True)


def test_a_reset_at_any_moment_around_the_connect_is_a_failure(listen) -> None:
    tiktok = listen(reset)
    assert {(reply.status, reply.failure) for reply in (send(tiktok.url) for _ in range(100))} == {(None, "reset")}


def test_a_reset_while_connecting_is_certainly_not_sent(monkeypatch) -> None:
    def connect(self: socket.socket, address: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    monkeypatch.setattr("socket.socket.connect", connect)
    assert send("http://127.0.0.1:9") == Reply(None, failure="reset", sent=False)


def test_a_100_mb_body_is_given_up_after_64_kib(listen) -> None:
    written = 0

    def talk(connection: socket.socket) -> None:
        nonlocal written
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1600):
                connection.sendall(bytes(65536))
                written += 65536

    tiktok = listen(talk)
    assert send(tiktok.url) == Reply(None, failure="too large", sent=True)
    tiktok.stop()
    assert written < 50_000_000  # what the kernel's buffers take, and no more


# ---------------------------------------------------------------------------------------------- never reached TikTok


def test_a_refused_connection_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}") == Reply(None, failure="refused", sent=False)


def test_an_unknown_host_is_certainly_not_sent() -> None:
    assert send("https://tiktok.invalid") == Reply(None, failure="dns", sent=False)


def test_an_address_that_never_answers_is_certainly_not_sent_and_the_next_address_is_tried(answer, monkeypatch) -> None:
    """A full backlog lets no further connection in, as a dropped packet would."""
    tiktok = answer(OK)
    real = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as fillers:
        port = full.getsockname()[1]
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        start = time.monotonic()
        assert send(f"http://127.0.0.1:{port}", DEADLINE) == Reply(None, failure="timeout", sent=False)
        assert time.monotonic() - start < DEADLINE * 4

        dead = real("127.0.0.1", port, type=socket.SOCK_STREAM)
        monkeypatch.setattr("socket.getaddrinfo", lambda host, where, **kind: dead + real(host, where, **kind))
        monkeypatch.setattr("proxy.tiktok.cutoff._Watched.connect_timeout", 0.1)
        assert send(tiktok.url).status == 200


def test_tls_to_a_plain_port_is_certainly_not_sent(listen) -> None:
    heard = []

    def talk(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(http(b"", "400 Bad Request"))

    assert send(listen(talk).url.replace("http:", "https:")) == Reply(None, failure="tls", sent=False)
    assert TOKEN.encode() not in heard[0]


def test_a_certificate_that_nobody_vouches_for_gets_no_token(answer, tls) -> None:
    impostor = answer(OK, tls=tls)
    assert send(impostor.url) == Reply(None, failure="tls", sent=False)
    assert impostor.received == []


@pytest.mark.parametrize("drop", [b"", b"\x16"])
def test_a_tls_handshake_that_never_ends_is_certainly_not_sent(listen, drop: bytes) -> None:
    """Once in silence, and once with a byte now and then of a record that is announced as long."""
    talk = trickle(b"\x16\x03\x03\x40\x00", drop) if drop else hang
    start = time.monotonic()
    reply = send(listen(talk).url.replace("http:", "https:"), DEADLINE)
    assert reply == Reply(None, failure="timeout", sent=False)
    assert time.monotonic() - start < DEADLINE * 4


# ---------------------------------------------------------------------------------------------- the deadline

SLOW = [
    pytest.param(hang, id="silence"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"[:1]), id="slow header line"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"), id="slow headers"),
    pytest.param(trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless interim answers"),
    pytest.param(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b" "), id="slow drip"),
    pytest.param(trickle(b"HTTP/1.0 200 OK\r\n\r\n" + OK_BODY, b" "), id="endless body after a good beginning"),
    pytest.param(
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="endless small chunks"
    ),
]


@pytest.mark.parametrize("talk", SLOW)
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_the_deadline_holds_for_the_whole_call(listen, trusted_tls, talk, secured: bool) -> None:
    tiktok = listen(talk, trusted_tls if secured else None)
    start = time.monotonic()
    assert send(tiktok.url, DEADLINE) == Reply(None, failure="timeout", sent=True)
    assert DEADLINE * 0.9 < time.monotonic() - start < DEADLINE * 4


@pytest.mark.parametrize("talk", [never_read, sip])
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_the_deadline_holds_while_sending(listen, trusted_tls, talk, secured: bool) -> None:
    tiktok = listen(talk, trusted_tls if secured else None)
    start = time.monotonic()
    reply = send(tiktok.url, DEADLINE, items=("x" * 64_000_000,))
    assert reply == Reply(None, failure="timeout", sent=True)
    assert time.monotonic() - start < DEADLINE * 4


def test_a_lookup_that_outlasts_the_deadline_sends_nothing(answer, monkeypatch) -> None:
    tiktok = answer(OK)
    real = socket.getaddrinfo

    def slow(*args, **kwargs):
        time.sleep(DEADLINE * 1.2)
        return real(*args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", slow)
    assert send(tiktok.url, DEADLINE) == Reply(None, failure="timeout", sent=False)
    assert tiktok.received == []


def test_a_timer_that_fires_late_leaves_the_socket_to_the_next_call() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        call = Cutoff(30.0)
        call.watch(ours)
        call.finish()
        call._cut()
        ours.sendall(b"alive")
        assert theirs.recv(9) == b"alive"
        assert not call.expired


def test_a_call_after_one_that_was_cut_succeeds(listen) -> None:
    calls = 0

    def talk(connection: socket.socket) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            hang(connection)
        read_head(connection)
        connection.sendall(OK)

    client = Client(listen(talk).url, deadline=DEADLINE)
    assert client.track("PIXEL", TOKEN, [ITEM]).failure == "timeout"
    assert client.track("PIXEL", TOKEN, [ITEM]).status == 200
    client.close()


def test_no_thread_is_left_behind(answer) -> None:
    tiktok = answer(OK, keep_open=True)
    client = Client(tiktok.url, deadline=30.0)
    client.track("PIXEL", TOKEN, [ITEM])
    before = threading.active_count()
    for _ in range(20):
        client.track("PIXEL", TOKEN, [ITEM])
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before
    client.close()


# ---------------------------------------------------------------------------------------------- the token


@pytest.mark.parametrize("status", ["301 M", "302 Found", "303 S", "307 T", "308 P"])
def test_a_redirect_is_an_answer_and_the_other_server_hears_nothing(answer, status: str) -> None:
    other = answer(OK)
    tiktok = answer(http(b"moved", status, f"Location: {other.url}/open_api/v1.3/event/track/\r\n"))
    reply = send(tiktok.url)
    assert (reply.status, reply.body) == (int(status[:3]), b"moved")
    assert (other.connections, other.received) == (0, [])


@pytest.mark.parametrize("location", ["http://[", "//", "http://exa mple/\x00", "é", ""])
def test_a_redirect_to_nonsense_is_an_answer_too(answer, location: str) -> None:
    assert send(answer(http(b"", "302 Found", f"Location: {location}\r\n")).url).status == 302


def test_the_large_body_of_a_redirect_is_not_read_either(answer) -> None:
    raw = http(b"x" * 200_000, "302 Found", "Location: http://127.0.0.1:1/\r\n")
    assert send(answer(raw).url) == Reply(None, failure="too large", sent=True)


@pytest.mark.parametrize("token", ["", "a b", "ab\n", "a\r\nX-Evil: 1", "tökén", "令牌", "\ud800", "a\x00", "x" * 5000])
def test_a_token_that_cannot_be_a_header_fails_without_a_request(answer, token: str) -> None:
    tiktok = answer(OK)
    assert send(tiktok.url, token=token) == Reply(None, failure="bad token", sent=False)
    assert tiktok.connections == 0


def test_the_token_shows_nowhere_but_in_its_header(answer, capsys, caplog) -> None:
    caplog.set_level(0)
    echo = http(f"You sent {TOKEN}".encode(), "500 Oops", f"X-Echo: {TOKEN}\r\n")
    tiktok = answer(echo)
    client = Client(tiktok.url)
    reply = client.track("PIXEL", TOKEN, [ITEM])
    assert reply.body == b"You sent [token]"
    shown = (
        f"{client!r} {vars(client)} {reply!r} {reply.body!r} {dict(reply.headers)} {caplog.text} {capsys.readouterr()}"
    )
    assert TOKEN not in shown
    assert tiktok.received[0].count(TOKEN.encode()) == 1


# ---------------------------------------------------------------------------------------------- the address


@pytest.mark.parametrize(
    "url",
    [
        "https://business-api.tiktok.com",
        "https://business-api.tiktok.com/",
        "https://gateway.example:8443",
        "http://127.0.0.1:8081",
        "http://127.9.9.9",
        "http://localhost:8081/",
        "http://[::1]:8081",
        "HTTPS://Business-API.TikTok.com",
    ],
)
def test_addresses_that_may_have_the_token(url: str) -> None:
    Client(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://business-api.tiktok.com",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://0.0.0.0:8081",
        "http://2130706433",
        "http://127.1",
        "http://[::]",
        "https://user:hunter2@business-api.tiktok.com",
        "http://127.0.0.1:80@evil.example",
        "https://@business-api.tiktok.com",
        "file:///etc/passwd",
        "ftp://business-api.tiktok.com",
        "javascript:alert(1)",
        "business-api.tiktok.com",
        "//business-api.tiktok.com",
        "",
        "https://",
        "https:///",
        "https://:443",
        "https://a..b",
        f"https://{'a' * 64}.example",
        "https://host:0",
        "https://host:99999",
        "https://host:port",
        "https://[::1",
        "https://ho st",
        "https://host\n",
        "https://host\t.example",
        "https://evil.example\\@business-api.tiktok.com",
        "https://tïktok.com",
        "https://host/path",
        "https://host?query",
        "https://host/#fragment",
    ],
)
def test_addresses_that_may_not_are_refused_by_the_settings_name_and_never_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Client(url)
    assert refusal.value.name == "PIXELPAIR_TIKTOK_URL"
    assert "hunter2" not in str(refusal.value)


def test_the_client_speaks_to_an_ipv6_address() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            read_head(connection)
            connection.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        assert send(f"http://[::1]:{server.getsockname()[1]}").status == 200
        thread.join()
