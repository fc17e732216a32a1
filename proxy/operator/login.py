"""The log-in: with a password set, each page asks for a session, from wherever the browser comes.

The password itself is compared in ``password``, attempts are counted in ``throttle``, ``sessions`` knows who is in.
"""

import logging
from collections.abc import Callable, Sequence

from flask import Flask, Response, make_response, redirect, render_template, request

from proxy.errors import Rejected
from proxy.operator import guards, password
from proxy.operator.sessions import Sessions
from proxy.operator.throttle import DIRECT, Throttle
from proxy.settings import Settings

log = logging.getLogger(__name__)

# Browsers take a __Host- cookie over https alone, from this very host, for all its paths.
HOST_ONLY = "__Host-"
SESSION = "pixelpair-operator"
# Ties the log-in form to its browser. Not in the session's place: a link from another site comes without cookies, and
# the answer to it would put a visitor's cookie over that of an open session.
VISITOR = "pixelpair-login"
MOST_BYTES = 8 * 1024
FORM = "application/x-www-form-urlencoded"
# A page that polls is not a person who looks: left open, it does not keep its session open.
_POLLED = ("live", "events_json")
_PUBLIC = ("static", "vendored", "log_in", "log_in_form")

WRONG = "This is not the password."
STALE = "This page had been open for too long, or cookies are off. Please send it once more."
ELSEWHERE = (
    "This form was not sent by a page of this host. Behind a reverse proxy, pass the Host on as the browser sent it "
    "(nginx: proxy_set_header Host $http_host), and count that proxy in trusted_hops."
)
TOO_OFTEN = "The password was tried too often: wait {wait} seconds."


def install(app: Flask, settings: Settings, secret_keys: Sequence[str], seconds: Callable[[], float]) -> None:
    """Put the pages of ``app`` behind the password of ``settings``."""
    assert settings.operator_password_hash is not None
    kept = settings.operator_password_hash.get_secret_value()
    hops = settings.trusted_hops
    sessions = Sessions(secret_keys, seconds)
    throttle = Throttle(seconds)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    def secure() -> bool:
        told = guards.hop(request.headers.get("X-Forwarded-Proto"), hops)
        return (told or request.scheme) == "https"

    def cookie(name: str) -> str:
        return request.cookies.get(HOST_ONLY + name if secure() else name, "")

    def set_cookie(answer: Response, name: str, value: str) -> Response:
        """Without an age: it ends with the browser, and a session by our own clock. An empty one is deleted."""
        safe = secure()
        named = HOST_ONLY + name if safe else name
        age = None if value else 0
        answer.set_cookie(named, value, max_age=age, secure=safe, httponly=True, samesite="Strict", path="/")
        return answer

    def who() -> str:
        forwarded = guards.hop(request.headers.get("X-Forwarded-For"), hops)
        if forwarded is None and guards.came_directly(request.headers.keys(), request.remote_addr):
            return DIRECT
        return guards.whose(forwarded or request.remote_addr)

    def form(problem: str = "", status: int = 200) -> Response:
        """The log-in page, tied to this browser."""
        mine = cookie(VISITOR)
        known = mine if sessions.is_ours(mine) else sessions.visitor()
        host = request.environ.get("HTTP_HOST", "")
        readable = not secure() and not guards.is_loopback_host(host)
        page = render_template("login.html", problem=problem, token=sessions.token(known), readable=readable)
        answer = make_response(page, status)
        return answer if known == mine else set_cookie(answer, VISITOR, known)

    def check_form() -> None:
        """Raises Rejected for a form that another site may have sent."""
        if not guards.is_own_page(request.headers.get("Origin"), request.environ.get("HTTP_HOST"), secure()):
            raise Rejected("origin", "Origin", ELSEWHERE, 403)
        if request.mimetype != FORM:
            raise Rejected("unsupported_type", "Content-Type", f"Send the form as {FORM}.", 415)

    def has_token(of: str) -> bool:
        return sessions.is_token(cookie(of), request.form.get("token", ""))

    @app.before_request
    def ask() -> Response | None:
        if request.endpoint in _PUBLIC or sessions.is_open(cookie(SESSION), used=request.endpoint not in _POLLED):
            return None
        if request.endpoint in _POLLED:
            answer = make_response("The session has ended: log in at /login.\n", 401)
            answer.mimetype = "text/plain"
            answer.headers["HX-Redirect"] = "/login"
            return answer
        return _to("/login")

    @app.context_processor
    def log_out_form() -> dict[str, str]:
        mine = cookie(SESSION)
        return {"log_out_token": sessions.token(mine) if sessions.is_open(mine, used=False) else ""}

    @app.get("/login")
    def log_in_form() -> Response:
        return _to("/") if sessions.is_open(cookie(SESSION), used=True) else form()

    @app.post("/login")
    def log_in() -> Response:
        check_form()
        if not has_token(VISITOR):
            return form(STALE, 403)
        by = who()
        wait = throttle.wait(by)
        if wait:
            answer = form(TOO_OFTEN.format(wait=wait), 429)
            answer.headers["Retry-After"] = str(wait)
            return answer
        if not password.matches(kept, request.form.get("password", "")):
            log.warning("wrong password for the operator's page, from %s", by)
            return form(WRONG, 403)
        throttle.forgive(by)
        sessions.end(cookie(SESSION))
        log.info("log-in to the operator's page, from %s", by)
        return set_cookie(_to("/"), SESSION, sessions.begin())

    @app.post("/logout")
    def log_out() -> Response:
        check_form()
        if not has_token(SESSION):
            raise Rejected("token", "token", STALE, 403)
        sessions.end(cookie(SESSION))
        return set_cookie(_to("/login"), SESSION, "")


def _to(path: str) -> Response:
    """On to one of our own pages; never to an address that a request names."""
    answer = make_response(redirect(path, 303))
    answer.mimetype = "text/plain"
    answer.set_data("")
    return answer
