"""Cart, checkout and the thank-you page. An order is paid in cash when it is delivered, and delivery is free."""

import secrets

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from proxy.shop import cart, csrf, tracking
from proxy.shop.catalogue import PRODUCTS
from proxy.shop.forms import Form
from proxy.shop.shop import shop
from proxy.shop.store import Buyer

pages = Blueprint("buying", __name__)

Answer = str | Response | tuple[str, int]


@pages.post("/cart/add")
def add() -> Answer:
    """Put one piece of a product into the cart."""
    product = PRODUCTS.get(request.form.get("content_id", ""))
    if product is None:
        abort(404, "We do not sell this, or do not sell it any more.")
    form = Form(request.form, csrf.errors())
    size = form.choice("size", "Size", dict.fromkeys(product.sizes, ""))
    stored = _stored_cart()
    ref = cart.reference(product.content_id, size)
    if stored.get(ref, 0) >= cart.MOST_OF_ONE:
        form.errors["size"] = f"Size: {cart.MOST_OF_ONE} of these are in your cart; that is the most for one order."
    elif ref not in stored and len(stored) >= cart.MOST_LINES:
        form.errors["size"] = (
            f"Size: your cart holds {cart.MOST_LINES} different things; that is the most for one order."
        )
    if form.errors:
        return render_template("product.html", product=product, errors=form.errors, typed=form.typed), 400
    session["cart"] = stored | {ref: stored.get(ref, 0) + 1}
    return redirect(url_for("buying.show_cart"), 303)


@pages.get("/cart")
def show_cart() -> str:
    """The cart."""
    return _cart_page(Form({}))


@pages.post("/cart")
def change_cart() -> Answer:
    """Set the quantity of one line; 0 removes it."""
    form = Form(request.form, csrf.errors())
    quantity = form.whole_number("quantity", "Quantity", 0, cart.MOST_OF_ONE)
    stored = _stored_cart()
    ref = request.form.get("line", "")
    if ref not in stored:
        return redirect(url_for("buying.show_cart"), 303)
    if form.errors:
        return _cart_page(form), 400
    stored[ref] = quantity
    session["cart"] = {line: pieces for line, pieces in stored.items() if pieces}
    return redirect(url_for("buying.show_cart"), 303)


@pages.get("/checkout")
def checkout() -> Answer:
    """The form for name and address, with InitiateCheckout."""
    lines = cart.read(_stored_cart())
    if not lines:
        return redirect(url_for("buying.show_cart"), 303)
    session.setdefault("checkout", secrets.token_urlsafe(12))
    return _checkout_page(Form({}), lines, calls=[tracking.initiate_checkout(lines)])


@pages.post("/checkout")
def place_order() -> Answer:
    """Place the order. A form that comes back with a message fires nothing: the checkout was initiated before."""
    lines = cart.read(_stored_cart())
    if not lines:
        return _to_placed_order_or_cart()
    form = Form(request.form, csrf.errors())
    buyer = _buyer(form)
    if form.errors:
        return _checkout_page(form, lines), 400
    # The cookie of a double click still holds the cart and this name, by which the store knows the order again.
    name_of_checkout = session.get("checkout") or secrets.token_urlsafe(12)
    order = shop().store.place_order(name_of_checkout, buyer, lines, int(shop().clock()))
    session.pop("cart", None)
    session.pop("checkout", None)
    session.setdefault("shopper", secrets.token_urlsafe(12))
    session["placed"] = {"key": order.key, "email": buyer.email, "phone": buyer.phone}
    return redirect(url_for("buying.thank_you", key=order.key), 303)


@pages.get("/orders/<key>")
def thank_you(key: str) -> str:
    """The order, with PlaceAnOrder. The page always says the same; that it counts once is the work of key and time.

    Only the browser that placed the order is told who ordered: the page's address alone, which travels in links and
    logs, opens nothing personal.
    """
    order = shop().store.order(key)
    if order is None:
        abort(404, "We know no order at this address.")
    calls = [tracking.place_an_order(order)]
    placed = session.get("placed", {})
    if placed.get("key") == order.key:
        calls.insert(0, tracking.identify(placed["email"], placed["phone"], session["shopper"]))
    return render_template("thank_you.html", order=order, calls=calls)


def _to_placed_order_or_cart() -> Response:
    """Where a checkout without a cart belongs: a slow second click has just emptied it by the first."""
    placed = session.get("placed")
    if placed:
        return redirect(url_for("buying.thank_you", key=placed["key"]), 303)
    return redirect(url_for("buying.show_cart"), 303)


def _stored_cart() -> dict[str, int]:
    return dict(session.get("cart", {}))


def _cart_page(form: Form) -> str:
    lines = cart.read(_stored_cart())
    return render_template(
        "cart.html", lines=lines, total=cart.total(lines), most=cart.MOST_OF_ONE, errors=form.errors, typed=form.typed
    )


def _checkout_page(form: Form, lines: tuple[cart.Line, ...], calls: list[tracking.Call] | None = None) -> str:
    return render_template(
        "checkout.html", lines=lines, total=cart.total(lines), errors=form.errors, typed=form.typed, calls=calls or []
    )


def _buyer(form: Form) -> Buyer:
    return Buyer(
        name=form.text("name", "Name", 100),
        phone=form.phone("phone", "Phone number"),
        email=form.email("email", "E-mail"),
        city=form.text("city", "City", 80),
        address=form.text("address", "Address", 200, lines=True),
    )
