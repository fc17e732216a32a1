"""An outbox from its address."""

from pathlib import Path

import sqlalchemy as sa

from proxy.errors import OutboxError
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Merge, Outbox


def open_outbox(url: str, merge: Merge) -> Outbox:
    """The outbox at ``url`` (``sqlite:///path``), made if it is not there. Raises ``OutboxError`` when it cannot be."""
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise OutboxError(f"PIXELPAIR_OUTBOX_URL: this version keeps its outbox in SQLite, not {address.drivername}.")
    return Outbox(Sqlite(Path(address.database)), merge)
