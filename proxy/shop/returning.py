"""Asking for a return or a replacement: find the order, say what is wrong, see the verdict, send it.

No page here calls ``pixelpair``: TikTok has no event for a refund, and returners are not whom ads should find.
"""

from typing import NoReturn

from flask import Blueprint, abort, redirect, render_template, request, send_from_directory, session, url_for
from werkzeug.wrappers import Response

from proxy.shop import csrf, pictures, returns
from proxy.shop.forms import Form
from proxy.shop.orders import Order
from proxy.shop.returns import Reason, Request, Verdict, Wish
from proxy.shop.shop import shop
from proxy.shop.store import AlreadyReturned, Filed, Pickup

pages = Blueprint("returning", __name__)

Answer = str | Response | tuple[str, int]

REASONS = {
    Reason.NOT_AS_DESCRIBED.value: "It is completely different from what its page showed",
    Reason.FAULTY.value: "It is faulty or damaged",
    Reason.UNMET_EXPECTATION.value: "It does not suit the use I had in mind",
    Reason.UNWANTED.value: "I do not want it any more",
}
WISHES = {Wish.RETURN.value: "My money back", Wish.REPLACEMENT.value: "A replacement"}
_CONFIRMED = "yes"
_SECONDS_A_DRAFT_LIVES = 24 * 3600


@pages.get("/returns")
def start() -> str:
    """Asks which order it is about."""
    return render_template("return_start.html", errors={}, typed={})


@pages.post("/returns")
def find_order() -> Answer:
    """Opens the order to whoever knows its number and the phone number or e-mail address it was placed with.

    The number alone will not do: numbers follow each other, so anyone could try their neighbours'. A wrong number and a
    wrong contact get one and the same answer, which therefore tells nothing about other shoppers' orders.
    """
    form = Form(request.form, csrf.errors())
    number = form.whole_number("order_number", "Order number", 1, 999_999_999)
    contact = form.phone_or_email("contact", "Phone number or e-mail")
    if not form.errors:
        order = shop().store.order_of(number, contact)
        if order:
            return redirect(url_for("returning.ask", key=order.key), 303)
        form.errors["order_number"] = (
            "Order number: we know no order with this number and this phone number or e-mail. "
            "Both must be as you gave them when you ordered."
        )
    return render_template("return_start.html", errors=form.errors, typed=form.typed), 400


@pages.get("/orders/<key>/return")
def ask(key: str) -> str:
    """The request's form, for whoever has the order's key: from the thank-you page or found by number and contact.

    ``?draft=`` fills it with a request that was not sent yet.
    """
    order = _order(key)
    draft = shop().store.filed_return(request.args.get("draft", ""))
    if draft and draft.order_id == order.id:
        return _form_page(order, Form(_typed(draft)), [str(item) for item in draft.request.items])
    mine = session.get("placed", {}).get("key") == order.key
    return _form_page(order, Form({"city": order.city, "address": order.address} if mine else {}), [])


@pages.post("/orders/<key>/return")
def preview(key: str) -> Answer:
    """Judge the request. What the rules allow is shown as a draft; what they forbid is explained, not kept."""
    order = _order(key)
    form = Form(request.form, csrf.errors())
    chosen = request.form.getlist("items")
    wanted = _request(form, chosen, order)
    where = (form.text("city", "City", 80), form.text("address", "Address", 200, lines=True))
    picture, kind = _picture(form)
    if form.errors or wanted is None:
        return _form_page(order, form, chosen), 400
    verdict = returns.judge(wanted, order, shop().clock())
    if not verdict.accepted:
        return _form_page(order, form, chosen, verdict)
    name = pictures.keep(shop().pictures, picture, kind) if kind else None
    token = _keep_draft(order, wanted, Pickup(*where, name))
    return redirect(url_for("returning.show", token=token), 303)


@pages.get("/returns/<token>")
def show(token: str) -> str:
    """The verdict of a draft, judged now, or the receipt of a sent request."""
    filed, order = _filed(token)
    verdict = filed.verdict or returns.judge(filed.request, order, shop().clock())
    return _verdict_page(order, verdict, filed)


@pages.post("/returns/<token>")
def send(token: str) -> Answer:
    """Send the draft, if the rules still allow it; a second click sends nothing twice."""
    filed, order = _filed(token)
    now = shop().clock()
    errors = csrf.errors()
    verdict = filed.verdict or returns.judge(filed.request, order, now)
    if errors or not verdict.accepted:
        return _verdict_page(order, verdict, filed, errors), 400
    try:
        shop().store.send_return(filed, verdict, int(now))
    except AlreadyReturned:
        errors = {"items": "Products: you have already sent a request for one of these. Nothing was changed."}
        return _verdict_page(order, verdict, filed, errors), 400
    return redirect(url_for("returning.show", token=token), 303)


@pages.get("/returns/<token>/picture")
def picture(token: str) -> Response:
    """The picture sent with a request."""
    filed, _ = _filed(token)
    name = filed.pickup.picture
    if name is None:
        abort(404, "No picture was sent with this request.")
    return send_from_directory(shop().pictures, name, mimetype=pictures.MIME_TYPES[name.rpartition(".")[2]])


def _order(key: str) -> Order:
    return shop().store.order(key) or _unknown("We know no order at this address.")


def _filed(token: str) -> tuple[Filed, Order]:
    filed = shop().store.filed_return(token) or _unknown(
        "We know no return request at this address. One that was never sent is forgotten after a day."
    )
    order = shop().store.order_by_id(filed.order_id)
    assert order is not None
    return filed, order


def _unknown(message: str) -> NoReturn:
    abort(404, message)


def _request(form: Form, chosen: list[str], order: Order) -> Request | None:
    """The request as posted, or None with its errors in ``form``."""
    items = _items(form, chosen, order)
    reason = form.choice("reason", "Reason", REASONS)
    wish = form.choice("wish", "What you would like", WISHES)
    if form.errors:
        return None
    return Request(
        items,
        Reason(reason),
        Wish(wish),
        original_condition=form.typed.get("original_condition") == _CONFIRMED,
        original_packaging=form.typed.get("original_packaging") == _CONFIRMED,
    )


def _items(form: Form, chosen: list[str], order: Order) -> frozenset[int]:
    by_name = {str(item.id): item for item in order.items}
    if not chosen:
        form.errors["items"] = "Products: please choose at least one."
    elif any(name not in by_name for name in chosen):
        form.errors["items"] = "Products: one of these is not part of this order; please choose again."
    elif any(by_name[name].returned for name in chosen):
        form.errors["items"] = "Products: you have already sent a request for one of these."
    else:
        return frozenset(by_name[name].id for name in chosen)
    return frozenset()


def _picture(form: Form) -> tuple[bytes, str | None]:
    """The picture and its kind; ``b"", None`` where none was sent. No browser keeps it when the form comes back."""
    upload = request.files.get("picture")
    data = upload.read(pictures.LARGEST + 1) if upload else b""
    kind = pictures.kind_of(data)
    reason = form.typed.get("reason")
    if len(data) > pictures.LARGEST:
        form.errors["picture"] = "Picture: larger than 5 MB; please choose a smaller one."
    elif data and not kind:
        form.errors["picture"] = "Picture: neither a PNG, a JPEG nor a WebP picture; please choose another file."
    elif not data and reason in REASONS and returns.picture_needed(Reason(reason)):
        form.errors["picture"] = "Picture: please add one that shows what is wrong with the goods."
    elif data and form.errors:
        form.errors["picture"] = "Picture: please choose it again; browsers forget files when a form comes back."
    return data, kind


def _keep_draft(order: Order, wanted: Request, pickup: Pickup) -> str:
    now = int(shop().clock())
    for name in shop().store.drop_drafts(now - _SECONDS_A_DRAFT_LIVES):
        pictures.drop(shop().pictures, name)
    return shop().store.draft_return(order, wanted, pickup, now)


def _typed(draft: Filed) -> dict[str, str]:
    return {
        "reason": draft.request.reason.value,
        "wish": draft.request.wish.value,
        "original_condition": _CONFIRMED,
        "original_packaging": _CONFIRMED,
        "city": draft.pickup.city,
        "address": draft.pickup.address,
    }


def _form_page(order: Order, form: Form, chosen: list[str], refusal: Verdict | None = None) -> str:
    return render_template(
        "return_form.html",
        order=order,
        errors=form.errors,
        typed=form.typed,
        chosen=chosen,
        refusal=refusal,
        reasons=REASONS,
        wishes=WISHES,
        day=returns.days_since(order.placed, shop().clock()),
        rules=returns,
    )


def _verdict_page(order: Order, verdict: Verdict, filed: Filed, errors: dict[str, str] | None = None) -> str:
    wanted = filed.request
    return render_template(
        "return_verdict.html",
        order=order,
        items=[item for item in order.items if item.id in wanted.items],
        reason=REASONS[wanted.reason],
        replacement=wanted.wish is Wish.REPLACEMENT,
        verdict=verdict,
        filed=filed,
        errors=errors or {},
    )
