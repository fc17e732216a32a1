"""S19: each cookie has the strictest flags that its use allows, and a size that every browser keeps."""

from pathlib import Path

import pytest

from proxy.shop.app import create_app as create_shop
from tests.threats.operator_door import PLAIN, SECURE, VISITOR, Door, open_door
from tests.web.conftest import SHOP, Shop

HTTPS = f"__Host-{VISITOR}"


def flags(told: str) -> set[str]:
    return {part.strip() for part in told.split(";")[1:]}


def test_over_https_the_session_is_bound_to_its_host_and_hidden_from_scripts(door: Door) -> None:
    person = door.browser()
    person.log_in()
    person.post("/logout", {"token": person.token("/")})
    visitor, session, gone = person.set_cookies
    assert flags(visitor) == flags(session) == {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}
    # Deleting has to meet the same rules, or browsers ignore it.
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=0"} <= flags(gone)
    assert [told.partition("=")[0] for told in person.set_cookies] == [f"__Host-{VISITOR}", SECURE, SECURE]
    assert max(map(len, person.set_cookies)) <= 4_096


def test_over_plain_http_it_has_what_http_can_have(door: Door) -> None:
    person = door.direct()
    person.log_in()
    visitor, session = person.set_cookies
    assert flags(visitor) == flags(session) == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert [told.partition("=")[0] for told in person.set_cookies] == [VISITOR, PLAIN]
    # What plain http could have planted is nothing over https.
    over = door.browser()
    over.cookies = {PLAIN: person.cookies[PLAIN], "pixelpair": person.cookies[PLAIN]}
    assert over.ask("/").status_code == 303


def test_a_stranger_cannot_say_that_a_connection_is_secure(tmp_path: Path) -> None:
    with open_door(tmp_path, trusted_hops=0) as opened:
        person = opened.browser()
        assert "This connection is not encrypted" in person.ask("/login").text
        assert [told.partition("=")[0] for told in person.set_cookies] == [VISITOR]


@pytest.mark.parametrize(
    ("proto", "name"),
    [("https", HTTPS), ("http, https", HTTPS), ("https, http", VISITOR), ("HTTPS ", VISITOR), ("", VISITOR)],
)
def test_of_several_proxies_the_trusted_one_tells_the_scheme(door: Door, proto: str, name: str) -> None:
    person = door.browser(X_Forwarded_Proto=proto)
    person.ask("/login")
    assert list(person.cookies) == [name]


def test_the_click_cookies_are_secure_on_https_and_lax_and_only_the_tags_own_is_read_by_scripts(tmp_path: Path) -> None:
    shop = Shop(tmp_path, SHOP)
    try:
        body = {
            "v": 1,
            "event": "ViewContent",
            "view": "mh5xk2ab" + "a" * 16,
            "n": 0,
            "url": "https://shop.example/",
            "ttclid": "E.C.P." + "a" * 40,
        }
        answer = shop.post(body)
        told = {one.partition("=")[0]: flags(one) for one in answer.headers.getlist("Set-Cookie")}
        assert "ttclid" in told
        for name, found in told.items():
            assert {"Secure", "SameSite=Lax", "Path=/"} <= found, name
            # The stated exception: the tag reads its own cookie.
            assert ("HttpOnly" in found) == (name != "ttclid"), name
            assert not any(flag.startswith("Domain=") for flag in found), name
    finally:
        shop.close()


def test_the_demo_shops_session_is_hidden_from_scripts(tmp_path: Path) -> None:
    client = create_shop(tmp_path, tag_src="/t/tag.js", clock=lambda: 1_795_000_000.0).test_client()
    answers = [client.get("/contact"), client.get("/checkout")]
    told = [flags(one) for answer in answers for one in answer.headers.getlist("Set-Cookie")]
    assert told
    for found in told:
        assert {"HttpOnly", "SameSite=Lax"} <= found
