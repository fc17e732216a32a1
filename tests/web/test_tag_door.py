"""``GET /t/tag.js``: the same for every visitor, its site's settings in it, no secret and no id."""

import base64
import hashlib
import json
import re
from collections.abc import Callable

import pytest

from proxy.assets import asset_dir
from proxy.errors import SettingsError
from proxy.settings import load
from proxy.web import check_event_names
from tests.web.conftest import SECRET, SHOP, Shop
from tests.web.test_collect import TWO_SITES

Open = Callable[..., Shop]


NAMES = (
    "site", "domains", "pixels", "pixelScript", "mount", "orderEvents", "consent", "privateConsent", "pageViewLegs",
    "cookieRules",
)  # fmt: skip


def settings_in(text: str) -> dict[str, object]:
    start = text.index('(...["') + len("(...")
    return dict(zip(NAMES, json.JSONDecoder().raw_decode(text, start)[0], strict=True))


def test_it_carries_its_sites_public_settings(shop: Shop) -> None:
    answer = shop.client.get("/t/tag.js", headers={"Host": "shop.example"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/javascript"
    assert settings_in(answer.text) == {
        "site": "default",
        "domains": ["shop.example", "www.shop.example"],
        "pixels": ["COQDA8RC77U2TMR44LI0"],
        "pixelScript": "https://analytics.tiktok.com/i18n/pixel/events.js",
        "mount": "/t/",
        "orderEvents": ["PlaceAnOrder", "CompletePayment", "Purchase"],
        "consent": "granted",
        "privateConsent": "limited",
        "pageViewLegs": 2,
        "cookieRules": "; Path=/; SameSite=Lax",
    }
    assert "__PIXELPAIR__" not in answer.text


def test_it_is_cached_for_minutes_and_confirmed_by_etag(shop: Shop) -> None:
    first = shop.client.get("/t/tag.js", headers={"Host": "shop.example"})
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = shop.client.get("/t/tag.js", headers={"Host": "shop.example", "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_parameters_stand_in_the_order_of_the_source() -> None:
    source = (asset_dir("static") / "tag" / "core.js").read_text("utf-8")
    parameters = source[source.index("((\n") : source.index(") => {")]
    assert tuple(re.findall(r"\*/ (\w+)", parameters)) == NAMES


def test_the_version_is_kept_for_ever_and_its_integrity_is_that_of_its_bytes(shop: Shop) -> None:
    told = shop.client.get("/t/tag.json", headers={"Host": "shop.example"}).json
    assert set(told) == {"src", "integrity"}
    answer = shop.client.get(told["src"], headers={"Host": "elsewhere.example"})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert told["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(answer.data).digest()).decode()
    assert answer.data == shop.client.get("/t/tag.js", headers={"Host": "shop.example"}).data


def test_another_version_is_never_given_under_an_old_name(shop: Shop, open_shop: Open) -> None:
    src = shop.client.get("/t/tag.json", headers={"Host": "shop.example"}).json["src"]
    changed = open_shop(PIXELPAIR_PAGE_VIEW="off")
    answer = changed.client.get(src)
    assert answer.status_code == 404
    assert answer.text.startswith('console.error("pixelpair: this version of the tag is no more')
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_site_that_is_unknown_has_no_versions(open_shop: Open) -> None:
    two = open_shop(TWO_SITES).client
    assert two.get("/t/tag.json?site=three").json["error"]["code"] == "unknown_site"
    assert two.get("/t/tag.0123456789abcdef0123.js?site=three").status_code == 404


def test_the_parts_a_site_switches_on_are_joined_with_their_settings(open_shop: Open) -> None:
    whole = open_shop(
        PIXELPAIR_TAG_PARTS="datalayer,product,tcf", PIXELPAIR_ORDER_EVENT="CompletePayment", PIXELPAIR_TCF_VENDOR="42"
    )
    text = whole.client.get("/t/tag.js", headers={"Host": "shop.example"}).text
    assert [part in text for part in ("dataLayer", "ld+json", "__tcfapi")] == [True] * 3
    assert '("CompletePayment")' in text
    assert "(42)" in text
    assert "__PIXELPAIR__" not in text
    bare = open_shop().client.get("/t/tag.js", headers={"Host": "shop.example"}).text
    assert [part in bare for part in ("dataLayer", "ld+json", "__tcfapi")] == [False] * 3


def test_an_order_event_must_be_one_of_the_order_events() -> None:
    with pytest.raises(SettingsError, match=r"ORDER_EVENT: it is none of the order_events"):
        load(None, {**SHOP, "PIXELPAIR_ORDER_EVENT": "Lead"}, None)


def test_what_the_tag_loads_to_tell_what_it_does_is_there(shop: Shop) -> None:
    answer = shop.client.get("/t/debug.js")
    assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
    assert "pixelpair" in answer.text


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
