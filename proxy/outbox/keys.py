"""API keys that were made by command: kept beside the events, so that every process on the outbox knows the same ones.

Only the SHA-256 of a key is kept. A key is 256 random bits, so there is nothing to guess for whoever reads the table,
and a slow hash, which protects what people make up, would only cost each request its time.
"""

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from proxy.errors import OutboxError
from proxy.outbox.store import Outbox
from proxy.outbox.tables import api_keys

MOST_LIVE = 2  # of one site: the old key and the new one while a back end changes over
PREFIX = "pixelpair_"  # so that scanners for secrets, and people, see what it is
SHOWN = 4  # characters at the end that tell keys apart


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key once it was shown: times in ms, ``ending`` its last characters."""

    number: int
    site: str
    ending: str
    made_at: int
    revoked_at: int | None


def hashed(key: str) -> str:
    """What stands for ``key`` in the table."""
    return hashlib.sha256(key.encode()).hexdigest()


def make(outbox: Outbox, site: str, now: int) -> tuple[ApiKey, str]:
    """A new key of ``site``, and its text, which nothing can tell again. Raises ``OutboxError`` at two live ones."""
    key = PREFIX + secrets.token_urlsafe(32)
    values = {"site": site, "hash": hashed(key), "ending": key[-SHOWN:], "made_at": now}
    with outbox.write() as connection:
        live = _select(connection, api_keys.c.site == site, api_keys.c.revoked_at.is_(None))
        if len(live) >= MOST_LIVE:
            numbers = " and ".join(str(each.number) for each in live)
            raise OutboxError(
                f"The site {site} has {MOST_LIVE} live keys already (numbers {numbers}): "
                "revoke the one that no back end uses any more, then make a new one."
            )
        connection.execute(sa.insert(api_keys).values(**values))
        (made,) = _select(connection, api_keys.c.hash == values["hash"])
    return made, key


def revoke(outbox: Outbox, number: int, now: int, site: str | None = None) -> ApiKey:
    """Refuse this key from now on; one that was revoked before stays so. Raises ``OutboxError`` for an unknown one."""
    wanted = [api_keys.c.id == number, *([api_keys.c.site == site] if site is not None else [])]
    with outbox.write() as connection:
        connection.execute(sa.update(api_keys).where(*wanted, api_keys.c.revoked_at.is_(None)).values(revoked_at=now))
        found = _select(connection, *wanted)
    if not found:
        raise OutboxError(f"There is no key number {number}: “pixelpair keys list” shows all.")
    return found[0]


def every(outbox: Outbox) -> list[ApiKey]:
    """All keys ever made, the oldest first."""
    with outbox.read() as connection:
        return _select(connection)


def live(outbox: Outbox) -> dict[str, str]:
    """hash -> site of each key that holds."""
    query = sa.select(api_keys.c.hash, api_keys.c.site).where(api_keys.c.revoked_at.is_(None))
    with outbox.read() as connection:
        return {row.hash: row.site for row in connection.execute(query)}


def _select(connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[ApiKey]:
    columns = (api_keys.c.id, api_keys.c.site, api_keys.c.ending, api_keys.c.made_at, api_keys.c.revoked_at)
    return [ApiKey(*row) for row in connection.execute(sa.select(*columns).where(*wanted).order_by(api_keys.c.id))]
