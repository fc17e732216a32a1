"""Order tickets: what the shop's back end says of an order, signed so that a browser can carry it unchanged.

A ticket proves that the shop wrote these facts; it does not prove that somebody bought something, and its text can be
read by anybody. QA tokens, with which a tester's browser says that its events are tests, are signed likewise, and
neither can stand in for the other. Times are Unix seconds.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

SALT = "pixelpair.order-ticket.v1"
QA_SALT = "pixelpair.qa-token.v1"
VALID_SECONDS = 7 * 86_400
# itsdangerous refuses a ticket that is one second ahead of our clock when max_age is used; machines differ by more.
SKEW_SECONDS = 300
LONGEST_TEXT = 4_096


class BadTicket(ValueError):
    """The ticket proves nothing; the text says why, in words for the shop's engineer."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The signed facts of one order."""

    site: str
    event: str
    key: str
    value: float | None
    currency: str | None


def sign_order(ticket: Ticket, secret_keys: Sequence[str], now: float) -> str:
    """The ticket as text for the thank-you page; the first of ``secret_keys`` signs."""
    facts = {"s": ticket.site, "e": ticket.event, "k": ticket.key, "v": ticket.value, "c": ticket.currency}
    return str(_serializer(list(reversed(secret_keys)), lambda: int(now)).dumps(facts))


def read_ticket(text: str, secret_keys: Sequence[str], now: float) -> Ticket:
    """The facts of a ticket that one of ``secret_keys`` signed within the last 7 days. Raises ``BadTicket``."""
    try:
        facts, signed_at = _serializer(list(reversed(secret_keys)), lambda: int(now)).loads(text, return_timestamp=True)
    except BadData:
        raise BadTicket("its signature is not ours: sign it with this proxy's secret key") from None
    age = now - signed_at.timestamp()
    if age > VALID_SECONDS:
        raise BadTicket("it is older than 7 days")
    if age < -SKEW_SECONDS:
        raise BadTicket("it was signed in the future: set the clock of the machine that signs")
    if not isinstance(facts, dict):
        raise BadTicket("it holds no order")
    return Ticket(
        site=_text(facts.get("s")),
        event=_text(facts.get("e")),
        key=_text(facts.get("k")),
        value=_number(facts.get("v")),
        currency=_text(facts["c"]) if facts.get("c") is not None else None,
    )


@dataclass(frozen=True, slots=True)
class QaToken:
    """A tester's pass for one site until ``until``; ``codes`` has the test event codes, by their pixels' codes."""

    site: str
    codes: dict[str, str]
    until: int


def sign_qa(token: QaToken, secret_keys: Sequence[str], now: float) -> str:
    """The token as text for a cookie; the first of ``secret_keys`` signs."""
    facts = {"s": token.site, "c": token.codes, "u": token.until}
    return str(_serializer(list(reversed(secret_keys)), lambda: int(now), QA_SALT).dumps(facts))


def read_qa(text: str, secret_keys: Sequence[str], now: float) -> QaToken:
    """The QA token that one of ``secret_keys`` signed, within its days. Raises ``BadTicket``."""
    if len(text) > LONGEST_TEXT:
        raise BadTicket("it is too long to be one")
    serializer = _serializer(list(reversed(secret_keys)), lambda: int(now), QA_SALT)
    try:
        facts, signed_at = serializer.loads(text, return_timestamp=True)
    except BadData:
        raise BadTicket("its signature is not ours: make one with “pixelpair qa-token”") from None
    match facts:
        case {"s": str(site), "c": dict(codes), "u": int(until)}:
            token = QaToken(site, {str(pixel): str(code) for pixel, code in codes.items()}, until)
        case _:
            raise BadTicket("it holds no site")
    if now > token.until:
        raise BadTicket("its days are over: make a new one with “pixelpair qa-token”")
    if now - signed_at.timestamp() < -SKEW_SECONDS:
        raise BadTicket("it was signed in the future: set the clock of the machine that signs")
    return token


def _serializer(keys: list[str], clock: Callable[[], int], salt: str = SALT) -> URLSafeTimedSerializer:
    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return clock()

    return URLSafeTimedSerializer(
        keys,  # oldest first, as itsdangerous wants them
        salt=salt,
        signer=Signer,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadTicket("it holds no order")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadTicket("its value is not a number")
    return value
