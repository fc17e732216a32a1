"""The doors of the Pixel: the stand-in for TikTok's script, and where that script posts each event of a browser."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request

from . import rules
from .behave import Behaviour, Behaviours
from .clock import Clock
from .memory import Memory, Receipt, Told

SCRIPT_PATH = "/i18n/pixel/events.js"
EVENT_PATH = "/api/v2/pixel"


def doors(pixels: Mapping[str, str], memory: Memory, behaviours: Behaviours, clock: Clock, script: Path) -> Blueprint:
    """``GET /i18n/pixel/events.js`` (the file ``script``) and ``POST /api/v2/pixel``, both open to every origin."""
    blueprint = Blueprint("pixel", __name__)
    blueprint.after_request(_open_to_every_origin)

    def finish(behaviour: Behaviour, receipt: Receipt, answer: Response) -> Response:
        answer.headers.update(behaviour.headers)
        memory.keep(receipt)
        time.sleep(behaviour.delay_ms / 1000)
        return answer

    @blueprint.get(SCRIPT_PATH)
    def events_js() -> Response:
        pixel_code = request.args.get("sdkid", "")
        behaviour = behaviours.take("events.js", pixel_code)
        source = Response(script.read_bytes(), mimetype="text/javascript")
        answer = behaviour.answer(None) if behaviour.answers_itself else source
        answer.headers["Cache-Control"] = "no-store"
        receipt = Receipt(
            method="GET",
            path=SCRIPT_PATH,
            received_at=clock.now(),
            status=answer.status_code,
            pixel_code=pixel_code,
            known=pixel_code in pixels,
        )
        return finish(behaviour, receipt, answer)

    @blueprint.post(EVENT_PATH, provide_automatic_options=False)
    def pixel_event() -> Response:
        raw, now = request.get_data(), clock.now()
        told, pixel_code, fault = _read_event(raw)
        behaviour = behaviours.take("pixel", pixel_code)
        kept = () if told is None or (behaviour.answers_itself and not behaviour.accept) else (told,)
        code = rules.INVALID if fault else behaviour.code
        envelope = {"code": code, "message": fault or rules.MESSAGES.get(code, "Unknown error.")}
        answer = behaviour.answer(envelope) if behaviour.answers_itself else jsonify(envelope)
        if fault and not behaviour.answers_itself:
            answer.status_code = 400
        receipt = Receipt(
            method="POST",
            path=EVENT_PATH,
            received_at=now,
            status=answer.status_code,
            code=code,
            message=str(envelope["message"]),
            pixel_code=pixel_code,
            known=pixel_code in pixels,
            items=0 if told is None else 1,
            warnings=() if told is None else told.warnings,
            leg="pixel",
            body=raw if kept else b"",
            events=kept,
        )
        return finish(behaviour, receipt, answer)

    @blueprint.route(EVENT_PATH, methods=["OPTIONS"], provide_automatic_options=False)
    def preflight() -> Response:
        return Response(status=204)

    @blueprint.route(f"{EVENT_PATH}/<kind>", methods=["POST", "OPTIONS"], provide_automatic_options=False)
    def telemetry(kind: str) -> Response:  # noqa: ARG001  perf, act, inter, monitor: TikTok's own, nothing to join
        return Response(status=200)

    return blueprint


def _open_to_every_origin(answer: Response) -> Response:
    answer.headers.setdefault("Access-Control-Allow-Origin", "*")
    answer.headers.setdefault("Access-Control-Allow-Methods", "POST")
    answer.headers.setdefault("Access-Control-Allow-Headers", "Content-Type")
    answer.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    return answer


def _read_event(raw: bytes) -> tuple[Told | None, str, str]:
    """The event a browser told, its pixel code, and why it is none ("" if it is one)."""
    try:
        body = rules.read_json(raw)
    except ValueError:
        return None, "", "Invalid JSON."
    context = body.get("context") if isinstance(body, dict) else None
    pixel = context.get("pixel") if isinstance(context, dict) else None
    pixel_code = pixel.get("code") if isinstance(pixel, dict) else None
    if not isinstance(body, dict) or not isinstance(pixel_code, str):
        return None, "", "Invalid value for context.pixel.code: not a valid string."
    if not isinstance(body.get("event"), str) or not body["event"]:
        return None, pixel_code, "Invalid value for event: not a valid string."
    return _told(body), pixel_code, ""


def _told(body: Mapping[str, Any]) -> Told:
    found = rules.Findings()
    event_id = body.get("event_id")
    if not isinstance(event_id, str) or not event_id:
        found.warnings.append(("event_id", "missing or no string, so TikTok cannot tell it from the server's event"))
    user = body["context"].get("user")
    if isinstance(user, dict):
        rules.check_hashes(user, ("email", "phone_number", "external_id"), "context.user.", found)
    properties = body.get("properties")
    if isinstance(properties, dict):
        rules.check_properties(properties, found)
    problems = found.errors + found.warnings
    return Told(
        event=body["event"],
        event_id=event_id if isinstance(event_id, str) else "",
        warnings=tuple(f"{path}: {text}" for path, text in problems),
    )
