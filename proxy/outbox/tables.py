"""The outbox's tables, and the numbered steps that bring an older database up to them.

Rules: a step only adds (the version before must run on the new schema), runs in one transaction, and is never edited
once released. All times are Unix milliseconds, whole numbers.
"""

from collections.abc import Callable
from enum import StrEnum

import sqlalchemy as sa

from proxy.errors import OutboxError


class State(StrEnum):
    """Where an event stands. ``withheld`` raises no alarm and leaves only when a proved report comes."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    WITHHELD = "withheld"


metadata = sa.MetaData()

# SQLite gives out row ids by itself only for a column declared INTEGER.
_row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _row_id, primary_key=True),
    sa.Column("destination", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # The finished data[] item, and the merge made of it while it was in flight.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("beside", sa.Text),
    # What pages and rules need without opening the body.
    sa.Column("view", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("host", sa.Text),
    sa.Column("value", sa.Float),
    sa.Column("currency", sa.Text),
    sa.Column("consent", sa.Text, nullable=False),
    sa.Column("pixel", sa.Text),
    sa.Column("test_code", sa.Text, nullable=False, server_default=""),
    sa.Column("browser", sa.Boolean, nullable=False),
    sa.Column("backend", sa.Boolean, nullable=False),
    sa.Column("proved", sa.Boolean, nullable=False),
    sa.Column("sent_proved", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("warnings", sa.Text, nullable=False, server_default="[]"),
    sa.Column("reports", sa.Integer, nullable=False, server_default="1"),
    # Times.
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("horizon_from", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("delivered_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    # Delivery.
    sa.Column("claim", sa.Text),
    sa.Column("lease_until", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first_attempt_at", sa.BigInteger),
    sa.Column("last_attempt_at", sa.BigInteger),
    sa.Column("unknown_outcome", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("batch_limit", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("code", sa.Integer),
    sa.Column("request_id", sa.Text),
    sa.UniqueConstraint("destination", "event", "event_id", name="one_row_an_event"),
)


def is_state(state: State) -> sa.ColumnElement[bool]:
    """The condition that an event is in ``state``, written out and not bound: SQLite takes a partial index only for a
    condition that it can read in the query itself."""
    return events.c.state == sa.literal(state.value, literal_execute=True)


# Of an event in flight: whether what is in flight is its own. A claim notes the first attempt, and a live report that
# takes over a test in flight takes that note away, since TikTok counts no test.
is_own_attempt = events.c.first_attempt_at.is_not(None)

HELD_STATES = (State.SENDING, State.DEAD, State.WITHHELD)
# Goes with is_state() of a held state, since it has to repeat the index's own condition.
is_held = events.c.state.in_([sa.literal(state.value, literal_execute=True) for state in HELD_STATES])
# Likewise for delivered events.
has_body = events.c.body != sa.literal("", literal_execute=True)

_waiting = events.c.state == State.WAITING.value
sa.Index("events_to_send", events.c.destination, events.c.due_at, sqlite_where=_waiting, postgresql_where=_waiting)
_held = events.c.state.in_([state.value for state in HELD_STATES])
sa.Index("events_held", events.c.state, events.c.changed_at, sqlite_where=_held, postgresql_where=_held)
_viewed = events.c.view.is_not(None)
sa.Index("events_of_view", events.c.view, sqlite_where=_viewed, postgresql_where=_viewed)
_keyed = events.c.key.is_not(None)
sa.Index("events_of_key", events.c.site, events.c.key, sqlite_where=_keyed, postgresql_where=_keyed)
_delivered = events.c.state == State.DELIVERED.value
sa.Index("events_remembered", events.c.expires_at, sqlite_where=_delivered, postgresql_where=_delivered)
_readable = _delivered & (events.c.body != "")
sa.Index("events_with_body", events.c.delivered_at, sqlite_where=_readable, postgresql_where=_readable)

destinations = sa.Table(
    "destinations",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # A fingerprint of pixel code and token: when it changes, a pause made by TikTok's answer ends by itself.
    sa.Column("fingerprint", sa.Text, nullable=False, server_default=""),
    sa.Column("delivered_since", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("delivered_at", sa.BigInteger),
    sa.Column("paused_at", sa.BigInteger),
    sa.Column("paused_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", sa.BigInteger, nullable=False, server_default="0"),
    # Since when the fingerprint is what it is.
    sa.Column("settled_at", sa.BigInteger, nullable=False, server_default="0"),
)

# Small facts of the whole outbox: the schema's version, the keeper's heartbeat.
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# API keys that were made by command: nothing but a hash and what tells one from another.
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", _row_id, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("ending", sa.Text, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
)

# The match keys of orders, for what a back end tells of them weeks later.
match_keys = sa.Table(
    "match_keys",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("proved", sa.Boolean, nullable=False),
    sa.Column("consent", sa.Text, nullable=False),
    sa.Column("kept", sa.Text, nullable=False),
    sa.Column("kept_at", sa.BigInteger, nullable=False),
)
sa.Index("match_keys_by_age", match_keys.c.kept_at)


def _index_what_runs_out(connection: sa.Connection) -> None:
    """Version 2: the clean-up finds memory and bodies whose time is over; destinations know since when they are set."""
    for statement in (
        "ALTER TABLE destinations ADD COLUMN settled_at BIGINT DEFAULT '0' NOT NULL",
        "CREATE INDEX events_remembered ON events (expires_at) WHERE state = 'delivered'",
        "CREATE INDEX events_with_body ON events (delivered_at) WHERE state = 'delivered' AND body != ''",
    ):
        connection.exec_driver_sql(statement)


def _keys_and_match_keys(connection: sa.Connection) -> None:
    """Version 3: API keys that are made by command, and the match keys that an order's later events inherit."""
    for statement in (
        """CREATE TABLE api_keys (
            id INTEGER NOT NULL, site TEXT NOT NULL, hash TEXT NOT NULL, ending TEXT NOT NULL,
            made_at BIGINT NOT NULL, revoked_at BIGINT, PRIMARY KEY (id), UNIQUE (hash)
        )""",
        """CREATE TABLE match_keys (
            site TEXT NOT NULL, "key" TEXT NOT NULL, event TEXT NOT NULL, proved BOOLEAN NOT NULL,
            consent TEXT NOT NULL, kept TEXT NOT NULL, kept_at BIGINT NOT NULL, PRIMARY KEY (site, "key")
        )""",
        "CREATE INDEX match_keys_by_age ON match_keys (kept_at)",
    ):
        connection.exec_driver_sql(statement)


# MIGRATIONS[i] leads from version i + 1 to i + 2; a fresh database is made at the newest version at once.
MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_index_what_runs_out, _keys_and_match_keys)
VERSION = 1 + len(MIGRATIONS)


def version_of(connection: sa.Connection) -> int | None:
    """The schema's version, or ``None`` for a database that holds nothing yet."""
    if not sa.inspect(connection).has_table(facts.name):
        return None
    found = connection.execute(sa.select(facts.c.value).where(facts.c.name == "version")).scalar()
    return None if found is None else int(found)


def migrate(connection: sa.Connection, before: Callable[[int], None] = lambda _found: None) -> None:
    """Bring the database behind ``connection`` (inside a write transaction) to ``VERSION``.

    ``before(version)`` is called ahead of the first step. A schema one version ahead is used as it is, since steps only
    add; ``OutboxError`` for any newer one.
    """
    found = version_of(connection)
    if found is None:
        metadata.create_all(connection)
        connection.execute(sa.insert(facts).values(name="version", value=str(VERSION)))
        return
    if found > VERSION + 1:
        raise OutboxError(
            f"This outbox was written by a newer Pixelpair (schema {found}, this one knows {VERSION}): "
            "start that version again, or restore the copy made before the upgrade."
        )
    if found >= VERSION:
        return
    before(found)
    for step in MIGRATIONS[found - 1 :]:
        step(connection)
    connection.execute(sa.update(facts).where(facts.c.name == "version").values(value=str(VERSION)))
