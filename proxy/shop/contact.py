"""The Contact Us page: a form and phone numbers. Contact is fired when a message was sent or a number is clicked."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from proxy.shop import csrf, tracking
from proxy.shop.forms import Form
from proxy.shop.shop import shop

pages = Blueprint("contact", __name__)

# E.164 and as people write it.
PHONES = {"+212522000043": "0522 000 043", "+212661000043": "0661 000 043"}


@pages.get("/contact")
def show() -> str:
    """The form, or once after sending it: thanks, with the Contact event."""
    message_id = session.pop("message", None)
    calls = [tracking.contact(message_id)] if message_id else []
    return render_template("contact.html", sent=bool(message_id), phones=PHONES, errors={}, typed={}, calls=calls)


@pages.post("/contact")
def send() -> Response | tuple[str, int]:
    """Keep the message."""
    form = Form(request.form, csrf.errors())
    name = form.text("name", "Name", 100)
    reply_to = form.phone_or_email("reply_to", "Phone number or e-mail")
    message = form.text("message", "Message", 2000, lines=True)
    if form.errors:
        page = render_template("contact.html", sent=False, phones=PHONES, errors=form.errors, typed=form.typed)
        return page, 400
    session["message"] = shop().store.keep_message(name, reply_to, message, int(shop().clock()))
    return redirect(url_for("contact.show"), 303)
