"""The pages' calls of ``pixelpair(…)`` as lists of arguments. AddToCart has none: its button has data attributes."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from proxy.shop.cart import Line
from proxy.shop.catalogue import CURRENCY, Product, dirhams
from proxy.shop.orders import Order

Call = list[Any]


def view_content(product: Product) -> Call:
    """A product's page was opened."""
    contents = [_content(product.content_id, product.name, product.price, 1)]
    return ["ViewContent", _worth(contents, product.price)]


def search(words: str) -> Call:
    """The shopper searched."""
    return ["Search", {"search_string": words}]


def initiate_checkout(lines: Iterable[Line]) -> Call:
    """The checkout was opened."""
    pieces: Counter[Product] = Counter()
    for line in lines:
        pieces[line.product] += line.quantity
    contents = [_content(p.content_id, p.name, p.price, quantity) for p, quantity in pieces.items()]
    return ["InitiateCheckout", _worth(contents, sum(p.price * quantity for p, quantity in pieces.items()))]


def place_an_order(order: Order) -> Call:
    """An order was placed. Its key makes every later telling of it the same event, in any browser."""
    pieces = Counter((item.content_id, item.name, item.price) for item in order.items)
    contents = [_content(*what, quantity) for what, quantity in pieces.items()]
    properties = {**_worth(contents, order.total), "order_id": order.key}
    return ["PlaceAnOrder", properties, {"key": order.key, "placed": order.placed}]


def contact(message_id: str) -> Call:
    """A message was sent; the key keeps a reload from counting it twice."""
    return ["Contact", {}, {"key": message_id}]


def identify(email: str, phone: str, external_id: str) -> Call:
    """Who the shopper is, as far as told. The tag hashes it before anything leaves the browser."""
    told = {"email": email, "phone_number": phone, "external_id": external_id}
    return ["identify", {name: value for name, value in told.items() if value}]


def _content(content_id: str, name: str, price: int, quantity: int) -> dict[str, Any]:
    return {
        "content_id": content_id,
        "content_type": "product",
        "content_name": name,
        "price": dirhams(price),
        "quantity": quantity,
    }


def _worth(contents: list[dict[str, Any]], centimes: int) -> dict[str, Any]:
    return {"contents": contents, "value": dirhams(centimes), "currency": CURRENCY}
