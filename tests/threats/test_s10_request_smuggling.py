"""S10: two parsers that disagree where a request ends. Also raw bytes that are no request at all, on each server.

A request with two meanings may be answered or refused, but the one hidden in its body never reaches the app. What is
malformed is answered with 4xx (501 and 505 say the same: not understood) or a closed connection, and stores nothing.
After each, the server answers the next one as if nothing had been.
"""

from collections.abc import Iterator

import pytest

from tests.served import SERVERS, Served, body, head, report, served, statuses, view

CRLF = b"\r\n"
HIDDEN = report("hidden")
OUTER = body("outer")
END_CHUNK = b"0\r\n\r\n"
REFUSED = {*range(400, 500), 501, 505}
PATIENCE = 0.3  # seconds in which a server has said what it will say; one that is slower is only heard less


@pytest.fixture(scope="module", params=SERVERS)
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp(request.param), request.param) as made:
        yield made


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) + END_CHUNK


def length(data: bytes) -> bytes:
    return b"Content-Length: %d" % len(data)


TE = b"Transfer-Encoding: chunked"
# What is hidden stands after the end of the body by one reading, and within the body by the other.
WHOLE = END_CHUNK + HIDDEN
PAIRS = {
    "CL then TE": head(length(WHOLE), TE) + WHOLE,
    "TE then CL": head(TE, length(WHOLE)) + WHOLE,
    "CL then TE, full chunk": head(length(chunked(OUTER) + HIDDEN), TE) + chunked(OUTER) + HIDDEN,
    "TE then CL, full chunk": head(TE, length(chunked(OUTER) + HIDDEN)) + chunked(OUTER) + HIDDEN,
    "CL 0 and TE": head(b"Content-Length: 0", TE) + chunked(OUTER) + HIDDEN,
    "two CL, first short": head(b"Content-Length: 0", length(HIDDEN)) + HIDDEN,
    "two CL, last short": head(length(HIDDEN), b"Content-Length: 0") + HIDDEN,
    "CL list": head(b"Content-Length: 0, %d" % len(HIDDEN)) + HIDDEN,
    "CL list turned": head(b"Content-Length: %d, 0" % len(HIDDEN)) + HIDDEN,
    "CL with plus": head(b"Content-Length: +0") + HIDDEN,
    "CL negative": head(b"Content-Length: -1") + HIDDEN,
    "CL hexadecimal": head(b"Content-Length: 0x0") + HIDDEN,
    "CL with underscore": head(b"Content-Length: 0_0") + HIDDEN,
    "CL with a space inside": head(b"Content-Length: 0 0") + HIDDEN,
    "CL in Arabic digits": head("Content-Length: ٠".encode()) + HIDDEN,
    "CL empty": head(b"Content-Length:") + HIDDEN,
    "CL beyond 64 bits": head(b"Content-Length: 18446744073709551616") + HIDDEN,
    "CL beyond 4,300 digits": head(b"Content-Length: " + b"9" * 5_000) + HIDDEN,
    "CL named with a space": head(b"Content-Length : %d" % len(HIDDEN)) + HIDDEN,
    "CL named with a tab": head(b"Content-Length\t: %d" % len(HIDDEN)) + HIDDEN,
    "CL folded": head(b"Content-Length:\r\n %d" % len(HIDDEN)) + HIDDEN,
    "TE named with a space": head(b"Transfer-Encoding : chunked", length(WHOLE)) + WHOLE,
    "TE with a leading tab": head(b"Transfer-Encoding:\tchunked", length(WHOLE)) + WHOLE,
    "TE with a vertical tab": head(b"Transfer-Encoding:\x0bchunked", length(WHOLE)) + WHOLE,
    "TE with a NUL": head(b"Transfer-Encoding: chunked\0", length(WHOLE)) + WHOLE,
    "TE in quotes": head(b'Transfer-Encoding: "chunked"', length(WHOLE)) + WHOLE,
    "TE in capitals": head(b"Transfer-Encoding: CHUNKED", length(WHOLE)) + WHOLE,
    "TE misspelt": head(b"Transfer-Encoding: xchunked", length(WHOLE)) + WHOLE,
    "TE with a comma": head(b"Transfer-Encoding: chunked,", length(WHOLE)) + WHOLE,
    "TE with a semicolon": head(b"Transfer-Encoding: chunked;a=b", length(WHOLE)) + WHOLE,
    "TE identity": head(b"Transfer-Encoding: identity", length(WHOLE)) + WHOLE,
    "TE identity, chunked": head(b"Transfer-Encoding: identity, chunked", length(WHOLE)) + WHOLE,
    "TE chunked, identity": head(b"Transfer-Encoding: chunked, identity", length(WHOLE)) + WHOLE,
    "TE chunked twice": head(b"Transfer-Encoding: chunked, chunked", length(WHOLE)) + WHOLE,
    "TE twice": head(TE, b"Transfer-Encoding: identity", length(WHOLE)) + WHOLE,
    "TE twice turned": head(b"Transfer-Encoding: identity", TE, length(WHOLE)) + WHOLE,
    "TE gzip, chunked": head(b"Transfer-Encoding: gzip, chunked", length(WHOLE)) + WHOLE,
    "TE folded": head(b"Transfer-Encoding:\r\n chunked", length(WHOLE)) + WHOLE,
    "TE folded into another": head(b"X-Odd: a\r\n Transfer-Encoding: chunked", length(WHOLE)) + WHOLE,
    "TE after a bare LF": head(b"X-Odd: a\nTransfer-Encoding: chunked", length(WHOLE)) + WHOLE,
    "TE after a bare CR": head(b"X-Odd: a\rTransfer-Encoding: chunked", length(WHOLE)) + WHOLE,
    "TE in HTTP/1.0": head(TE, length(WHOLE), b"Connection: keep-alive", line=b"POST /t/e HTTP/1.0") + WHOLE,
    "TE hidden in Connection": head(TE, length(WHOLE), b"Connection: Transfer-Encoding") + WHOLE,
    "chunk size with plus": head(TE) + b"+0\r\n\r\n" + HIDDEN,
    "chunk size with minus": head(TE) + b"-0\r\n\r\n" + HIDDEN,
    "chunk size hexadecimal": head(TE) + b"0x0\r\n\r\n" + HIDDEN,
    "chunk size with underscore": head(TE) + b"0_0\r\n\r\n" + HIDDEN,
    "chunk size empty": head(TE) + b"\r\n\r\n" + HIDDEN,
    "chunk size beyond 64 bits": head(TE) + b"10000000000000000\r\n" + HIDDEN,
    "chunk longer than its size": head(TE) + b"1\r\n" + OUTER + CRLF + END_CHUNK + HIDDEN,
    "chunk without CRLF": head(TE) + b"%x\r\n%s" % (len(OUTER), OUTER) + END_CHUNK + HIDDEN,
    "chunk ended by LF": head(TE) + b"%x\n%s\n0\n\n" % (len(OUTER), OUTER) + HIDDEN,
    "chunk extension with LF": head(TE) + b"0;a\nb\r\n\r\n" + HIDDEN,
    "trailer that is a request": head(TE) + b"0\r\n" + HIDDEN,
}


STORED = body("malformed")
FITS = length(STORED)
PATH = b"/t/e"


def line(text: bytes, *more: bytes) -> bytes:
    return head(FITS, *more, line=text) + STORED


# None of these is a request by RFC 9112; each carries a report that would be stored if it were taken for one.
MALFORMED = {
    **{
        f"request line {told!r}": line(told)
        for told in (
            *(b"", b" ", b"\0", b"POST", b"POST ", b"POST /t/e", b"POST /t/e ", b"/t/e", b"/t/e HTTP/1.1", b"HTTP/1.1"),
            *(b"POST /t/e HTTP", b"POST /t/e HTTP/", b"POST /t/e HTTP/1", b"POST /t/e HTTP/1.", b"POST /t/e HTTP/1.x"),
            *(
                b"POST /t/e HTTP/2.0",
                b"POST /t/e HTTP/3",
                b"POST /t/e HTTP/9.9",
                b"POST /t/e HTTP/01.1",
                b"POST /t/e HTTP/1.1.1",
            ),
            *(
                b"POST /t/e http/1.1",
                b"POST /t/e HTTPS/1.1",
                b"POST /t/e HTCPCP/1.0",
                b"POST /t/e HTTP /1.1",
                b"POST /t/e HTTP/1.1 x",
            ),
            *(
                b"POST /t/e FTP/1.1",
                b"POST /t/e \0HTTP/1.1",
                b"POST /t/e x HTTP/1.1",
                b"POST /t/ e HTTP/1.1",
            ),
            *(
                b"P\0ST /t/e HTTP/1.1",
                b"P ST /t/e HTTP/1.1",
                b"P\xc3\x96ST /t/e HTTP/1.1",
                b"P(ST /t/e HTTP/1.1",
                b"{} /t/e HTTP/1.1",
            ),
            *(
                b"POST t/e HTTP/1.1",
                b"POST ../t/e HTTP/1.1",
                b"POST http:///t/e HTTP/1.1",
                b"POST http://[::1/t/e HTTP/1.1",
            ),
            *(b"POST \0/t/e HTTP/1.1", b"POST /t/e\0 HTTP/1.1", b"POST /t\r/e HTTP/1.1", b"POST /t/e\x7f HTTP/1.1"),
            *(
                b"POST * HTTP/1.1",
                b"POST shop.example:443 HTTP/1.1",
                b"CONNECT shop.example:443 HTTP/1.1",
                b"PRI * HTTP/2.0",
            ),
            *(b"A" * 200_000, b"POST /" + b"a" * 200_000 + b" HTTP/1.1", b"A" * 10_000 + b" /t/e HTTP/1.1"),
        )
    },
    **{
        f"header {told[:40]!r}": line(b"POST /t/e HTTP/1.1", told)
        for told in (
            *(
                b"no colon",
                b": no name",
                b"Bad Name: x",
                b"Bad\tName: x",
                b"Bad\0Name: x",
                b"B\xc3\xa4d: x",
                b"(bad): x",
                b"{bad}: x",
            ),
            *(
                b"Bad/Name: x",
                b"Bad@Name: x",
                b'"Bad": x',
                b"Bad;Name: x",
                b"Bad[]: x",
                b"X-Odd: a\0b",
                b"X-Odd: a\rb",
                b"X-Odd : x",
            ),
            *(b"X-Odd: \r\r\n", b"Host : evil.example", b"X-Odd: " + b"a" * 1_000_000, b"X-" + b"a" * 300_000 + b": x"),
            b"\r\n".join(b"X-%d: x" % number for number in range(30_000)),
        )
    },
    **{
        f"length {told!r}": head(b"Content-Length: " + told) + STORED
        for told in (
            *(
                b"-1",
                b"+1",
                b"1.0",
                b"1e2",
                b"0x10",
                b"ten",
                b"1 1",
                b"1,2",
                b"1;2",
                b"\xb2",
                b"\x0b38",
                b"NaN",
                b"true",
            ),
            *(b"9" * 30, b"9" * 5_000, b"1_0", b"'38'"),
        )
    },
    **{
        f"chunk {told[:20]!r}": head(TE) + told + STORED + CRLF + END_CHUNK
        for told in (
            *(
                b"x\r\n",
                b"-1\r\n",
                b"+26\r\n",
                b"0x26\r\n",
                b"2 6\r\n",
                b"\r\n",
                b"\0\r\n",
                b"26\r",
                b"G\r\n",
                b";a\r\n",
            ),
            *(b"ffffffffffffffffff\r\n", b"1\r\n", b"99999999\r\n", b"26;" + b"a" * 300_000 + b"\r\n"),
        )
    },
    "chunked without an end": head(TE) + b"%x\r\n%s" % (len(STORED) + 9, STORED[:-9]),
    "half a body": head(b"Content-Length: 5000") + STORED,
    "half a head": b"POST /t/e HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "HTTP/0.9": b"GET /t/tag.js\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(range(256)),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "PROXY protocol": b"PROXY TCP4 8.8.8.8 8.8.4.4 1 2\r\n" + report("malformed"),
    "only line feeds": b"\n" * 1_000,
    "only NULs": b"\0" * 1_000,
    "no bytes": b"",
    "noise": bytes(range(256)) * 20,
}
# Unusual, but requests: taken or refused, and the next one on the connection has an answer of its own.
UNUSUAL = {
    "absolute form": report("absolute").replace(b"/t/e", b"http://127.0.0.1/t/e", 1),
    "absolute form of another host": report("evil").replace(b"/t/e", b"http://evil.example/t/e", 1),
    "bare LF": report("lf").replace(CRLF, b"\n"),
    "no Host": report("hostless").replace(b"Host: 127.0.0.1\r\n", b""),
    "two Hosts": report("hosts", b"Host: evil.example"),
    "an empty Host": report("empty").replace(b"Host: 127.0.0.1", b"Host:"),
    "an odd Host": report("odd").replace(b"Host: 127.0.0.1", b"Host: [::1]:x<script>"),
    "two Origins": report("origins", b"Origin: http://evil.example"),
    "HTTP/1.0": report("old").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "blank lines before": CRLF * 3 + report("blank"),
    "Expect": report("expect", b"Expect: 100-continue"),
    "an unknown Expect": report("unknown", b"Expect: the-unexpected"),
    "Upgrade to h2c": report("h2c", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "a websocket": report("ws", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
    "an encoded path": report("path").replace(b"/t/e", b"/t/%65", 1),
    "a path with dots": report("dots").replace(b"/t/e", b"/x/../t/e", 1),
    "a path that is no UTF-8": report("bytes").replace(b"/t/e", b"/t/%ff%00%0d%0a", 1),
    "a raw path that is no UTF-8": report("raw").replace(b"/t/e", b"/t/\xff", 1),
    "a query that is no UTF-8": b"GET /t/tag.js?site=%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a tab before": b"\t" + report("tab"),
    "the last chunk missing": head(TE) + b"%x\r\n%s\r\n" % (len(OUTER), OUTER),  # whole JSON, so nothing is lost
    "a method of nobody's": report("method").replace(b"POST", b"BREW", 1),
    "TRACE": report("trace").replace(b"POST", b"TRACE", 1),
    "a body on GET": report("get").replace(b"POST /t/e", b"GET /t/healthz", 1),
    "headers that are no ASCII": report("latin", b"User-Agent: \xff\xfe\xe9", b"Referer: \xc3\xa4"),
    "a cookie of all bytes": report("cookie", b"Cookie: " + bytes(set(range(32, 256)) - {127})),
    "a header of 7 KiB": report("long", b"X-Odd: " + b"a" * 7_000),
    "a type that is none": report("type").replace(b"text/plain", b";;;"),
}


def test_a_hidden_request_never_reaches_the_app(proxy: Served) -> None:
    for name, pair in PAIRS.items():
        heard = proxy.say(pair.replace(body("hidden"), body(name)), PATIENCE)
        assert set(statuses(heard)) <= {202, *REFUSED}, (name, heard)
        assert proxy.answers(), name
    assert {name for name in PAIRS if view(name) in proxy.stored()} == set()


def test_the_one_after_a_plain_request_does(proxy: Served) -> None:
    """Or the test above would show nothing."""
    first = head(length(body("first"))) + body("first")
    assert statuses(proxy.say(first + report("second"))) == [202, 202]
    assert {view("first"), view("second")} <= proxy.stored()


def test_what_is_no_request_is_refused_and_stores_nothing(proxy: Served) -> None:
    assert len(MALFORMED) >= 100
    for name, data in MALFORMED.items():
        heard = proxy.say(data.replace(STORED, body(name)), PATIENCE)
        assert set(statuses(heard)) <= REFUSED, (name, heard)
        assert len(statuses(heard)) <= 1, (name, heard)
        assert proxy.answers(), name
    assert {name for name in MALFORMED if view(name) in proxy.stored()} == set()
    assert view("malformed") not in proxy.stored()


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_gets_one_answer_that_is_no_fault_of_ours(proxy: Served, name: str) -> None:
    heard = proxy.say(UNUSUAL[name], PATIENCE)
    answered = [status for status in statuses(heard) if status != 100]
    assert len(answered) <= 1, heard
    assert set(answered) <= {200, 202, *REFUSED}, heard
    assert b"Traceback" not in heard
    assert proxy.answers()
