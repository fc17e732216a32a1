"""S20: a shop's own address that sends its visitors elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

TARGETS = ["//evil.example", "/\\evil.example", "https://evil.example", "/%2fevil.example", "%2f%2fevil.example"]
PATHS = [
    *("/t/e/", "/t//e", "//t/e", "/t/tag.js/", "/t//tag.js", "/t/open_api/v1.3/event/track", "/t", "/t/", "/", ""),
    *("/t/healthz/", "/t/readyz/", "/t/../e", "/t/./e", "/t/e;x", "/T/e"),
    *(f"/t/{target}" for target in TARGETS),
    *TARGETS,
    *(f"/t/tag.js?next={target}&url={target}&redirect={target}" for target in TARGETS),
]


@pytest.mark.parametrize("path", PATHS)
def test_s20_no_door_sends_anybody_on(shop: Shop, raw: Callable[..., Any], path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        environ = {
            "HTTP_HOST": "evil.example",
            "HTTP_X_FORWARDED_HOST": "evil.example",
            "PATH_INFO": path.partition("?")[0],
        }
        answer = shop.client.open("/", method=method, query_string=path.partition("?")[2], environ_overrides=environ)
        assert not 300 <= answer.status_code < 400, answer.headers
        assert "Location" not in answer.headers
        assert "Refresh" not in answer.headers
        assert "evil" not in answer.text


def test_s20_the_relay_takes_a_path_without_its_last_slash(shop: Shop) -> None:
    answer = shop.client.post("/t/open_api/v1.3/event/track", headers={"Access-Token": "wrong"}, json={})
    assert (answer.status_code, answer.json["code"]) == (401, 40105)
