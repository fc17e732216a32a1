"""S5: another site's page that reads our answers with a shopper's cookies."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.threats.test_s03_origins import LOOK_ALIKES
from tests.web.conftest import Shop

PATHS = ["/t/e", "/t/tag.js", "/t/healthz", "/t/readyz", "/t/open_api/v1.3/event/track/", "/t/nowhere"]
METHODS = ["GET", "POST", "OPTIONS", "HEAD", "PUT"]
ALLOWED = "https://www.shop.example"


@pytest.mark.parametrize("path", PATHS)
def test_s5_no_foreign_origin_is_ever_reflected_and_no_star_is_ever_given(
    shop: Shop, raw: Callable[..., Any], path: str
) -> None:
    for origin in [*LOOK_ALIKES, "null", "https://evil.example"]:
        for method in METHODS:
            answer = raw(shop, b"{}", path, method, Origin=origin.encode().decode("latin-1"))
            assert answer.headers.getlist("Access-Control-Allow-Origin") == []
            assert answer.headers.getlist("Access-Control-Allow-Credentials") == []


def test_s5_an_allowed_origin_is_named_exactly_and_caches_are_told(
    shop: Shop, raw: Callable[..., Any], event: Callable[..., dict[str, Any]]
) -> None:
    answers = [
        raw(shop, event(), Origin=ALLOWED),
        raw(shop, b"{", Origin=ALLOWED),
        raw(shop, b"", method="OPTIONS", Origin=ALLOWED),
    ]
    for answer in answers:
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [ALLOWED]
        assert answer.headers.getlist("Access-Control-Allow-Credentials") == ["true"]
        assert "Origin" in answer.headers["Vary"]


def test_s5_what_differs_by_origin_says_so_even_where_it_allows_nothing(
    shop: Shop, raw: Callable[..., Any], event: Callable[..., dict[str, Any]]
) -> None:
    assert "Origin" in raw(shop, event(), Origin="https://evil.example").headers["Vary"]
    assert "Origin" in raw(shop, event(), Origin=None).headers["Vary"]
