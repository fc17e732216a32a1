"""``GET /t/healthz`` (does this process work?) and ``/t/readyz`` (can an event be stored now?)."""

from flask import Blueprint, Response, jsonify

from proxy.errors import OutboxError
from proxy.web.doors import Doors

# The keeper's heart beats every 5 seconds; a slow disk may delay a beat, a minute of silence means it is gone.
SILENT_MS = 60_000


def blueprint(doors: Doors) -> Blueprint:
    """The doors for whoever watches."""
    bp = Blueprint("health", __name__)

    def silence() -> int | None:
        """How long the keeper has been silent (ms): below zero if the clock was set back since it was heard."""
        beat = doors.outbox.fact("heartbeat")
        return doors.clock_ms() - int(beat) if beat else None

    def seen(ago: int | None) -> dict[str, int | None]:
        return {"keeper_seen_ms_ago": None if ago is None else max(0, ago)}

    @bp.get("/healthz")
    def healthz() -> tuple[Response, int]:
        if not doors.keeper_here:
            return jsonify(status="ok"), 200
        try:
            ago = silence()
        except OutboxError:
            return jsonify(status="failing", reason="the outbox cannot be read"), 503
        alive = ago is not None and abs(ago) < SILENT_MS
        return jsonify(status="ok" if alive else "failing", **seen(ago)), 200 if alive else 503

    @bp.get("/readyz")
    def readyz() -> tuple[Response, int]:
        try:
            doors.commit.check()
            return jsonify(status="ok", **seen(silence())), 200
        except OutboxError:
            return jsonify(status="failing", reason="the outbox cannot be used"), 503

    return bp
