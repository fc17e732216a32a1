"""Who the shopper is, what the shop's back end adds, what the operator sees, and that a return is nobody's event."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from e2e.way.shopper import (
    BROWSER_ADDRESS,
    CLICK_ID,
    EMAIL,
    PHONE,
    Shop,
    actions,
    assert_counted_once,
    has_both_legs,
    pairs_of,
)

SEED = Path(__file__).parents[2] / "tests" / "seed" / "track_calls.txt"
RAW = [EMAIL, EMAIL.lower(), PHONE, "+212661234567", "212661234567", "661234567", "661-234567"]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- Who ordered ----


def test_email_and_phone_reach_both_legs_as_hashes(shop: Shop, page: Page) -> None:
    shop.buy_shirt(page, EMAIL, PHONE)
    order = shop.pair("PlaceAnOrder")
    assert_counted_once(order)
    server, pixel = order["server"]["user"], order["pixel"]["context"]["user"]
    assert (server["email"], server["phone"]) == (sha256(EMAIL.lower()), sha256("+212661234567"))
    assert re.fullmatch("[0-9a-f]{64}", server["external_id"])
    assert (pixel["email"], pixel["phone_number"]) == (server["email"], server["phone"])
    assert pixel["external_id"] == server["external_id"]


def test_raw_email_and_phone_reach_neither_tiktok_nor_the_disk(shop: Shop, page: Page) -> None:
    shop.buy_shirt(page, EMAIL, PHONE)
    shop.follow(page, "#return-link", "**/return")
    received = shop.after_all(page)
    assert actions(received)["PlaceAnOrder"] == 1
    text = json.dumps(received, ensure_ascii=False)
    assert [raw for raw in RAW if raw in text] == []
    files = [path for path in shop.stack.data.rglob("*") if path.is_file()]
    assert {"pixelpair.db", "pixelpair.db-wal"} <= {path.name for path in files}
    found = [(path.name, raw) for path in files for raw in RAW if raw.encode() in path.read_bytes()]
    assert found == []
    assert [raw for raw in RAW if raw in shop.stack.log()] == []


# ---- What the back end adds ----


@pytest.mark.one_engine
def test_what_the_back_end_tells_of_an_order_joins_what_the_browser_told(shop: Shop, page: Page) -> None:
    shop.view(page, f"/?ttclid={CLICK_ID}")
    shop.view_shirt(page)
    shop.add_to_cart(page)
    shop.check_out(page)
    shop.fill_checkout(page)
    page.click("#place-order", no_wait_after=True)
    # A back end knows of the order before the browser has its page; the demo waits 3 seconds for whoever comes later.
    page.wait_for_url("**/orders/*", wait_until="commit")
    key = page.url.rsplit("/", 1)[1]
    answer = _tell_order(shop, key, value=329.5, email=sha256("back.end@example.com"))
    assert (answer["code"], answer["data"]["event_ids"]) == (0, [key])
    order = shop.pair("PlaceAnOrder")
    server = order["server"]
    assert (server["properties"]["value"], server["properties"]["currency"]) == (329.5, "MAD")
    assert server["user"]["email"] == sha256("back.end@example.com")
    assert (server["user"]["ttclid"], server["user"]["ip"]) == (CLICK_ID, BROWSER_ADDRESS)
    assert server["user"]["user_agent"] == page.evaluate("navigator.userAgent")
    (order,) = pairs_of(shop.after_all(page), "PlaceAnOrder")
    assert (order["counted"], order["merged"], order["event_id"]) == (1, True, key)
    assert (order["pixel_arrivals"], order["server_arrivals"]) == (1, 1)


def _tell_order(shop: Shop, key: str, value: float, email: str) -> dict[str, Any]:
    """The seed's third call, filled by a back end that knows nothing of the browser."""
    pasted = re.findall(r"--data-raw '(.*?)'(?=\s*(?:curl|$))", SEED.read_text("utf-8"), re.DOTALL)
    body = json.loads(re.sub(r"\s// .*", "", pasted[2]))
    (item,) = body["data"]
    assert item["event"] == "PlaceAnOrder"
    item["user"] |= {"email": email, "ttp": ""}
    item["page"]["url"] = f"{shop.url}/orders/{key}"
    item["properties"] = {
        "contents": [{"content_id": "1077218", "content_type": "product", "content_name": "shirt"}],
        "value": value,
        "currency": "MAD",
        "order_id": key,
    }
    door = f"{shop.stack.proxy}/open_api/v1.3/event/track/"
    return dict(requests.post(door, json=body, headers={"Access-Token": "demo-key"}, timeout=10).json())


# ---- What the operator sees ----


@pytest.mark.one_engine
def test_the_operators_page_shows_the_order_with_both_its_legs(shop: Shop, page: Page) -> None:
    key = shop.buy_shirt(page)
    shop.pair("PlaceAnOrder")
    shop.wait_until_delivered()
    page.goto(shop.stack.operator)
    row = page.locator("tbody tr", has=page.get_by_title(key, exact=True))
    expect(row).to_be_visible()
    expect(row.locator("[data-label=Event]")).to_contain_text("PlaceAnOrder")
    expect(row.locator("[data-label=Browser]")).to_contain_text("sent")
    expect(row.locator("[data-label=Server]")).to_contain_text("delivered")
    expect(row.locator("[data-label='Connection method']")).to_have_text("Server & Browser")


# ---- What is no event ----


@pytest.mark.one_engine
def test_a_return_is_no_event(shop: Shop, page: Page) -> None:
    shop.buy_shirt(page)
    shop.pair("PlaceAnOrder")
    thanks = page.url
    before = actions(shop.after_all(page))
    page.goto(thanks)
    shop.wait_for_pixel(page)
    shop.follow(page, "#return-link", "**/return")
    page.check("#item-1")
    page.check("#reason-unwanted")
    page.check("#wish-return")
    page.check("#original_condition")
    page.check("#original_packaging")
    page.fill("#city", "Fes")
    page.fill("#address", "12 Rue de la Paix")
    shop.follow(page, "#see-verdict", "**/returns/*")
    expect(page.locator("#refund")).to_have_text("244.30 MAD")
    page.click("#send-return")
    expect(page.locator("#return-sent")).to_be_visible()
    page.wait_for_load_state("load")
    received = shop.after_all(page)
    assert actions(received) == before
    assert all(map(has_both_legs, received["pairs"]))
    assert {pair["counted"] for pair in received["pairs"]} == {1}
