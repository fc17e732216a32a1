"""The door of the Events API: what servers post. The answer is TikTok's, or the behaviour's that was asked for."""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request

from . import rules
from .behave import Behaviours
from .clock import Clock
from .memory import Memory, Receipt

PATH = "/open_api/v1.3/event/track/"


def doors(pixels: Mapping[str, str], memory: Memory, behaviours: Behaviours, clock: Clock) -> Blueprint:
    """``POST /open_api/v1.3/event/track/`` for these pixels (code -> access token)."""
    blueprint = Blueprint("track", __name__)

    @blueprint.post(PATH)
    def track() -> Response:
        raw, now = request.get_data(), clock.now()
        body = _read(raw)
        pixel_code = _text(body, "event_source_id")
        behaviour = behaviours.take("track", pixel_code)
        token = request.headers.get("Access-Token", "")
        judged = rules.judge(body, token, pixels, now, frozenset(behaviour.refuse_ids))
        code = behaviour.code if behaviour.answers_itself else judged.code
        message = rules.MESSAGES.get(code, "Unknown error.") if behaviour.answers_itself else judged.message
        kept = judged.events if behaviour.accept or not behaviour.answers_itself else ()
        envelope = {"code": code, "message": message, "request_id": _request_id(now), "data": {}}
        answer = behaviour.answer(envelope) if behaviour.answers_itself else jsonify(envelope)
        answer.headers.update(behaviour.headers)
        memory.keep(
            Receipt(
                method="POST",
                path=PATH,
                received_at=now,
                status=answer.status_code,
                code=code if answer.is_json and behaviour.body is None else None,
                message=message if answer.is_json and behaviour.body is None else "",
                request_id=str(envelope["request_id"]),
                pixel_code=pixel_code,
                known=pixel_code in pixels,
                token_matched=token in pixels.values(),
                test_event_code=_text(body, "test_event_code") or None,
                items=judged.items,
                warnings=_content_type_warning() + list(judged.warnings),
                leg="server",
                body=raw if kept else b"",
                events=kept,
            )
        )
        # Kept before the delay: a caller who gave up waiting may still have been heard, as with TikTok.
        time.sleep(behaviour.delay_ms / 1000)
        return answer

    return blueprint


def _read(raw: bytes) -> object:
    try:
        return rules.read_json(raw)
    except ValueError:
        return None


def _text(body: object, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


def _content_type_warning() -> list[str]:
    return [] if request.mimetype == "application/json" else ["Content-Type: must be application/json"]


def _request_id(now: float) -> str:
    """A time and hexadecimal digits, 34 characters, the form seen in TikTok's answers."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d%H%M%S}{secrets.token_hex(10).upper()}"
