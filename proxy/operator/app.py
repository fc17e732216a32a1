"""The operator's app: Test Events and the story of each event. Of the outbox it only ever reads.

Without a password it is for a browser on this machine, see ``guards``; with one for whoever knows it, see ``login``.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request, send_from_directory
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from proxy.assets import asset_dir
from proxy.errors import OutboxError, Rejected
from proxy.operator import advice, guards, login, words
from proxy.operator.overview import Chosen, Desk, Overview
from proxy.operator.story import item_text, tell
from proxy.outbox.browse import find
from proxy.outbox.store import Outbox
from proxy.outbox.tables import State
from proxy.settings import Settings

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # Not no-referrer: browsers would send the log-in form with the Origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_READING = ("GET", "HEAD")
_VENDORED = ("htmx.min.js",)
_LARGEST_ID = 2**63 - 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def create_app(
    outbox: Outbox,
    settings: Settings,
    clock_ms: Callable[[], int] = _now_ms,
    secret_keys: Sequence[str] = (),
    seconds: Callable[[], float] = time.monotonic,
) -> Flask:
    """The operator's pages over ``outbox``; ``clock_ms`` gives Unix milliseconds.

    With a password in ``settings``, sessions are signed with ``secret_keys`` and end by the clock ``seconds``.
    """
    static = asset_dir("static")
    app = Flask(
        __name__,
        template_folder=str(asset_dir("templates") / "operator"),
        static_folder=str(static / "operator"),
        static_url_path="/static",
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # DefaultJSONProvider: facts in the order they are told
    app.jinja_env.filters.update(iso=words.iso, relative=words.relative, since=words.since)
    desk = Desk(outbox, settings, clock_ms)
    _answer(app, forms=settings.operator_password_hash is not None)
    if settings.operator_password_hash is None:
        _guard(app)
    else:
        login.install(app, settings, secret_keys, seconds)

    def facts(overview: Overview) -> dict[str, Any]:
        return {
            "overview": overview,
            "version": overview.version(),
            "now": clock_ms(),
            "heartbeat": desk.heartbeat(),
            "link": lambda **changes: words.link(overview.chosen, **changes),
        }

    @app.get("/")
    def test_events() -> str:
        return render_template("test_events.html", **facts(desk.overview(_chosen(desk))))

    @app.get("/events")
    def live() -> Response:
        """The page's changing part; 204 when the reader has seen it (``seen``)."""
        told = facts(desk.overview(_chosen(desk)))
        if request.args.get("seen") == told["version"]:
            answer = make_response("", 204)
        else:
            answer = make_response(render_template("_live.html", polled=True, **told))
        # Clock and heartbeat tick without being news: the page's script takes them from here.
        answer.headers["HX-Trigger"] = json.dumps({"ticked": {"now": told["now"], "heartbeat": told["heartbeat"]}})
        return answer

    @app.get("/events.json")
    def events_json() -> Response:
        overview = desk.overview(_chosen(desk))
        return jsonify({"now": clock_ms(), "heartbeat": desk.heartbeat(), **overview.as_json()})

    @app.get(f"/event/<int(max={_LARGEST_ID}):row_id>")
    def one_event(row_id: int) -> str:
        entry = find(outbox, row_id)
        if entry is None:
            raise Rejected("unknown", "", "This event is not in the outbox (any more).", 404)
        standing, state = desk.standing(entry.destination)
        now = clock_ms()
        return render_template(
            "event.html",
            entry=entry,
            story=tell(entry, state, now),
            standing=standing,
            what_to_do=advice.for_event(entry, standing),
            item=item_text(entry.body),
            beside=item_text(entry.beside) if entry.beside else None,
            now=now,
        )

    @app.get("/vendor/<any(" + ",".join(f"'{name}'" for name in _VENDORED) + "):name>")
    def vendored(name: str) -> Response:
        return send_from_directory(static / "vendor", name)

    return app


def _guard(app: Flask) -> None:
    """While there is no password: only a browser on this machine, and only reading."""

    @app.before_request
    def check() -> Response | None:
        address = request.environ.get("REMOTE_ADDR")
        sentence = guards.refusal(request.headers.keys(), request.environ.get("HTTP_HOST"), address)
        if sentence:
            return _plain(sentence, 403)
        return None if request.method in _READING else _not_allowed(_READING)


def _not_allowed(allowed: Sequence[str]) -> Response:
    names = ", ".join(sorted(allowed))
    answer = _plain(f"This address takes only {names}.", 405)
    answer.headers["Allow"] = names
    return answer


def _answer(app: Flask, forms: bool) -> None:
    """What holds for every answer, errors included; ``forms``: there are pages with a form."""
    headers = {"Content-Security-Policy": POLICY.format(forms="'self'" if forms else "'none'"), **HEADERS}

    @app.after_request
    def close_doors(answer: Response) -> Response:
        answer.headers.update(headers)
        return answer

    @app.errorhandler(Rejected)
    def rejected(error: Rejected) -> Response:
        answer = _plain(error.message, error.status)
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer

    @app.errorhandler(OutboxError)
    def unusable(error: OutboxError) -> Response:
        answer = _plain(str(error), 503)
        answer.headers["Retry-After"] = "5"
        return answer

    @app.errorhandler(404)
    def nowhere(_error: object) -> Response:
        return _plain("There is no such page here. Test Events is at /.", 404)

    @app.errorhandler(MethodNotAllowed)
    def not_so(error: MethodNotAllowed) -> Response:
        return _not_allowed([method for method in error.valid_methods or () if method != "OPTIONS"])

    @app.errorhandler(HTTPException)
    def not_understood(error: HTTPException) -> Response:
        return _plain("The request cannot be understood.", error.code or 400)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        # The type alone: an exception's text may carry what a shopper typed.
        log.error("the operator's page failed: %s", type(error).__name__)
        return _plain("The page failed; Pixelpair's log says more.", 500)


def _chosen(desk: Desk) -> Chosen:
    """The filters in the address. Raises Rejected for a name that is none."""
    site, state = request.args.get("site") or None, request.args.get("state") or None
    if site is not None and site not in desk.sites:
        raise Rejected("site", "site", "The settings have no such site.", 400)
    if state is not None and state not in set(State):
        raise Rejected("state", "state", f"A state is one of: {', '.join(State)}.", 400)
    return Chosen(site, State(state) if state else None)


def _plain(sentence: str, status: int) -> Response:
    answer = make_response(f"{sentence}\n", status)
    answer.mimetype = "text/plain"
    return answer
