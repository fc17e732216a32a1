"""What becomes of a second report of an event that the outbox already holds.

An order is told more than once: by the thank-you page, by its reload, by the shop's back end, by a stranger who saw
the key. All of these name one event, so they become one row. Three questions decide what a further report does.

*Where does the row stand?* Before it is sent, a report can still make the event richer. In flight, the body can no
longer change, so the merge is kept beside it: should the sending fail, the merge goes out; should it succeed, the
report is judged as one that came after delivery. After delivery TikTok has counted the event, and sending again is
worth it only where a proved report corrects an unproved one.

*Is the report proved?* A report with a valid order ticket or API key is; others are whatever a browser cared to say.
Once an event is proved, unproved reports change no value, currency, contents or user data of it.

*Does it tell anything new?* A report that changes nothing wakes nothing.

    row's state  | unproved report | first proved report         | further proved report
    -------------+-----------------+-----------------------------+----------------------
    waiting      | JOIN            | JOIN                        | JOIN
    sending      | JOIN_BESIDE     | JOIN_BESIDE                 | JOIN_BESIDE
    delivered    | ANSWER          | SEND_AGAIN, or ADOPT if the | ANSWER
                 |                 | delivery is over 48 h old   |
                 |                 | and the money is the same   |
    dead         | REVIVE_IF_NEW   | REVIVE                      | REVIVE_IF_NEW
    withheld     | REVIVE_IF_NEW   | REVIVE                      | REVIVE_IF_NEW

A report that would itself be withheld (a bot's, one without the ticket its site demands) changes no facts of a row.

Tests stand outside of the table, since TikTok counts no event that comes with a test code. A test told of a live event
changes nothing of it (ANSWER). A live report of an event that was told as a test only is the event's first: it takes
the row over with what it tells itself (TAKE_OVER), is not joined with what a tester made up, and goes out live even if
the test was delivered. Two tests are joined as two live reports are.

In every case the pixel's state is taken over, because it tells what TikTok may already have counted, and the stricter
consent, because it may yet matter: a delivered event can be sent again. Reports that are withheld are no exception.
Their browser's pixel has fired or not, ticket or none, and who asks for less is often the shopper himself: by a reload
after his ticket's week, or by a browser whose events the site drops because it asks for privacy. So a stranger who
knows the key can have an event's data use limited, and by a false word on the pixel decide whether it still goes out
after more than 48 hours of outage. He cannot change what is told of the order.
"""

import json
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Protocol

HOUR = 3_600_000
TIKTOK_FORGETS_AFTER = 48 * HOUR  # reference: deduplication within 48 hours, measured at arrival
MOST_WARNINGS = 20

# How the warnings begin, or end, that no others may crowd out.
_FINDINGS = ("key: reused", "ticket: ", "rate: ", "test_event_code: this event is live", "event_id: this key")
_OVERRULED = ": differs from the ticket, which holds"

TEST_OF_LIVE = "test_event_code: this event is live; a test of it is not sent, test with another event_id"

_SIGNALS = ("ip", "user_agent", "ttclid", "ttp")
# Properties that only mean something together are taken from one report, never mixed from two.
_TOGETHER = (
    ("value", "currency"),
    ("contents", "content_ids", "content_type", "num_items"),
    ("query", "search_string"),
)

Item = dict[str, Any]
Changes = dict[str, Any]

AS_NEW: Changes = {
    "state": "waiting",
    "attempts": 0,
    "first_attempt_at": None,
    "last_attempt_at": None,
    "batch_limit": None,
    "reason": None,
    "code": None,
    "request_id": None,
    "expires_at": None,
}
"""What a row is to hold whose event starts over. The outbox, which this room does not know, says the same."""


class Report(Protocol):
    """What merging needs of a report, and of the row that earlier reports made; times in Unix milliseconds."""

    state: str
    body: str
    beside: str | None
    browser: bool
    backend: bool
    proved: bool
    consent: str
    pixel: str | None
    key: str | None
    host: str | None
    value: float | None
    currency: str | None
    warnings: tuple[str, ...]
    test_code: str
    view: str | None
    due_at: int
    delivered_at: int | None
    sent_proved: bool
    seen_at: int


class Move(Enum):
    """What a further report does to its row; the table above says when."""

    JOIN = auto()
    JOIN_BESIDE = auto()
    ANSWER = auto()
    SEND_AGAIN = auto()
    ADOPT = auto()
    REVIVE = auto()
    REVIVE_IF_NEW = auto()
    TAKE_OVER = auto()


class Kind(Enum):
    """How far a report can be believed, seen from its row."""

    UNPROVED = auto()
    FIRST_PROVED = auto()
    PROVED_AGAIN = auto()


TABLE: dict[tuple[str, Kind], Move] = {
    ("waiting", Kind.UNPROVED): Move.JOIN,
    ("waiting", Kind.FIRST_PROVED): Move.JOIN,
    ("waiting", Kind.PROVED_AGAIN): Move.JOIN,
    ("sending", Kind.UNPROVED): Move.JOIN_BESIDE,
    ("sending", Kind.FIRST_PROVED): Move.JOIN_BESIDE,
    ("sending", Kind.PROVED_AGAIN): Move.JOIN_BESIDE,
    ("delivered", Kind.UNPROVED): Move.ANSWER,
    ("delivered", Kind.FIRST_PROVED): Move.SEND_AGAIN,
    ("delivered", Kind.PROVED_AGAIN): Move.ANSWER,
    ("dead", Kind.UNPROVED): Move.REVIVE_IF_NEW,
    ("dead", Kind.FIRST_PROVED): Move.REVIVE,
    ("dead", Kind.PROVED_AGAIN): Move.REVIVE_IF_NEW,
    ("withheld", Kind.UNPROVED): Move.REVIVE_IF_NEW,
    ("withheld", Kind.FIRST_PROVED): Move.REVIVE,
    ("withheld", Kind.PROVED_AGAIN): Move.REVIVE_IF_NEW,
}


def kind_of(held: Report, told: Report) -> Kind:
    """How far ``told`` can be believed, given what ``held`` already is."""
    if not told.proved:
        return Kind.UNPROVED
    return Kind.PROVED_AGAIN if held.proved else Kind.FIRST_PROVED


def move_for(held: Report, told: Report, now: int) -> Move:
    """The table's cell, with its 48-hour clause decided."""
    if told.state == "withheld" or _is_test_of_live(held, told):
        return Move.ANSWER
    if held.test_code and not told.test_code:
        return Move.TAKE_OVER
    move = TABLE[held.state, kind_of(held, told)]
    if move is Move.SEND_AGAIN and held.delivered_at is not None:
        old = now - held.delivered_at > TIKTOK_FORGETS_AFTER
        if old and not _other_money(held, told):
            return Move.ADOPT
    return move


def merge(held: Report, told: Report, now: int) -> Changes:
    """The columns of ``held``'s row that ``told`` changes, by name; empty when nothing does. ``now`` in ms."""
    changes: Changes = {}
    if (pixel := pixel_after(held.pixel, told.pixel)) != held.pixel:
        changes["pixel"] = pixel
    if stricter(held.consent, told.consent) != held.consent:
        changes |= _limit(held)
    move = move_for(held, told, now)
    if move is Move.ANSWER and _is_test_of_live(held, told):
        return changes | _add_warnings(held, (TEST_OF_LIVE,))
    if move is Move.ANSWER:
        return changes | _warn(held, told, told.warnings if told.state != "withheld" else ())
    if move is Move.TAKE_OVER:
        return changes | _take_over(held, told, now)
    if move is Move.ADOPT:
        return changes | {"proved": True, "backend": held.backend or told.backend} | _warn(held, told, told.warnings)

    void = _is_void(held, told)
    before = json.loads(held.beside or held.body or "{}")
    item = join(before, held, json.loads(told.body), told)
    consent = stricter(held.consent, told.consent)
    if consent == "limited":
        item["limited_data_use"] = True
    if move is Move.REVIVE_IF_NEW and item == before:
        return changes
    changes |= _warn(held, told, told.warnings)
    changes |= {
        "browser": told.browser or (held.browser and not void),
        "backend": held.backend or told.backend,
        "proved": held.proved or told.proved,
        "consent": consent,
    }
    if held.browser and not changes["browser"] and pixel is None:
        changes["pixel"] = "unknown"  # there was a page, whoever's, and its pixel may have told TikTok
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    changes |= money(item)
    if move is Move.JOIN_BESIDE:
        # What came beside a refused body is tried after it, so the same again must not count as something.
        is_new = item != before or kind_of(held, told) is Kind.FIRST_PROVED
        return changes | ({"beside": text} if is_new else {})
    changes["body"] = text
    if move is Move.JOIN:
        # Complete: nothing is left to wait for.
        both = changes["browser"] and changes["backend"] and not (held.browser and held.backend)
        return changes | ({"due_at": now} if both else {})
    # Where nothing of the old row counts, this is the event's first report and waits for the second as such.
    changes |= AS_NEW | {"due_at": told.due_at if void else now}
    if move is Move.SEND_AGAIN:
        # A fresh errand with a horizon of its own; what is known of the first delivery no longer limits it.
        changes |= {"horizon_from": now, "unknown_outcome": False}
    return changes


def join(held_item: Item, held: Report, told_item: Item, told: Report) -> Item:
    """One data[] item out of two.

    Proved facts win over unproved ones and the back end's over a ticket's; between two tickets the first stays, and a
    later word of the back end corrects an earlier one. Only the first browser report gives ip, user agent, ttclid, ttp
    and page. What else is missing is filled from the other side, but not from everybody: a ticket may be told again by
    whoever has seen it, so a second browser adds nothing to what is proved; and an unproved report that came before the
    proved one adds match keys alone, never properties. A browser's ticket shows whose order it is: an unproved browser
    that told of it first was somebody else's, and adds nothing at all. Nor does what was withheld.
    """
    if not held_item:
        return told_item
    void = _is_void(held, told)
    told_wins = void or _outranks(told, held)
    winner, other = (told_item, held_item) if told_wins else (held_item, told_item)
    closed = void or (held.proved and (not told.proved or (held.browser and told.browser)))
    people_fill: Item = {} if closed else other.get("user", {})
    others_are_proved = held.proved or not told.proved
    fill: Item = {} if closed or not others_are_proved else other.get("properties", {})

    people = {**_without(people_fill, _SIGNALS), **_without(winner.get("user", {}), _SIGNALS)}
    signals, spare = _signals(held_item, held, told_item, told)
    user = people | _only(spare.get("user", {}), _SIGNALS) | _only(signals.get("user", {}), _SIGNALS)

    item = dict(held_item)
    item["event_time"] = winner.get("event_time", held_item.get("event_time"))
    _put(item, "user", user)
    _put(item, "page", {**spare.get("page", {}), **signals.get("page", {})})
    _put(item, "properties", _join_properties(winner.get("properties", {}), fill))
    return item


def money(item: Item) -> Changes:
    """The columns ``value`` and ``currency`` of an item."""
    properties = item.get("properties", {})
    return {"value": properties.get("value"), "currency": properties.get("currency")}


def stricter(one: str, other: str) -> str:
    """The stricter of two consents."""
    return "limited" if "limited" in (one, other) else "granted"


def pixel_after(held: str | None, told: str | None) -> str | None:
    """The pixel's state once ``told`` is known too: ``sent`` stays, as TikTok may have counted; a guess never wins."""
    if held == "sent" or told in (None, "unknown"):
        return held if held is not None else told
    return told


def _is_test_of_live(held: Report, told: Report) -> bool:
    return bool(told.test_code) and not held.test_code


def _take_over(held: Report, told: Report, now: int) -> Changes:
    """The row of a test as the live report would have made it; the body of a test in flight goes out before it."""
    consent = stricter(held.consent, told.consent)
    item = json.loads(told.body) | ({"limited_data_use": True} if consent == "limited" else {})
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    names = ("test_code", "view", "key", "host", "value", "currency", "browser", "backend", "proved", "warnings")
    changes: Changes = {name: getattr(told, name) for name in names} | {"consent": consent}
    changes |= AS_NEW | {"delivered_at": None, "due_at": told.due_at, "horizon_from": now, "unknown_outcome": False}
    if held.state == "sending":
        # By its missing first attempt the outbox tells that what is in flight is none of the live event's.
        return changes | {"state": "sending", "beside": text}
    return changes | {"body": text}


def _limit(held: Report) -> Changes:
    """Limited data use for a row whose content stays as it is, whatever becomes of it later."""
    limited: Changes = {"consent": "limited"}
    name = "beside" if held.state == "sending" else "body"
    text = held.beside or held.body
    if text:
        item = {**json.loads(text), "limited_data_use": True}
        limited[name] = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    return limited


def _signals(held_item: Item, held: Report, told_item: Item, told: Report) -> tuple[Item, Item]:
    """Who gives ip, user agent, ttclid, ttp and page, and who fills what is missing there."""
    if held.browser and _is_void(held, told):
        # What a bot said of itself helps nobody, the shopper's own report least.
        return (told_item, {}) if told.browser else ({}, told_item)
    if told.browser and held.browser:
        return held_item, {}
    return (told_item, held_item) if told.browser else (held_item, told_item)


def _is_void(held: Report, told: Report) -> bool:
    """Whether what was told so far helps nobody, now that a better report is there."""
    if held.state == "withheld":
        return not held.proved
    return held.browser and not held.proved and told.browser and told.proved


def _join_properties(winner: Item, fill: Item) -> Item:
    taken = {name for name in fill if name not in winner}
    for group in _TOGETHER:
        if any(name in winner for name in group):
            taken -= set(group)
    return {**{name: fill[name] for name in fill if name in taken}, **winner}


def _outranks(told: Report, held: Report) -> bool:
    """Whether ``told`` has the better facts: the back end always, a ticket only before anything proved."""
    return told.proved and (told.backend or not held.proved)


def _other_money(held: Report, told: Report) -> bool:
    return (held.value, held.currency) != (told.value, told.currency)


def _warn(held: Report, told: Report, further: tuple[str, ...]) -> Changes:
    found = list(further)
    if held.key is not None:
        if told.value is not None and held.value is not None and _other_money(held, told):
            found.append("key: reused, told again with another value")
        if told.host and held.host and told.host != held.host:
            found.append("key: reused, told again from another host")
    return _add_warnings(held, found)


def _add_warnings(held: Report, found: Sequence[str]) -> Changes:
    new = [warning for warning in dict.fromkeys(found) if warning not in held.warnings]
    findings = [warning for warning in new if _is_finding(warning)]
    room = MOST_WARNINGS - sum(not _is_finding(warning) for warning in held.warnings)
    others = [warning for warning in new if not _is_finding(warning)][: max(0, room)]
    return {"warnings": (*findings, *held.warnings, *others)} if findings or others else {}


def _is_finding(warning: str) -> bool:
    """Whether it tells of an attempt or a wrong set-up, not of a field that was repaired. These are sentences of ours,
    few and each kept once, so they always find room, however many odd fields a stranger has told of first."""
    return warning.startswith(_FINDINGS) or warning.endswith(_OVERRULED)


def _put(item: Item, name: str, value: Item) -> None:
    if value:
        item[name] = value
    else:
        item.pop(name, None)


def _only(source: Item, names: tuple[str, ...]) -> Item:
    return {name: source[name] for name in names if name in source}


def _without(source: Item, names: tuple[str, ...]) -> Item:
    return {name: value for name, value in source.items() if name not in names}
