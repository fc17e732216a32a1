"""Buying: from the home page to the thank-you page, and what each page tells TikTok."""

import base64
import json
import re
import stat
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from proxy.shop.app import create_app
from proxy.shop.catalogue import PRODUCTS

SHIRT = {"content_id": "1077218", "content_type": "product", "content_name": "shirt", "price": 349, "quantity": 1}


@pytest.mark.parametrize(
    "path", ["/", "/products/shirt", "/search?q=linen", "/cart", "/contact", "/return-policy", "/returns"]
)
def test_every_page_pastes_the_tag_as_any_site_would(shopper: Any, path: str) -> None:
    page = shopper.get(path)
    assert shopper.last.status_code == 200
    assert '<script src="/t/tag.js" defer></script>' in page
    assert "window.pixelpair=window.pixelpair||function(){(pixelpair.q=pixelpair.q||[]).push(arguments)}" in page


def test_the_tag_may_lie_elsewhere(tmp_path: Path) -> None:
    client = create_app(tmp_path, tag_src="https://t.example.com/t/tag.js?site=a").test_client()
    assert '<script src="https://t.example.com/t/tag.js?site=a" defer></script>' in client.get("/").text


def test_a_product_page_sends_view_content(shopper: Any) -> None:
    shopper.get("/products/shirt")
    assert shopper.calls == [["ViewContent", {"contents": [SHIRT], "value": 349, "currency": "MAD"}]]


def test_the_cart_button_carries_add_to_cart_in_its_attributes(shopper: Any) -> None:
    button = re.search(r'<button[^>]*id="add-to-cart"[^>]*>', shopper.get("/products/shirt"))
    assert button
    assert dict(re.findall(r'data-pixelpair-([\w-]+)="([^"]*)"', button[0])) == {
        "event": "AddToCart",
        "content-id": "1077218",
        "content-type": "product",
        "content-name": "shirt",
        "price": "349",
        "quantity": "1",
        "value": "349",
        "currency": "MAD",
    }


@pytest.mark.parametrize("path", ["/", "/cart", "/return-policy", "/returns", "/search", "/search?q=", "/search?q=%20"])
def test_pages_where_nothing_happens_send_nothing(shopper: Any, path: str) -> None:
    shopper.get(path)
    assert shopper.calls == []


def test_a_search_sends_its_words(shopper: Any) -> None:
    shopper.get("/search?q=Linen+SHIRT")
    assert shopper.calls == [["Search", {"search_string": "Linen SHIRT"}]]
    assert "Linen shirt" in shopper.words
    shopper.get('/search?q=</script><script>alert("1")//')
    assert shopper.calls == [["Search", {"search_string": '</script><script>alert("1")//'}]]
    assert '<script>alert("1")' not in shopper.last.text


def test_the_checkout_sends_initiate_checkout_with_sizes_folded(shopper: Any) -> None:
    for size in ("M", "M", "L"):
        shopper.post("/cart/add", content_id="1077218", size=size)
    shopper.post("/cart/add", content_id="1077224", size="One size")
    shopper.get("/checkout")
    (call,) = shopper.calls
    assert call[0] == "InitiateCheckout"
    assert [(c["content_id"], c["price"], c["quantity"]) for c in call[1]["contents"]] == [
        ("1077218", 349, 3),
        ("1077224", 65, 1),
    ]
    assert (call[1]["value"], call[1]["currency"]) == (1112, "MAD")


def test_an_order_sends_place_an_order_with_its_key_and_time(shopper: Any, clock: Any) -> None:
    path = shopper.order("1077218/M", "1077218/L", "1077224/One size")
    identify, order = shopper.calls
    key = path.removeprefix("/orders/")
    assert len(key) > 24
    assert order[0] == "PlaceAnOrder"
    assert order[1]["order_id"] == key
    assert order[1]["value"] == 763
    assert [(c["content_id"], c["quantity"]) for c in order[1]["contents"]] == [("1077218", 2), ("1077224", 1)]
    assert order[2] == {"key": key, "placed": int(clock.now)}
    assert identify[0] == "identify"
    assert identify[1]["email"] == "salma@example.com"
    assert identify[1]["phone_number"] == "+212612345678"
    assert identify[1]["external_id"]


def test_the_thank_you_page_says_the_same_days_later(shopper: Any, clock: Any) -> None:
    path = shopper.order()
    first = shopper.calls[-1]
    clock.now += 3 * 86400
    shopper.get(path)
    assert shopper.calls[-1] == first


def test_another_browser_is_told_the_order_and_nothing_personal(shopper: Any, new_shopper: Any) -> None:
    path = shopper.order()
    order = shopper.calls[-1]
    other = new_shopper()
    page = other.get(path)
    assert other.calls == [order]
    for private in ("Salma", "612345678", "0612", "salma@", "Oliviers"):
        assert private.casefold() not in page.casefold()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"phone": "", "email": ""}, set()),
        ({"phone": "+212 612-345678", "email": ""}, {"phone_number"}),
        ({"phone": "", "email": "a@example.com"}, {"email"}),
    ],
)
def test_phone_and_email_are_optional_and_never_sent_empty(shopper: Any, told: Any, expected: set[str]) -> None:
    shopper.order(**told)
    assert set(shopper.calls[0][1]) - {"external_id"} == expected


def test_two_orders_have_two_keys_and_following_numbers(shopper: Any) -> None:
    paths = [shopper.order(), shopper.order()]
    assert paths[0] != paths[1]
    numbers = [re.search(r'id="order-number">(\d+)<', shopper.get(path)) for path in paths]
    assert [found and found[1] for found in numbers] == ["1043", "1044"]


def test_a_double_click_places_one_order(app: Flask, shopper: Any, new_shopper: Any) -> None:
    shopper.post("/cart/add", content_id="1077218", size="M")
    shopper.get("/checkout")
    cookie = shopper.client.get_cookie("shop_session").value
    token = shopper.token()
    answers: list[str] = []

    def click() -> None:
        client = app.test_client()
        client.set_cookie("shop_session", cookie)
        form = {"csrf_token": token, "name": "S", "city": "R", "address": "1"}
        answers.append(client.post("/checkout", data=form).location)

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1
    new_shopper().get(answers[0])
    other = new_shopper()
    other.order()
    assert "Order 1044" in other.words


def test_a_second_click_after_the_first_has_answered_leads_to_the_order(shopper: Any) -> None:
    path = shopper.order()
    shopper.post("/checkout", name="S", city="R", address="1")
    assert shopper.path == path


def test_orders_survive_a_restart(shopper: Any, tmp_path: Path) -> None:
    path = shopper.order()
    again = create_app(tmp_path).test_client()
    assert again.get(path).status_code == 200
    again.set_cookie("shop_session", shopper.client.get_cookie("shop_session").value)
    assert "identify" in again.get(path).text, "the session is signed with a key that survives too"


def test_phone_and_email_never_reach_the_disk(shopper: Any, tmp_path: Path) -> None:
    shopper.order()
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"12 rue des Oliviers" in stored
    for private in (b"612345678", b"612 345 678", b"salma@example.com", b"Salma@Example.com"):
        assert private not in stored


def test_secret_key_and_orders_are_readable_by_their_owner_alone(app: Flask, tmp_path: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.is_file()}
    assert modes == {"shop-secret.key": 0o600, "shop.db": 0o600}
    assert len(app.config["SECRET_KEY"]) > 30


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\x00b"),
        ("phone", "12"),
        ("phone", "call me"),
        ("phone", "9" * 5000),
        ("email", "salma"),
        ("email", "salma@"),
        ("email", "x" * 300 + "@example.com"),
        ("city", " \t "),
        ("city", "Ra\nbat"),
        ("address", ""),
        ("address", "x" * 201),
    ],
)
def test_a_bad_checkout_names_the_field_keeps_the_rest_and_changes_nothing(
    shopper: Any, field: str, value: str
) -> None:
    shopper.post("/cart/add", content_id="1077218", size="M")
    shopper.get("/checkout")
    good = {"name": "Salma", "phone": "0612345678", "email": "s@example.com", "city": "Rabat", "address": "12 rue"}
    page = shopper.post("/checkout", **(good | {field: value}))
    assert shopper.last.status_code == 400
    assert f'id="{field}-error"' in page
    assert page.count('class="error"') == 1
    kept = {name: shopper.value(name) for name in good if name not in ("address", field)}
    assert kept == {name: good[name] for name in kept}
    assert shopper.calls == [], "the checkout was initiated before"
    shopper.get("/cart")
    assert "349 MAD" in shopper.words


def test_a_file_sets_no_session_so_that_a_late_one_takes_nothing_out_of_the_cart(shopper: Any) -> None:
    shopper.get("/products/shirt")
    shopper.get("/assets/icon.svg")
    assert shopper.last.status_code == 200
    assert "Set-Cookie" not in shopper.last.headers
    shopper.last.close()


def test_a_form_without_the_sessions_token_changes_nothing_and_keeps_what_was_typed(shopper: Any) -> None:
    shopper.post("/cart/add", content_id="1077218", size="M")
    shopper.get("/checkout")
    shopper.post("/checkout", csrf_token="forged", name="Salma", city="Rabat", address="12 rue")
    assert shopper.last.status_code == 400
    assert "Nothing was changed" in shopper.words
    assert shopper.value("name") == "Salma"
    shopper.post("/cart/add", csrf_token="é", content_id="1077218", size="M")
    assert shopper.last.status_code == 400


@pytest.mark.parametrize(("field", "value"), [("size", "XXL"), ("size", ""), ("size", "M/../L")])
def test_a_size_that_is_not_sold_is_refused(shopper: Any, field: str, value: str) -> None:
    shopper.post("/cart/add", content_id="1077218", **{field: value})
    assert shopper.last.status_code == 400
    assert "Size: please choose one" in shopper.words


@pytest.mark.parametrize("quantity", ["-1", "11", "1.5", "many", "", "٣", "9" * 5000])
def test_a_bad_quantity_is_refused_and_shown_again(shopper: Any, quantity: str) -> None:
    shopper.post("/cart/add", content_id="1077218", size="M")
    shopper.post("/cart", line="1077218/M", quantity=quantity)
    assert shopper.last.status_code == 400
    assert "Quantity: please write a whole number from 0 to 10." in shopper.words
    assert shopper.value("quantity-1") == quantity
    shopper.get("/cart")
    assert shopper.value("quantity-1") == "1"


def test_quantities_change_and_zero_removes(shopper: Any) -> None:
    shopper.post("/cart/add", content_id="1077218", size="M")
    shopper.post("/cart", line="1077218/M", quantity="3")
    assert "1,047 MAD" in shopper.words
    shopper.post("/cart", line="1077218/M", quantity="0")
    assert "There is nothing in it yet." in shopper.words
    shopper.post("/cart", line="1077218/M", quantity="3")
    assert "There is nothing in it yet." in shopper.words, "a line that is gone stays gone"


def test_the_cart_has_an_upper_end(shopper: Any) -> None:
    for _ in range(10):
        shopper.post("/cart/add", content_id="1077218", size="M")
        assert shopper.last.status_code == 200
    shopper.post("/cart/add", content_id="1077218", size="M")
    assert shopper.last.status_code == 400
    assert "Size: 10 of these are in your cart" in shopper.words


def test_a_full_cart_fits_into_a_cookie(shopper: Any) -> None:
    every = [(product.content_id, size) for product in PRODUCTS.values() for size in product.sizes]
    statuses = []
    for content_id, size in every[:21]:
        shopper.post("/cart/add", content_id=content_id, size=size)
        statuses.append(shopper.last.status_code)
    assert statuses == [200] * 20 + [400]
    assert len(shopper.client.get_cookie("shop_session").value) < 2000


def test_checkout_of_an_empty_cart_leads_back_to_the_cart(shopper: Any) -> None:
    shopper.get("/checkout")
    assert shopper.path == "/cart"
    shopper.post("/checkout", name="S", city="R", address="1")
    assert shopper.path == "/cart"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/products/hat", 404),
        ("/orders/1043", 404),
        ("/orders/dk_order_%00", 404),
        ("/orders/%ff%ed%a0%80", 404),
        ("/orders/x/return", 404),
        ("/returns/x", 404),
        ("/returns/x/picture", 404),
        ("/cart/add", 405),
        ("/assets/../app.py", 404),
    ],
)
def test_what_is_not_there_gets_a_page_of_the_shop(shopper: Any, path: str, status: int) -> None:
    page = shopper.get(path)
    assert shopper.last.status_code == status
    assert 'id="error"' in page
    assert ("Allow" in shopper.last.headers) == (status == 405)


def test_a_body_too_large_to_read_gets_a_clear_page(shopper: Any) -> None:
    shopper.post("/contact", message="x" * (11 * 1024 * 1024))
    assert shopper.last.status_code == 413
    assert 'id="error"' in shopper.last.text
    assert "Picture" not in shopper.words


def test_a_forged_cart_is_no_cart(app: Flask) -> None:
    client = app.test_client()
    body = base64.urlsafe_b64encode(zlib.compress(json.dumps({"cart": {"1077218/M": -5}}).encode())).decode().strip("=")
    client.set_cookie("shop_session", f".{body}.aaaa.bbbb")
    assert "There is nothing in it yet." in client.get("/cart").text
