"""Events that the page declares in attributes: clicks on elements, forms that are sent."""

from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document, wait_for_pixel_script

BUTTON = (
    "<a href=/next data-pixelpair-event=AddToCart data-pixelpair-content-id=5 data-pixelpair-content-name=Mug"
    " data-pixelpair-content-type=product data-pixelpair-price=19.90 data-pixelpair-quantity=2"
    " data-pixelpair-value=39.80 data-pixelpair-currency=mad data-pixelpair-num-items=2"
    " data-pixelpair-key=k-1 {more}><b>Add</b></a>"
)


def test_a_click_on_an_element_with_attributes_is_an_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(BUTTON.format(more=""))
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.click("b")
    (report,) = shop.wait_for_reports("AddToCart", 1)
    assert report["properties"] == {
        "contents": [
            {"content_id": "5", "content_name": "Mug", "content_type": "product", "price": 19.9, "quantity": 2}
        ],
        "content_ids": ["5"],
        "content_type": "product",
        "value": 39.8,
        "currency": "MAD",
        "num_items": 2,
    }
    assert report["key"] == "k-1"
    # TikTok's stand-in may post once more while the page is left.
    for event in shop.wait_for_pixel("AddToCart", 1):
        assert (event["event_id"], event["properties"]) == ("k-1", report["properties"])


def test_an_element_added_later_counts_and_one_that_stops_its_click(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("document.body.innerHTML = '<button data-pixelpair-event=Contact>Call</button>'")
    page.evaluate("document.querySelector('button').addEventListener('click', e => e.stopImmediatePropagation())")
    page.click("button")
    assert shop.wait_for_reports("Contact", 1)[0]["properties"] == {}


def test_a_double_click_is_one_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document("<button data-pixelpair-event=AddToCart data-pixelpair-content-id=5>Add</button>")
    page.goto(shop.url)
    page.dblclick("button")
    page.evaluate("pixelpair('AddToCart', {contents: [{content_id: '6'}]})")
    shop.settle(page, 3)
    assert [report["properties"]["content_ids"] for report in shop.events("AddToCart")] == [["5"], ["6"]]


def test_a_right_click_is_no_event(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document("<a href=/next data-pixelpair-event=AddToCart>Add</a>")
    page.goto(shop.url)
    page.click("a", button="right")
    page.evaluate("pixelpair('Last')")
    shop.wait_for_reports("Last", 1)
    assert shop.events("AddToCart") == []


def test_a_form_is_an_event_when_it_is_sent_and_valid(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(
        "<div data-pixelpair-event=Wrong><form action=/next method=post data-pixelpair-event=Lead"
        " data-pixelpair-value=5>"
        "<input name=a required><button>Send</button></form></div>"
    )
    page.goto(shop.url)
    wait_for_pixel_script(page)
    page.click("input")
    page.click("button")
    page.fill("input", "x")
    page.press("input", "Enter")
    page.wait_for_url("**/next")
    (report,) = shop.wait_for_reports("Lead", 1)
    # TikTok's stand-in may post once more while the page is left.
    assert {event["event_id"] for event in shop.wait_for_pixel("Lead", 1)} == {f"{report['view']}.{report['n']}"}
    assert report["properties"] == {"value": 5}
    assert shop.events("Wrong") == []
