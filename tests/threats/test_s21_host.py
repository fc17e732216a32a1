"""S21: a Host of the visitor's own making."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

HOSTS = [
    *("evil.example", "shop.example.evil.example", "evil.example:80", "shop.example@evil.example", "shop.example:evil"),
    *("", " ", "a b", "[::1", "[evil]", "evil.example/x", "evil.example?x", "evil.example#x", "evil\\.example"),
    *("<script>evil</script>", '"><script>evil', "evil'+'", "evil\0", "evil\t", "\u00ff.evil", "e" * 10_000, "..", "%"),
]
DOORS = [("/t/tag.js", "GET"), ("/t/healthz", "GET"), ("/t/e", "OPTIONS"), ("/t/e", "POST"), ("/t/nowhere", "GET")]


@pytest.mark.parametrize("host", HOSTS)
def test_s21_no_answer_repeats_it_and_nothing_breaks(
    shop: Shop, event: Callable[..., dict[str, Any]], raw: Callable[..., Any], host: str
) -> None:
    for path, method in DOORS:
        answer = raw(shop, event(url=None), path, method, Host=host, X_Forwarded_Host="evil.example", Origin=None)
        assert answer.status_code < 500
        told = answer.text + "".join(f"{name}: {value}\n" for name, value in answer.headers)
        assert "evil" not in told
        assert not host.strip() or len(host) < 5 or host not in told
    assert shop.stored() == []


@pytest.mark.parametrize("host", HOSTS)
def test_s21_the_tag_is_the_same_for_every_host(shop: Shop, raw: Callable[..., Any], host: str) -> None:
    """A cache between us and the shoppers may keep it for all of them."""
    poisoned, true = (raw(shop, b"", "/t/tag.js", "GET", Host=one) for one in (host, "shop.example"))
    if poisoned.status_code == 400:  # a Host that can be nobody's
        assert "Cache-Control" not in poisoned.headers
        return
    assert (poisoned.data, poisoned.headers["ETag"]) == (true.data, true.headers["ETag"])


def test_s21_it_opens_no_site_to_a_page_elsewhere(
    shop: Shop, event: Callable[..., dict[str, Any]], raw: Callable[..., Any]
) -> None:
    """A stranger's name that points to our address (DNS rebinding): its pages agree with their Host all the same."""
    answer = raw(shop, event(), Host="evil.example", Origin="https://evil.example", Sec_Fetch_Site="same-origin")
    assert (answer.status_code, shop.stored()) == (403, [])
