"""The statements that run many times a second, built once: SQLAlchemy takes longer to build one than to run it.

Their parameters are times in Unix milliseconds (``at`` is now) and the names that stand in ``sa.bindparam``.
"""

import sqlalchemy as sa

from proxy.outbox.entry import AS_NEW
from proxy.outbox.tables import State, destinations, events, is_state

_at = sa.bindparam("at", type_=sa.BigInteger)
_ids = events.c.id.in_(sa.bindparam("ids", expanding=True))
_views = events.c.view.in_(sa.bindparam("views", expanding=True))
_due = events.c.due_at
_waiting = sa.and_(events.c.destination == sa.bindparam("to"), is_state(State.WAITING))
# Stamped by a clock that has since been set back: such a row is due at once, or it might wait for days.
_clock_went_back = sa.and_(
    _due > _at,
    sa.or_(
        events.c.seen_at > sa.bindparam("too_new", type_=sa.BigInteger),
        _due > sa.bindparam("too_far", type_=sa.BigInteger),
    ),
)

# Coming in

NAMES = sa.select(events.c.destination, events.c.event, events.c.event_id).where(_ids)

_new, _other = events.alias("new"), events.alias("other")
# One look at the whole commit finds nearly always nothing. It stops at the first other row, however many a key has.
TOLD_BEFORE = sa.select(_new.c.destination, _new.c.event, _new.c.event_id).where(
    _new.c.id.between(sa.bindparam("first"), sa.bindparam("last")),
    _new.c.key.is_not(None),
    sa.exists().where(
        _other.c.site == _new.c.site,
        _other.c.key == _new.c.key,
        _other.c.destination == _new.c.destination,
        _other.c.event == _new.c.event,
        _other.c.id != _new.c.id,
    ),
)

_told = sa.bindparam("told", type_=sa.Text)
# That a pixel sent, no later report can take back.
SHARE_PIXEL = (
    sa.update(events)
    .where(
        _views,
        events.c.site == sa.bindparam("of_site"),
        sa.or_(events.c.pixel.is_(None), (events.c.pixel != _told) & (events.c.pixel != "sent")),
    )
    .values(pixel=_told)
)
# Of what is told of one view, the higher stands; 0 is what says nothing.
PIXEL_RANKS = {"blocked": 1, "off": 2, "sent": 3}
_rank = sa.case(PIXEL_RANKS, value=events.c.pixel, else_=0)
PIXELS_OF_VIEWS = (
    sa.select(events.c.site, events.c.view, sa.func.min(_rank), sa.func.max(_rank))
    .where(_views)
    .group_by(events.c.site, events.c.view)
)

# Going out

DESTINATIONS = sa.select(destinations)
NEXT_DUE = sa.select(_due).where(_waiting).order_by(_due).limit(1)
STRANDED = sa.select(_due).where(_waiting, _clock_went_back).limit(1)

_fresh_from = sa.bindparam("fresh_from", type_=sa.BigInteger)
_pick = sa.select(events.c.id, events.c.test_code, events.c.batch_limit).limit(sa.bindparam("most", type_=sa.Integer))
_PASSES = (
    _pick.where(_waiting, _due <= _at, _due > _fresh_from),
    _pick.where(_waiting, _due <= _fresh_from),
    _pick.where(_waiting, _clock_went_back),
)
# What may be taken, in the order in which it is; from the other end if ``newest_first``.
PICK = tuple(query.order_by(_due) for query in _PASSES)
PICK_NEWEST_FIRST = tuple(query.order_by(_due.desc()) for query in _PASSES)

CLAIM = (
    sa.update(events)
    .where(_ids)
    .values(
        state=State.SENDING.value,
        claim=sa.bindparam("token"),
        lease_until=sa.bindparam("until"),
        attempts=events.c.attempts + 1,
        first_attempt_at=sa.func.coalesce(events.c.first_attempt_at, _at),
        last_attempt_at=_at,
        sent_proved=events.c.proved,
        changed_at=_at,
    )
)

_mine = sa.and_(_ids, events.c.claim == sa.bindparam("token"), events.c.state == State.SENDING.value)
# A proved report came while the unproved body was in flight, or a live one while a test was: it goes out once more.
_went_live = events.c.test_code != sa.bindparam("as_test")
_again = events.c.beside.is_not(None) & (events.c.proved & ~events.c.sent_proved | _went_live)
_ended = {"claim": None, "lease_until": None, "beside": None, "changed_at": _at}

SETTLE = (
    sa.update(events)
    .where(_mine, ~_again)
    .values(
        **_ended,
        state=State.DELIVERED.value,
        delivered_at=_at,
        expires_at=sa.case(
            (events.c.key.is_(None), sa.bindparam("unkeyed_until", type_=sa.BigInteger)),
            (events.c.proved, sa.bindparam("proved_until", type_=sa.BigInteger)),
            else_=sa.bindparam("unproved_until", type_=sa.BigInteger),
        ),
        code=sa.bindparam("its_code"),
        request_id=sa.bindparam("its_request"),
        reason=sa.bindparam("alarm"),
        batch_limit=None,
    )
)
SETTLE_AND_SEND_AGAIN = (
    sa.update(events)
    .where(_mine, _again)
    .values(
        **_ended,
        **AS_NEW,
        delivered_at=sa.case((_went_live, None), else_=_at),
        body=events.c.beside,
        horizon_from=_at,
        due_at=sa.case((_went_live, events.c.due_at), else_=_at),
        unknown_outcome=False,
    )
)
