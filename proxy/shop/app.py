"""The demo shop as a Flask app of its own: it knows the proxy only by the address of the tag it pastes."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, render_template, request, session
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from proxy.assets import asset_dir
from proxy.shop import browsing, buying, cart, contact, csrf, pictures, returning, returns
from proxy.shop.catalogue import dirhams, money
from proxy.shop.secret import read_or_make
from proxy.shop.shop import Shop
from proxy.shop.store import Store

# Above the limit for a picture, so that a somewhat larger one still gets its form back, with everything typed in it.
_LARGEST_BODY = pictures.LARGEST * 2


def create_app(data: Path, *, tag_src: str = "/t/tag.js", clock: Callable[[], float] = time.time) -> Flask:
    """The shop, which keeps everything in the folder ``data`` and pastes the tag from ``tag_src``.

    ``clock`` gives Unix seconds. Raises OSError if ``data`` cannot be written.
    """
    photos = data / "returns"
    photos.mkdir(parents=True, exist_ok=True)
    secret = read_or_make(data / "shop-secret.key")
    app = Flask(
        __name__,
        template_folder=str(asset_dir("templates") / "shop"),
        static_folder=str(asset_dir("static") / "shop"),
        static_url_path="/assets",
    )
    app.config.update(
        SECRET_KEY=secret,
        # Cookies know no ports: the operator's pages on the same host have a session of their own.
        SESSION_COOKIE_NAME="shop_session",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SESSION_REFRESH_EACH_REQUEST=False,  # pages do that: see _keep_session
        MAX_CONTENT_LENGTH=_LARGEST_BODY,
    )
    app.extensions["shop"] = Shop(Store(data / "shop.db", secret), photos, clock)
    for pages in (browsing.pages, buying.pages, contact.pages, returning.pages):
        app.register_blueprint(pages)
    _dress(app, tag_src)
    app.before_request(_keep_session)
    app.after_request(_set_headers)
    app.register_error_handler(HTTPException, _show_error)
    return app


def _dress(app: Flask, tag_src: str) -> None:
    """What every template may use."""
    # Unsorted, so that the calls on the pages read as an owner would write them.
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {"money": money, "dirhams": dirhams, "local_day": returns.local_day}
    app.jinja_env.filters["written_day"] = returns.written_day
    app.jinja_env.globals |= {"tag_src": tag_src, "csrf_token": csrf.token}
    app.context_processor(lambda: {"pieces_in_cart": sum(line.quantity for line in cart.read(session.get("cart", {})))})


def _keep_session() -> None:
    """Not with static files: the late answer of one would set an older session back over a newer."""
    if request.endpoint != "static":
        session.permanent = True


def _set_headers(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def _show_error(error: HTTPException) -> Response:
    """The error as a page of the shop, with the headers that belong to it (405 names the methods that would do)."""
    response = Response(status=error.code, headers=error.get_headers())
    response.set_data(render_template("error.html", code=error.code, name=error.name, message=_message_of(error)))
    return response


def _message_of(error: HTTPException) -> str:
    if isinstance(error, RequestEntityTooLarge) and request.endpoint == "returning.preview":
        return "Picture: this is far larger than 5 MB. Go back, choose a smaller one, and send the form again."
    return error.description or "Something went wrong."
