"""The rows of destinations: paused since when and why, next attempt, attempts. Rows, not objects, so that a restart
forgets nothing and every process sees the same.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from proxy.outbox.statements import DESTINATIONS
from proxy.outbox.store import Outbox
from proxy.outbox.tables import destinations


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How one destination stands; times in ms. ``paused_by`` is "tiktok" or "operator".

    ``settled_at`` is when its pixel code and token became what they are; ``delivered_since``: something was, with them.
    """

    name: str
    fingerprint: str
    delivered_since: bool
    delivered_at: int | None
    paused_at: int | None
    paused_by: str | None
    reason: str | None
    attempts: int
    next_at: int
    settled_at: int


class Destinations:
    """Reads and writes the rows of destinations."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def settle_in(self, name: str, fingerprint: str, now: int) -> None:
        """Know this destination; a changed ``fingerprint`` (other pixel code or token) ends a pause made by TikTok."""
        held = self.get(name)
        if held is not None and held.fingerprint == fingerprint:
            return
        with self._outbox.write() as connection:
            # Read again: another sender may have settled it in meanwhile.
            query = sa.select(destinations.c.fingerprint, destinations.c.paused_by).where(destinations.c.name == name)
            row = connection.execute(query).first()
            if row is None:
                connection.execute(sa.insert(destinations).values(name=name, fingerprint=fingerprint, settled_at=now))
            elif row.fingerprint != fingerprint:
                values: dict[str, Any] = {"fingerprint": fingerprint, "settled_at": now, "delivered_since": False}
                if row.paused_by != "operator":
                    values |= _RUNNING
                connection.execute(sa.update(destinations).where(destinations.c.name == name).values(**values))

    def get(self, name: str) -> DestinationState | None:
        """One destination's state, or ``None`` when it was never seen."""
        return self.all().get(name)

    def all(self) -> dict[str, DestinationState]:
        """Every destination ever seen, by name."""
        with self._outbox.read() as connection:
            return {row.name: DestinationState(*row) for row in connection.execute(DESTINATIONS)}

    def delivered(self, name: str, now: int, met: int) -> None:
        """TikTok took something: whatever stood in the way is gone, unless a person did.

        ``met`` is ``next_at`` as it stood at the claim: what another sender was told since then holds.
        """
        with self._outbox.write() as connection:
            row = sa.update(destinations).where(destinations.c.name == name)
            connection.execute(row.values(delivered_since=True, delivered_at=now))
            connection.execute(row.where(_not_by_hand, destinations.c.next_at == met).values(**_RUNNING))

    def back_off(self, name: str, until: int, reason: str) -> None:
        """Try again at ``until`` (ms), not before."""
        values = {"attempts": destinations.c.attempts + 1, "next_at": until, "reason": reason}
        with self._outbox.write() as connection:
            connection.execute(
                sa.update(destinations).where(destinations.c.name == name, _not_by_hand).values(**values)
            )

    def pause(self, name: str, now: int, by: str, reason: str, probe_at: int = 0) -> None:
        """Stop sending and keep everything; ``probe_at`` (ms) is when to try one event again.

        A batch in flight ends later than an operator's pause begins, and what it meets does not replace it.
        """
        values = {"paused_by": by, "reason": reason, "next_at": probe_at}
        with self._outbox.write() as connection:
            if connection.execute(sa.select(destinations.c.name).where(destinations.c.name == name)).first() is None:
                connection.execute(sa.insert(destinations).values(name=name))
            may = sa.true() if by == "operator" else _not_by_hand
            connection.execute(
                sa.update(destinations)
                .where(destinations.c.name == name, may)
                .values(paused_at=sa.func.coalesce(destinations.c.paused_at, now), **values)
            )

    def resume(self, name: str) -> None:
        """Send again, at once."""
        with self._outbox.write() as connection:
            connection.execute(sa.update(destinations).where(destinations.c.name == name).values(**_RUNNING))


_RUNNING: dict[str, Any] = {"paused_at": None, "paused_by": None, "reason": None, "attempts": 0, "next_at": 0}
_not_by_hand = destinations.c.paused_by.is_distinct_from("operator")
