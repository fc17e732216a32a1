"""``GET /t/healthz`` (does this process work?) and ``/t/readyz`` (can an event be stored now?)."""

import logging

from flask import Blueprint, Response, jsonify

from proxy.errors import OutboxBroken, OutboxBusy, OutboxError, OutboxFull
from proxy.web.doors import Doors

log = logging.getLogger(__name__)

# The keeper's heart beats every 5 seconds; a slow disk may delay a beat, a minute of silence means it is gone.
SILENT_MS = 60_000

# Strangers may ask too: the log has paths and what to do.
_REASONS: tuple[tuple[type[OutboxError], str], ...] = (
    (OutboxFull, "the disk of the outbox is full or nearly so"),
    (OutboxBusy, "the outbox is locked, slow or failing"),
    (OutboxBroken, "the outbox is broken"),
    (OutboxError, "the outbox is gone or cannot be used"),
)


def blueprint(doors: Doors) -> Blueprint:
    """The doors for whoever watches."""
    bp = Blueprint("health", __name__)

    def silence() -> int | None:
        """How long the keeper has been silent (ms): below zero if the clock was set back since it was heard."""
        beat = doors.outbox.fact("heartbeat")
        return doors.clock_ms() - int(beat) if beat else None

    def seen(ago: int | None) -> dict[str, int | None]:
        return {"keeper_seen_ms_ago": None if ago is None else max(0, ago)}

    def lanes(error: OutboxError) -> dict[str, bool]:
        """Whose reports are taken all the same: as a disk fills up, browsers' are refused first."""
        if not isinstance(error, OutboxFull):
            return {}
        try:
            doors.commit.check(backend=True)
        except OutboxError:
            return {"browsers": False, "back_ends": False}
        return {"browsers": False, "back_ends": True}

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
        except OutboxError as error:
            log.error("%s", error)
            reason = next(words for kind, words in _REASONS if isinstance(error, kind))
            return jsonify(status="failing", reason=f"{reason}; see the proxy's log", **lanes(error)), 503

    return bp
