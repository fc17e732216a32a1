"""S11: a field that ends one header line of our answer and begins another."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

PAYLOADS = [
    *(
        "x\r\nSet-Cookie: evil=1",
        "x\nSet-Cookie: evil=1",
        "x\rSet-Cookie: evil=1",
        "x\r\n\r\n<script>alert(1)</script>",
    ),
    *(
        "x%0d%0aSet-Cookie:%20evil=1",
        "x; Domain=evil.example",
        'x"; evil=1',
        "x, evil=1",
        "x\x85evil: 1",
        "x\u2028evil: 1",
    ),
]
TEXTS = ["ttclid", "ttp", "key", "event", "view", "url", "referrer", "ticket", "site", "consent"]
HEADERS = ["Origin", "Host", "Cookie", "User_Agent", "Referer", "X_Forwarded_For", "Sec_GPC", "Content_Type"]


def headers_of(answer: Any) -> list[tuple[str, str]]:
    for name, value in answer.headers:
        assert not set(f"{name}{value}") & set("\r\n\0\x85\u2028"), (name, value)
        assert "evil" not in name.lower()
    cookies = [value.partition("=")[0] for name, value in answer.headers if name == "Set-Cookie"]
    assert set(cookies) <= {"ttclid", "pixelpair_ttclid", "_ttp"}
    assert not any("evil" in value for name, value in answer.headers if name == "Set-Cookie")
    return list(answer.headers)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_s11_no_field_of_a_report_makes_a_header(
    open_shop: Callable[..., Shop], event: Callable[..., dict[str, Any]], payload: str
) -> None:
    shop = open_shop(PIXELPAIR_COOKIE_DOMAIN="shop.example")
    for number, field in enumerate(TEXTS):
        headers_of(shop.post({**event(n=number), field: payload}))
        headers_of(shop.post({**event(n=number, ttclid="E.C.P.abcdefgh"), field: "E.C.P." + payload}))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_s11_no_header_of_a_request_makes_one_of_the_answer(
    open_shop: Callable[..., Shop], event: Callable[..., dict[str, Any]], raw: Callable[..., Any], payload: str
) -> None:
    shop = open_shop(PIXELPAIR_COOKIE_DOMAIN="shop.example", PIXELPAIR_ALLOW_NO_ORIGIN="true")
    told = payload.encode().decode("latin-1")
    for number, name in enumerate(HEADERS):
        for value in (told, f"https://shop.example{told}", f"ttclid={told}; _ttp={told}; pixelpair_ttclid={told}"):
            headers_of(raw(shop, event(n=number), **{name: value}))
            headers_of(raw(shop, b"", "/t/tag.js", "GET", **{name: value}))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_s11_no_address_makes_a_header(shop: Shop, payload: str) -> None:
    for path in ("/t/tag.js", "/t/e", "/t/healthz"):
        headers_of(shop.client.get(path, query_string={"site": payload, payload: "1"}))
