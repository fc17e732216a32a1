"""The match keys of an order, kept by its key for what is told of it weeks later.

With cash on delivery the shopper's browser tells of the order, and a week later the back end alone tells that it was
paid. By the order's key the later event then finds the click. Who may fill it:

- The first event of a key owns what is kept, and every further report of that event renews it as it was merged: the
  first browser's signals, and nothing that an unproved report says after a proved one.
- Another event of the key replaces it only if a browser told it with proof and the first was unproved. So a stranger
  who told of a guessed key first is overruled by the shopper's ticket, and never the other way round. (Once a back
  end's report was joined with the first browser's, whose ticket or not is no longer known, and that browser stays.)
- Only a back end's event, which is proved, inherits: nobody else can ask what is kept.
- Consent only gets stricter. From the first limited report on no match keys are kept, and the later event is limited.
- What is withheld or a test leaves nothing behind and takes nothing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from proxy.outbox.entry import Entry
from proxy.outbox.tables import State, match_keys

AT_ONCE = 500  # keys in one look

Name = tuple[str, str]


class Matching(Protocol):
    """What has to be known of events' bodies, which are JSON text."""

    def kept(self, body: str) -> str:
        """What of a body is to be kept, as JSON text; "" for nothing."""

    def inherit(self, body: str, kept: str) -> str:
        """The body with what it lacks filled from ``kept``."""

    def limit(self, body: str) -> str:
        """The body with limited data use."""


class Kept(NamedTuple):
    """The match keys of one order; ``event`` is whose they are, ``kept_at`` (ms) counts from its first report."""

    site: str
    key: str
    event: str
    proved: bool
    consent: str
    kept: str
    kept_at: int


def inherit(connection: sa.Connection, matching: Matching, entries: Iterable[Entry]) -> None:
    """Fill what back ends tell of orders from what is kept of them. Call inside ``write()``, before they are stored."""
    heirs = [entry for entry in entries if entry.is_order and entry.backend and not entry.test_code]
    known = _load(connection, heirs)
    for entry in heirs:
        found = known.get(_name(entry))
        if found is None:
            continue
        if found.consent == "limited":
            entry.consent, entry.body = "limited", matching.limit(entry.body)
        elif found.kept:
            entry.body = matching.inherit(entry.body, found.kept)


def keep(connection: sa.Connection, matching: Matching, entries: Iterable[Entry], now: int) -> None:
    """Keep the match keys of orders, as their rows stand after these reports; ``now`` in ms. Inside ``write()``."""
    orders = [entry for entry in entries if entry.is_order and entry.state != State.WITHHELD and not entry.test_code]
    before = _load(connection, orders)
    known = dict(before)
    for entry in orders:
        name = _name(entry)
        told = _told(matching, entry, now)
        known[name] = _after(known[name], told) if name in known else told
    for (site, key), row in known.items():
        if (site, key) in before and row != before[site, key]:
            mine = (match_keys.c.site == site, match_keys.c.key == key)
            connection.execute(sa.update(match_keys).where(*mine).values(**row._asdict()))
    if new := [row._asdict() for name, row in known.items() if name not in before]:
        connection.execute(sa.insert(match_keys), new)


def _told(matching: Matching, entry: Entry, now: int) -> Kept:
    body = entry.beside or entry.body
    kept = matching.kept(body) if body and entry.consent == "granted" else ""
    proved = entry.proved and entry.browser
    return Kept(entry.site, entry.key or "", entry.event, proved, entry.consent, kept, now)


def _after(held: Kept, told: Kept) -> Kept:
    if "limited" in (held.consent, told.consent):
        return Kept(held.site, held.key, held.event, held.proved, "limited", "", held.kept_at)
    if held.event != told.event and (held.proved or not told.proved):
        return held
    # A delivered event's body is cleared before these: then nothing new was told.
    return Kept(
        held.site, held.key, told.event, held.proved or told.proved, "granted", told.kept or held.kept, held.kept_at
    )


def _load(connection: sa.Connection, entries: Sequence[Entry]) -> dict[Name, Kept]:
    names = {_name(entry) for entry in entries}
    sites, keys = sorted({site for site, _ in names}), sorted({key for _, key in names})
    found: dict[Name, Kept] = {}
    for start in range(0, len(keys), AT_ONCE):
        these = {"sites": sites, "keys": keys[start : start + AT_ONCE]}
        found |= {(row.site, row.key): Kept(*row) for row in connection.execute(_OF_KEYS, these)}
    return {name: row for name, row in found.items() if name in names}


def _name(entry: Entry) -> Name:
    return entry.site, entry.key or ""


_OF_KEYS = sa.select(*(match_keys.c[name] for name in Kept._fields)).where(
    match_keys.c.site.in_(sa.bindparam("sites", expanding=True)),
    match_keys.c.key.in_(sa.bindparam("keys", expanding=True)),
)
