"""What every public door needs, and how any of them refuses."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from proxy.errors import OutboxError, Rejected
from proxy.outbox.group_commit import GroupCommit
from proxy.outbox.store import Outbox
from proxy.settings import Settings
from proxy.web.api_keys import ApiKeys
from proxy.web.guards import Rates

log = logging.getLogger(__name__)

_JSON = json.JSONEncoder(separators=(",", ":"))


def clock_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Doors:
    """The parts behind the public doors, handed to each of them."""

    settings: Settings
    secret_keys: tuple[str, ...]
    outbox: Outbox
    commit: GroupCommit
    clock_ms: Callable[[], int] = clock_ms
    keeper_here: bool = False
    rates: Rates = field(init=False)
    keys: ApiKeys = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", Rates(self.settings.reports_per_minute))
        object.__setattr__(self, "keys", ApiKeys(self.settings, self.outbox))

    def count(self, reason: str) -> None:
        """Count something that was refused, or taken with a mark, for the operator. ``reason`` is a word of ours."""
        self.commit.refused.add(reason)


def this_request() -> Request:
    """The request itself. Each look through Flask's stand-in for it takes longer than what is looked up."""
    return request._get_current_object()  # type: ignore[attr-defined,no-any-return]


def as_json(told: object, status: int = 200) -> Response:
    """``told`` as an answer."""
    return Response(_JSON.encode(told), status, content_type="application/json")


def refusal(error: Rejected) -> Response:
    """The JSON answer to something that cannot be taken."""
    answer = as_json({"error": describe(error)}, error.status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def describe(error: Rejected) -> dict[str, str]:
    """An error as it stands in an answer."""
    return {"code": error.code, "field": error.field, "message": error.message}


def unavailable(error: OutboxError) -> Rejected:
    """The outbox cannot store just now; the sender may try again."""
    log.error("%s", error)
    return Rejected(
        "unavailable",
        "",
        "The proxy cannot store events right now: send it again.",
        503,
        retry_after=getattr(error, "retry_after", 30),
    )


def answer_errors(app: Flask, doors: Doors) -> None:
    """Every error of ``app`` becomes a JSON answer: no page, no traceback, no version. What the doors reject counts."""

    def rejected(error: Rejected) -> Response:
        doors.count(error.code)
        return refusal(error)

    def not_ours(error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed):
            allowed = ", ".join(sorted(error.valid_methods or ()))
            answer = refusal(Rejected("method", "", f"This address takes only {allowed}.", 405))
            answer.headers["Allow"] = allowed
            return answer
        if isinstance(error, NotFound):
            return refusal(Rejected("not_found", "", "Nothing is at this address.", 404))
        return refusal(Rejected("bad_request", "", "The request cannot be understood.", error.code or 400))

    def broken(error: Exception) -> Response:
        # The type alone: an exception's text may carry what a shopper typed.
        log.error("a request failed: %s", type(error).__name__, exc_info=app.debug)
        return refusal(Rejected("internal", "", "The proxy failed; its log says more.", 500))

    app.register_error_handler(Rejected, rejected)
    app.register_error_handler(OutboxError, lambda error: refusal(unavailable(error)))
    app.register_error_handler(HTTPException, not_ours)
    app.register_error_handler(Exception, broken)
