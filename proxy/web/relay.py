"""``POST /t/open_api/v1.3/event/track/``: TikTok's own request shape, from back ends.

Whatever talks to TikTok today talks to us when its base address and token change. The answer has TikTok's body shape,
and an HTTP status that says the same, so that a caller who reads only one of the two is never misled.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from proxy.errors import OutboxError, Rejected
from proxy.events.event import build_event
from proxy.events.identity import hash_user
from proxy.events.reading import RejectedTrack, Report, Rules, Track, parse_json, read_track
from proxy.outbox.entry import Entry
from proxy.settings import Destination, Site
from proxy.web import guards
from proxy.web.doors import Doors, unavailable
from proxy.web.entries import entries_for

PATH = "/open_api/v1.3/event/track/"
MOST_BYTES = 4 * 1024 * 1024
TYPES = ("application/json",)

# TikTok's code for each status of ours (reference: codes of the Events API).
CODES = {200: 0, 400: 40002, 401: 40105, 404: 40001, 405: 40002, 413: 40002, 415: 40002, 429: 40100, 503: 50002}


def blueprint(doors: Doors) -> Blueprint:
    """The door for back ends."""
    bp = Blueprint("relay", __name__)

    @bp.route(PATH, methods=["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"], provide_automatic_options=False)
    def only_post() -> Response:
        answer = _refuse(doors.clock_ms(), Rejected("method", "", "This address takes only POST.", 405))
        answer.headers["Allow"] = "POST"
        return answer

    @bp.post(PATH, provide_automatic_options=False)
    def track() -> Response:
        now = doors.clock_ms()
        try:
            site = doors.keys.check(request.headers.get("Access-Token", ""))
            body = guards.read_body(request, MOST_BYTES, TYPES)
            told = read_track(parse_json(body), _rules(site), now // 1000, _fresh_id)
            destination = _destination(site, told)
            entries = [row for report in told.reports for row in _rows(site, destination, told, report, now)]
            doors.commit.store(entries)
        except RejectedTrack as error:
            doors.count(error.code)
            fields = [{"field": field, "message": message} for field, message in error.errors]
            return _answer(now, error.status, _sentence(error), {"errors": fields})
        except Rejected as error:
            doors.count(error.code)
            return _refuse(now, error)
        except OutboxError as error:
            return _refuse(now, unavailable(error))
        noted = {str(index): list(report.warnings) for index, report in enumerate(told.reports) if report.warnings}
        return _answer(now, 200, "OK", {"event_ids": [row.event_id for row in entries], "warnings": noted})

    return bp


def _destination(site: Site, told: Track) -> Destination:
    for destination in site.destinations:
        if destination.pixel_code == told.event_source_id:
            return destination
    raise Rejected("unknown_pixel", "event_source_id", "This key's site has no such pixel.", 404)


def _rules(site: Site) -> Rules:
    return Rules(
        order_events=frozenset(site.order_events),
        event_names=frozenset(site.event_names),
        fallback_url="",
        default_consent=site.consent,
    )


def _rows(site: Site, destination: Destination, told: Track, report: Report, now: int) -> list[Entry]:
    user, unmatched = hash_user(report.user, site.default_region)
    limited = report.consent == "limited"
    event = build_event(
        report,
        event_id=report.event_id or "",
        event_time=report.event_time or now // 1000,
        user=user,
        ip=report.ip,
        user_agent=report.user_agent,
        ttclid=report.ttclid,
        ttp=report.ttp,
        limited=limited,
    )
    return entries_for(
        site,
        (destination,),
        event,
        report,
        received=now,
        consent="limited" if limited else "granted",
        backend=True,
        proved=True,
        told_twice=True,  # the key it came with is one
        warnings=(*report.warnings, *unmatched),
        test_code=told.test_event_code,
    )


def _fresh_id() -> str:
    return secrets.token_hex(16)


def _sentence(error: RejectedTrack) -> str:
    field, message = error.errors[0]
    more = len(error.errors) - 1
    return f"{field}: {message}" + (f" ({more} more in data.errors)" if more else "")


def _refuse(now: int, error: Rejected) -> Response:
    message = f"{error.field}: {error.message}" if error.field else error.message
    fields = [{"field": error.field, "message": error.message}]
    answer = _answer(now, error.status, message, {"errors": fields})
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _answer(now: int, status: int, message: str, data: dict[str, Any]) -> Response:
    stamp = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d%H%M%S")
    answer = jsonify(
        code=CODES.get(status, 40002), message=message, request_id=stamp + secrets.token_hex(10).upper(), data=data
    )
    answer.status_code = status
    return answer
