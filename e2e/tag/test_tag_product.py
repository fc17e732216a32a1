"""The part that tells ViewContent of the product in the page's JSON-LD, in the shapes that shops write it."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import STUB, Recorder, document

pytestmark = pytest.mark.one_engine

OFFER = {"@type": "Offer", "price": "349.00", "priceCurrency": "MAD"}
SHIRT = {"@type": "Product", "name": "Shirt", "sku": "1077218", "brand": {"@type": "Brand", "name": "Atlas"}}
FOUND = {"content_id": "1077218", "content_name": "Shirt", "brand": "Atlas", "price": 349, "quantity": 1}

SHAPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "an offer": ({**SHIRT, "offers": OFFER}, {}),
    "offers in a list": ({**SHIRT, "offers": [OFFER, {"price": 1}]}, {}),
    "a range of prices": (
        {**SHIRT, "offers": {"@type": "AggregateOffer", "lowPrice": 349, "priceCurrency": "MAD"}},
        {},
    ),
    "a specified price": (
        {**SHIRT, "offers": {"priceSpecification": {"price": 349, "priceCurrency": "MAD"}}},
        {},
    ),
    "a graph": ({"@graph": [{"@type": "WebSite"}, {**SHIRT, "offers": OFFER}]}, {}),
    "a page about it": ({"@type": "WebPage", "mainEntity": {**SHIRT, "offers": OFFER}}, {}),
    "an array": ([{"@type": "BreadcrumbList"}, {**SHIRT, "offers": OFFER}], {}),
    "several types": ({**SHIRT, "@type": ["Product", "Car"], "offers": OFFER}, {}),
    "a type as an address": ({**SHIRT, "@type": "http://schema.org/Product", "offers": OFFER}, {}),
    "a brand as text": ({**SHIRT, "brand": "Atlas", "offers": OFFER}, {}),
    "a productID": (
        {"@type": "Product", "name": "Shirt", "brand": "Atlas", "productID": 1077218, "offers": OFFER},
        {},
    ),
    "a group of variants": ({**SHIRT, "@type": "ProductGroup", "offers": OFFER}, {"content_type": "product_group"}),
    "specified prices in a list": (
        {**SHIRT, "offers": [{"priceSpecification": [{"price": 349, "priceCurrency": "MAD"}]}]},
        {},
    ),
    "a category": ({**SHIRT, "category": "Clothes", "offers": OFFER}, {"content_category": "Clothes"}),
}


@pytest.fixture
def product(shop: Recorder) -> Recorder:
    shop.parts = {"product": None}
    return shop


def _page(*blocks: str) -> str:
    scripts = "".join(f'<script type="application/ld+json">{block}</script>' for block in blocks)
    return document(body=scripts, head=f"<script>{STUB}pixelpair('product')</script>")


@pytest.mark.parametrize(("told", "more"), SHAPES.values(), ids=SHAPES.keys())
def test_a_product_is_found(page: Page, product: Recorder, told: Any, more: dict[str, Any]) -> None:
    product.pages["/"] = _page("{broken", json.dumps({"@type": "Organization"}), json.dumps(told))
    page.goto(product.url)
    (report,) = product.wait_for_reports("ViewContent", 1)
    assert report["properties"] == {
        "contents": [{**FOUND, "content_type": "product", **more}],
        "content_ids": ["1077218"],
        "content_type": more.get("content_type", "product"),
        "value": 349,
        "currency": "MAD",
    }
    (pixel,) = product.wait_for_pixel("ViewContent", 1)
    assert pixel["properties"] == report["properties"]


def test_without_a_product_nothing_is_told_but_a_warning(page: Page, product: Recorder) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    product.pages["/"] = _page(json.dumps({"@type": "Organization", "name": "Shop"}))
    page.goto(product.url)
    product.settle(page, 1)
    assert said == ["pixelpair: the page's JSON-LD has no Product"]


def test_without_the_part_product_is_no_word_of_the_tag(page: Page, shop: Recorder) -> None:
    """The name goes to the proxy like any other, which refuses it by name."""
    shop.pages["/"] = _page(json.dumps({**SHIRT, "offers": OFFER}))
    page.goto(shop.url)
    (report,) = shop.wait_for_reports("product", 1)
    assert report["properties"] == {}
