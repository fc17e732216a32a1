"""S3: origins that look like the shop's. Browsers cannot lie about theirs, programs can: this filters noise."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Shop

Event = Callable[..., dict[str, Any]]
Open = Callable[..., Shop]
Raw = Callable[..., Any]

LOOK_ALIKES = [
    *("https://evil-shop.example", "https://shop.example.evil", "https://shop.example.evil.example"),
    *("https://evilshop.example", "https://shop-example", "https://shopxexample", "https://sub.shop.example"),
    *("https://shop.example.", "https://.shop.example", "https://shop..example", "https://shop.example%00.evil"),
    *("https://shop.example:8443", "https://shop.example:", "https://shop.example:443", "http://shop.example:80"),
    *("https://shop.example@evil.example", "https://evil.example@shop.example", "https://a:b@shop.example"),
    *("https://SHOP.example", "HTTPS://shop.example", "https://shop.EXAMPLE", "https://\u017fhop.example"),
    *(
        "https://sh\u00f6p.example",
        "https://xn--shp-sna.example",
        "https://sh\u043ep.example",
        "https://shop\u3002example",
    ),
    *("https://shop.example/", "https://shop.example/x", "https://shop.example?x", "https://shop.example#x"),
    *(
        "https://shop.example\\.evil.example",
        "https://shop.example\t",
        " https://shop.example",
        "https://shop.example ",
    ),
    *("https://shop.example,https://evil.example", "https://evil.example https://shop.example", "https:shop.example"),
    *("//shop.example", "shop.example", "https://", "://", "", "https:///shop.example", "https://[shop.example]"),
    *("file://shop.example", "ftp://shop.example", "chrome-extension://shop.example", "javascript://shop.example"),
    *(
        "https://[::1",
        "https://[::1]",
        "https://127.0.0.1",
        "https://0x7f.1",
        "Null",
        "null ",
        "*",
        "https://*.example",
    ),
]


@pytest.mark.parametrize("origin", LOOK_ALIKES)
def test_s3_a_look_alike_is_refused(shop: Shop, event: Event, raw: Raw, origin: str) -> None:
    answer = raw(shop, event(), Origin=origin.encode().decode("latin-1"))
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "origin")
    assert shop.stored() == []
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_s3_only_the_sites_own_origins_pass(shop: Shop, event: Event, raw: Raw) -> None:
    own = ["https://shop.example", "https://www.shop.example", "http://shop.example", "http://www.shop.example"]
    assert [raw(shop, event(n=n), Origin=origin).status_code for n, origin in enumerate(own)] == [202] * 4


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost:3000:80", "http://localhost:port", "http://a@localhost:3000", "http://local\thost:3000"),
        *(
            "http://LOCALHOST:3000",
            "http://localhost.:3000",
            "http://localhost:\u0661",
            "http://localhost.evil.example:1",
        ),
        *("http://localhost:3000/", "http://127.1:3000", "http://[::1", "http://[::1]x:80", "http://::1:80"),
    ],
)
def test_s3_any_port_of_this_machine_is_a_port_and_nothing_else(
    open_shop: Open, event: Event, raw: Raw, origin: str
) -> None:
    shop = open_shop(PIXELPAIR_DOMAINS="localhost,127.0.0.1,::1")
    assert raw(shop, event(), Origin=origin.encode().decode("latin-1")).status_code == 403
    good = ["http://localhost:3000", "http://127.0.0.1:1", "http://[::1]:8080", "http://[::1]", "https://localhost"]
    assert [raw(shop, event(n=n), Origin=one).status_code for n, one in enumerate(good)] == [202] * len(good)


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("https://any.example", "any.example", 202),
        ("https://any.example:8443", "any.example:8443", 202),
        ("https://any.example", "any.example:8443", 403),
        ("https://", "", 403),
        ("https://", "a b", 403),
        ("https://evil.example", "any.example", 403),
    ],
)
def test_s3_without_domains_a_page_reports_to_its_own_host_only(
    open_shop: Open, event: Event, raw: Raw, origin: str, host: str, status: int
) -> None:
    assert raw(open_shop(PIXELPAIR_DOMAINS=""), event(), Origin=origin, Host=host).status_code == status


@pytest.mark.parametrize(
    ("origin", "fetch_site", "refused"),
    [
        ("https://shop.example", "same-origin", False),
        ("https://www.shop.example", "cross-site", False),  # a listed domain may be another site
        ("https://evil.example", "same-origin", True),  # a program says what it likes
        ("https://evil.example", "cross-site", True),
        (None, "cross-site", True),
        (None, "same-origin", False),
        (None, None, False),
        ("null", "cross-site", False),  # a sandboxed frame, which is what allow_no_origin is for
    ],
)
def test_s3_another_site_that_hides_its_origin_is_refused(
    open_shop: Open, event: Event, raw: Raw, origin: str | None, fetch_site: str | None, refused: bool
) -> None:
    shop = open_shop(PIXELPAIR_ALLOW_NO_ORIGIN="true")
    answer = raw(shop, event(), Origin=origin, Sec_Fetch_Site=fetch_site)
    assert answer.status_code == (403 if refused else 202)
    assert len(shop.stored()) == (0 if refused else 1)
