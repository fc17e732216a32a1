"""Forms that write carry the session's token, so that no other site can send them in the shopper's name."""

import hmac
import secrets

from flask import request, session

FIELD = "csrf_token"
_SENTENCE = "This page had been open for too long, or cookies are off. Nothing was changed; please send it once more."


def token() -> str:
    """The session's token, made when the first form needs it."""
    known = session.get("csrf")
    if not isinstance(known, str):
        known = session["csrf"] = secrets.token_urlsafe(18)
    return known


def errors() -> dict[str, str]:
    """Empty if the posted form holds the session's token, else one message under the field's name."""
    known = session.get("csrf")
    posted = request.form.get(FIELD, "")
    if isinstance(known, str) and hmac.compare_digest(known.encode(), posted.encode()):
        return {}
    return {FIELD: _SENTENCE}
