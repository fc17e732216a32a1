"""The part that reads Google's dataLayer: its events, however they are pushed, and its Consent Mode."""

from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document, wait_for_pixel_script

pytestmark = pytest.mark.one_engine

GTAG = "window.dataLayer = window.dataLayer || []; window.gtag = function () { dataLayer.push(arguments); };"
ITEM = {
    "item_id": 501,
    "item_name": "Mug",
    "item_brand": "Potter",
    "item_category": "Kitchen",
    "item_category2": "Mugs",
    "price": 19.9,
    "quantity": 2,
}
CONTENT = {
    "content_id": "501",
    "content_type": "product",
    "content_name": "Mug",
    "brand": "Potter",
    "content_category": "Kitchen > Mugs",
    "price": 19.9,
    "quantity": 2,
}
SHOP_EVENTS = {
    "add_payment_info": "AddPaymentInfo",
    "add_to_cart": "AddToCart",
    "add_to_wishlist": "AddToWishlist",
    "begin_checkout": "InitiateCheckout",
    "generate_lead": "Lead",
    "sign_up": "CompleteRegistration",
    "view_item": "ViewContent",
}


@pytest.fixture
def layer(shop: Recorder) -> Recorder:
    shop.parts = {"datalayer": "CompletePayment"}
    shop.pages["/"] = document(head=f"<script>{GTAG}</script>")
    return shop


def granted(ad_storage: str, ad_user_data: str | None = None) -> dict[str, str]:
    return {"ad_storage": ad_storage} | ({"ad_user_data": ad_user_data} if ad_user_data else {})


def consent(page: Page, mode: str, **told: Any) -> None:
    page.evaluate("([mode, told]) => gtag('consent', mode, told)", [mode, told])


def test_each_shop_event_has_its_name_however_it_is_pushed(page: Page, layer: Recorder) -> None:
    page.goto(layer.url)
    for name in SHOP_EVENTS:
        page.evaluate("name => dataLayer.push({event: name, value: 1, currency: 'EUR'})", name)
        page.evaluate("name => gtag('event', name, {value: 2, currency: 'EUR'})", name)
    layer.settle(page, 1 + 2 * len(SHOP_EVENTS))
    reports = [report for report in layer.events() if report["event"] not in ("Pageview", "Last")]
    told = [(report["event"], report["properties"]["value"]) for report in reports]
    assert sorted(told) == sorted((name, value) for name in SHOP_EVENTS.values() for value in (1, 2))


def test_an_order_is_told_by_its_transaction_with_its_items(page: Page, layer: Recorder) -> None:
    page.goto(layer.url)
    wait_for_pixel_script(page)
    order = {"transaction_id": "T-77", "value": 39.8, "currency": "MAD", "items": [ITEM]}
    page.evaluate("order => dataLayer.push({event: 'purchase', ecommerce: order})", order)
    (report,) = layer.wait_for_reports("CompletePayment", 1)
    assert report["key"] == "T-77"
    assert report["properties"] == {
        "contents": [CONTENT],
        "content_ids": ["501"],
        "content_type": "product",
        "value": 39.8,
        "currency": "MAD",
        "order_id": "T-77",
    }
    (pixel,) = layer.wait_for_pixel("CompletePayment", 1)
    assert (pixel["event_id"], pixel["properties"]) == ("T-77", report["properties"])


def test_entries_from_before_the_tag_are_told_once(page: Page, layer: Recorder) -> None:
    earlier = "dataLayer.push({event: 'view_item', ecommerce: {items: [{id: 7, name: 'Old style', price: 5}]}});"
    layer.pages["/"] = document(head=f"<script>{GTAG} {earlier}</script>")
    page.goto(layer.url)
    (report,) = layer.wait_for_reports("ViewContent", 1)
    assert report["properties"]["contents"] == [
        {"content_id": "7", "content_type": "product", "content_name": "Old style", "price": 5, "quantity": 1}
    ]
    layer.settle(page, 2)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"items": [ITEM, {"item_id": 2, "price": "0.1"}]}, 39.9),
        ({"items": [ITEM], "value": 5}, 5),
        ({"items": [{"item_id": 2}]}, None),
        ({}, None),
    ],
    ids=["the sum of the items", "the value that is told", "items without a price", "nothing"],
)
def test_no_value_and_no_currency_are_invented(
    page: Page, layer: Recorder, told: dict[str, Any], value: float | None
) -> None:
    page.goto(layer.url)
    page.evaluate("told => dataLayer.push({event: 'add_to_cart', ecommerce: told})", told)
    (report,) = layer.wait_for_reports("AddToCart", 1)
    assert report["properties"].get("value") == value
    assert "currency" not in report["properties"]


def test_the_layer_itself_works_as_before_and_odd_entries_are_passed_by(page: Page, layer: Recorder) -> None:
    page.goto(layer.url)
    before = page.evaluate("dataLayer.length")
    odd = (
        "[null, 7, 'purchase', {ecommerce: null}, [], {event: 5}, {event: 'purchase', ecommerce: 3}, {event: 'gtm.js'}]"
    )
    assert page.evaluate(f"dataLayer.push(...{odd}, {{event: 'toString'}})") == before + 9
    layer.settle(page, 2)
    assert [report["event"] for report in layer.events()] == ["Pageview", "CompletePayment", "Last"]


def test_page_views_stay_the_tags_own(page: Page, layer: Recorder) -> None:
    page.goto(layer.url)
    page.evaluate("dataLayer.push({event: 'page_view'}); gtag('event', 'page_view', {})")
    layer.settle(page, 1)


class TestConsentMode:
    def test_denied_by_default_holds_all_back_until_both_are_granted(self, page: Page, layer: Recorder) -> None:
        head = f"<script>{GTAG} gtag('consent', 'default', {{ad_storage: 'denied', ad_user_data: 'denied'}})</script>"
        layer.pages["/"] = document(head=head)
        page.goto(layer.url + "?ttclid=E.C.P.landing1")
        page.evaluate("gtag('event', 'add_to_cart', {})")
        consent(page, "update", **granted("granted"))
        page.wait_for_timeout(300)
        assert (layer.reports, page.evaluate("document.cookie"), page.evaluate("'ttq' in window")) == ([], "", False)
        consent(page, "update", **granted("granted", "granted"))
        layer.settle(page, 2)
        assert {report["ttclid"] for report in layer.events()} == {"E.C.P.landing1"}

    def test_what_is_denied_is_forgotten(self, page: Page, layer: Recorder) -> None:
        page.goto(layer.url + "?ttclid=E.C.P.landing1")
        layer.wait_for_reports("Pageview", 1)
        consent(page, "update", **granted("denied", "denied"))
        page.evaluate("gtag('event', 'add_to_cart', {})")
        assert "ttclid" not in page.evaluate("document.cookie")
        consent(page, "update", **granted("granted", "granted"))
        layer.settle(page, 1)

    def test_a_default_denied_for_some_regions_is_denied(self, page: Page, layer: Recorder) -> None:
        regions = "gtag('consent', 'default', {ad_storage: 'denied', region: ['FR']});"
        everywhere = "gtag('consent', 'default', {ad_storage: 'granted'});"
        for path, defaults in (("/a", regions + everywhere), ("/b", everywhere + regions)):
            layer.pages[path] = document(head=f"<script>{GTAG} {defaults}</script>")
            page.goto(layer.url + path)
            page.wait_for_function("window.pixelpair?.log?.length")
            assert page.evaluate("'ttq' in window") is False
        assert layer.reports == []

    def test_where_nothing_of_it_is_told_the_site_decides(self, page: Page, layer: Recorder) -> None:
        page.goto(layer.url)
        consent(page, "default", analytics_storage="denied")
        layer.settle(page, 1)
