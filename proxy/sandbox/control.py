"""The sandbox's own doors: look at what was received, forget it, set the clock, ask for a behaviour, and the page."""

import math
import secrets
from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, render_template, request

from .behave import BadBehaviour, Behaviours, read_behaviour
from .clock import Clock
from .memory import Memory
from .received import received

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def doors(pixels: Mapping[str, str], memory: Memory, behaviours: Behaviours, clock: Clock) -> Blueprint:
    """``GET /`` and everything under ``/sandbox/``."""
    blueprint = Blueprint("control", __name__)
    started = secrets.token_hex(4)

    @blueprint.get("/")
    def page() -> Response:
        answer = Response(render_template("page.html", pixels=list(pixels)))
        answer.headers["Content-Security-Policy"] = _CSP
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @blueprint.get("/sandbox/received")
    def show() -> Response:
        limit = request.args.get("limit", "")
        if limit and not (limit.isascii() and limit.isdigit() and len(limit) < 10):
            return _bad("limit: must be a number of rows.")
        # Unchanged memory is not told again: the page asks every second.
        etag = f"{started}-{memory.version}-{behaviours.version}-{clock.offset}-{limit}"
        if request.if_none_match.contains(etag):
            return Response(status=304, headers={"ETag": f'"{etag}"'})
        shown = received(memory, int(limit) if limit else None)
        answer = jsonify({**shown, "clock_offset": clock.offset, "behave": behaviours.in_force()})
        answer.set_etag(etag)
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @blueprint.delete("/sandbox/received")
    def forget() -> Response:
        memory.forget()
        return Response(status=204)

    @blueprint.get("/sandbox/behave")
    def behaviour() -> Response:
        return jsonify(behaviours.in_force())

    @blueprint.post("/sandbox/behave")
    def behave() -> Response:
        try:
            wanted = read_behaviour(request.get_json(force=True, silent=True))
        except BadBehaviour as bad:
            return _bad(str(bad))
        behaviours.put(wanted)
        return jsonify(behaviours.in_force())

    @blueprint.delete("/sandbox/behave")
    def behave_again() -> Response:
        behaviours.reset()
        return Response(status=204)

    @blueprint.get("/sandbox/clock")
    def show_clock() -> Response:
        return jsonify(now=clock.now(), offset=clock.offset)

    @blueprint.post("/sandbox/clock")
    def set_clock() -> Response:
        told = request.get_json(force=True, silent=True)
        if not isinstance(told, dict) or len(told) != 1 or not told.keys() <= {"now", "offset"}:
            return _bad('the body must be {"now": Unix seconds} or {"offset": seconds}.')
        ((name, seconds),) = told.items()
        if type(seconds) not in (int, float) or not math.isfinite(seconds) or abs(seconds) > 2**32:
            return _bad(f"{name}: must be a number of seconds within 2^32.")
        if name == "now":
            clock.set(seconds)
        else:
            clock.offset = float(seconds)
        return show_clock()

    @blueprint.delete("/sandbox/clock")
    def reset_clock() -> Response:
        clock.offset = 0.0
        return Response(status=204)

    return blueprint


def _bad(message: str) -> Response:
    answer = jsonify(error={"code": "bad_request", "message": message})
    answer.status_code = 400
    return answer
