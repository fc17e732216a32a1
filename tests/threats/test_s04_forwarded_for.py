"""S4: X-Forwarded-For as a stranger writes it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

CASES = [
    # (trusted hops, header, what is stored)
    ("0", "9.9.9.9", "8.8.4.4"),  # nobody is trusted: the peer it is
    ("0", "127.0.0.1", "8.8.4.4"),
    ("1", "6.6.6.6, 9.9.9.9", "9.9.9.9"),  # a stranger's own line stands on the left
    ("1", "9.9.9.9, <script>alert(1)</script>", None),
    ("1", "9.9.9.9,", None),
    ("1", ",,,,9.9.9.9", "9.9.9.9"),
    ("2", "1.1.1.1, 9.9.9.9, 10.0.0.7", "9.9.9.9"),
    ("2", "9.9.9.9", None),  # fewer proxies than trusted: nothing here can be believed
    ("1", None, None),
    ("1", "not-an-ip", None),
    ("1", "9.9.9.9.9", None),
    ("1", "0x7f000001", None),
    ("1", "134744072", None),
    ("1", "08.08.08.08", None),
    ("1", "9.9.9.9 ; DROP TABLE events", None),
    ("1", "9.9.9.9\0", None),
    ("1", "10.1.2.3", None),
    ("1", "127.0.0.1", None),
    ("1", "169.254.169.254", None),
    ("1", "100.64.0.1", None),
    ("1", "0.0.0.0", None),
    ("1", "255.255.255.255", None),
    ("1", "239.1.1.1", None),
    ("1", "::1", None),
    ("1", "::ffff:10.0.0.1", None),
    ("1", "::ffff:9.9.9.9", "9.9.9.9"),
    ("1", "fe80::1%25eth0", None),
    ("1", "2606:4700::1111%eth0", None),
    ("1", "[2606:4700::1111]:443", "2606:4700::1111"),
    ("1", "unknown", None),
    ("1", "_hidden", None),
    ("1", "9.9.9.9:65536", "9.9.9.9"),
    ("1", "9" * 5_000, None),
    ("1", ", ".join(["9.9.9.9"] * 5_000), "9.9.9.9"),
    ("1", "\u00b9.\u00b9.\u00b9.\u00b9", None),
]


@pytest.mark.parametrize(("hops", "header", "stored"), CASES)
def test_s4_the_stored_address_is_a_proxys_word_or_none(
    open_shop: Callable[..., Shop],
    event: Callable[..., dict[str, Any]],
    raw: Callable[..., Any],
    hops: str,
    header: str | None,
    stored: str | None,
) -> None:
    shop = open_shop(PIXELPAIR_TRUSTED_HOPS=hops)
    shop.client.environ_base["REMOTE_ADDR"] = "8.8.4.4"
    answer = raw(shop, event(), X_Forwarded_For=header, Forwarded="for=7.7.7.7", X_Real_IP="7.7.7.7")
    assert answer.status_code == 202
    assert json.loads(shop.stored()[0].body)["user"].get("ip") == stored


def test_s4_a_made_up_address_escapes_no_rate(
    open_shop: Callable[..., Shop], event: Callable[..., dict[str, Any]], raw: Callable[..., Any]
) -> None:
    shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="3", PIXELPAIR_TRUSTED_HOPS="1")
    told = [f"{number}.1.1.1, 9.9.9.9" for number in range(1, 7)]
    statuses = [raw(shop, event(n=n), X_Forwarded_For=header).status_code for n, header in enumerate(told)]
    assert statuses == [202] * 3 + [429] * 3
