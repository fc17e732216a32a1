"""``GET /t/tag.js``: the same for every visitor, its site's settings in it, no secret and no id."""

import json
import re
from collections.abc import Callable

import pytest

from proxy.errors import SettingsError
from proxy.settings import load
from proxy.web import check_event_names
from tests.web.conftest import SECRET, SHOP, Shop
from tests.web.test_collect import TWO_SITES

Open = Callable[..., Shop]


def settings_in(text: str) -> dict[str, object]:
    found = re.search(r'\{"site":.*?\}', text)
    assert found
    return json.loads(found[0])


def test_it_carries_its_sites_public_settings(shop: Shop) -> None:
    answer = shop.client.get("/t/tag.js", headers={"Host": "shop.example"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/javascript"
    assert settings_in(answer.text) == {
        "site": "default",
        "domains": ["shop.example", "www.shop.example"],
        "pixels": ["COQDA8RC77U2TMR44LI0"],
        "pixelUrl": "https://analytics.tiktok.com",
        "mount": "/t",
        "orderEvents": ["PlaceAnOrder", "CompletePayment", "Purchase"],
        "consent": "granted",
        "gpc": "limit",
        "pageView": "both",
    }
    assert "__PIXELPAIR__" not in answer.text


def test_it_is_cached_for_minutes_and_confirmed_by_etag(shop: Shop) -> None:
    first = shop.client.get("/t/tag.js", headers={"Host": "shop.example"})
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = shop.client.get("/t/tag.js", headers={"Host": "shop.example", "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_it_holds_no_secret_and_nothing_of_the_visitor(shop: Shop) -> None:
    tags = {
        shop.client.get("/t/tag.js", headers={"Host": "shop.example", "Cookie": cookie, "User-Agent": cookie}).text
        for cookie in ("_ttp=one", "_ttp=two")
    }
    (tag,) = tags
    for secret in ("tiktoks-token", "the-shops-key", SECRET):
        assert secret not in tag


def test_the_address_or_the_host_chooses_the_site(open_shop: Open) -> None:
    shop = open_shop(TWO_SITES)
    by_host = shop.client.get("/t/tag.js", headers={"Host": "two.example"})
    by_name = shop.client.get("/t/tag.js?site=two", headers={"Host": "one.example"})
    assert settings_in(by_host.text)["site"] == settings_in(by_name.text)["site"] == "two"
    assert settings_in(by_host.text)["pixels"] == ["C2222222222222222222", "C3333333333333333333"]
    assert by_host.headers["ETag"] != shop.client.get("/t/tag.js?site=one").headers["ETag"]


@pytest.mark.parametrize("path", ["/t/tag.js?site=three", "/t/tag.js"])
def test_an_unknown_site_is_told_in_the_pages_console(open_shop: Open, path: str) -> None:
    answer = open_shop(TWO_SITES).client.get(path, headers={"Host": "other.example"})
    assert answer.status_code == 404
    assert answer.text.startswith('console.error("pixelpair: ')


def test_a_settings_value_cannot_end_the_script(open_shop: Open) -> None:
    shop = open_shop(PIXELPAIR_PIXEL_CODE="</script><b>")
    assert "</script" not in shop.client.get("/t/tag.js", headers={"Host": "shop.example"}).text


@pytest.mark.parametrize("setting", ["ORDER_EVENTS", "REQUIRE_TICKET"])
def test_an_event_name_that_no_event_can_have_stops_the_start(setting: str) -> None:
    environ = {**SHOP, f"PIXELPAIR_{setting}": "PlaceOrder"}
    with pytest.raises(SettingsError, match=r"PlaceOrder is none of TikTok's event names"):
        check_event_names(load(None, environ, None))
    check_event_names(load(None, {**environ, "PIXELPAIR_EVENT_NAMES": "PlaceOrder"}, None))
