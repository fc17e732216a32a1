"""``POST /t/tickets``: an order's ticket for a back end that does not hold the secret key.

What is signed is what a report would be allowed to say: the same names, keys and money, so that a ticket that was
handed out never fails at the other door.
"""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from proxy.errors import Rejected
from proxy.events import event_id as ids
from proxy.events.names import problem_with
from proxy.events.properties import repair
from proxy.events.reading import parse_json
from proxy.settings import Site
from proxy.tickets import VALID_SECONDS, Ticket, sign_order
from proxy.web import guards
from proxy.web.doors import Doors, as_json

MOST_BYTES = 16 * 1024
FIELDS = ("event", "key", "value", "currency")
WANTED = {"value": "Give a plain number, such as 349.5.", "currency": "Give three letters, such as MAD."}


def blueprint(doors: Doors) -> Blueprint:
    """The door that signs."""
    bp = Blueprint("tickets", __name__)

    @bp.post("/tickets")
    def make() -> Response:
        site = doors.keys.check(request.headers.get("Access-Token", ""))
        told = parse_json(guards.read_body(request, MOST_BYTES, ("application/json",)))
        ticket, errors = _read(site, told)
        if errors or ticket is None:
            answer = as_json({"error": errors[0], "errors": errors}, 400)
        else:
            now = doors.clock_ms() // 1000
            expires = datetime.fromtimestamp(now + VALID_SECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            answer = as_json({"ticket": sign_order(ticket, doors.secret_keys, now), "expires": expires})
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return bp


def _read(site: Site, told: object) -> tuple[Ticket | None, list[dict[str, str]]]:
    """The ticket that is asked for, or every fault of the asking."""
    if not isinstance(told, dict):
        raise Rejected("not_an_object", "", "Send one JSON object with event, key, value and currency.")
    errors = [_error(name, "unknown", f"Leave it out: a ticket has {', '.join(FIELDS)}.") for name in _unknown(told)]
    event = told.get("event")
    if problem := problem_with(event, site.event_names):
        errors.append(_error("event", *problem))
    key = ids.usable_key(told.get("key"))
    if key is None:
        errors.append(
            _error(
                "key", "invalid", "Give the order's own key: 1 to 128 bytes, no control characters, no e-mail address."
            )
        )
    money, _ = repair({name: told[name] for name in ("value", "currency") if told.get(name) is not None})
    for name in ("value", "currency"):
        if told.get(name) is not None and name not in money:
            errors.append(_error(name, "invalid", WANTED[name]))
    if ("value" in money) != ("currency" in money) and not errors:
        missing = "currency" if "value" in money else "value"
        errors.append(_error(missing, "missing", "Give value and currency together, or neither."))
    if errors or key is None:
        return None, errors
    return Ticket(site.name, str(event), key, money.get("value"), money.get("currency")), []


def _unknown(told: dict[str, Any]) -> list[str]:
    """Names that a ticket does not have, without those that nobody could read in an answer."""
    return [json.dumps(name)[1:-1][:40] for name in told if name not in FIELDS][:5]


def _error(field: str, code: str, message: str) -> dict[str, str]:
    return {"code": code, "field": field, "message": message}
