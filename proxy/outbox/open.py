"""An outbox from its address."""

import logging
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from proxy.errors import OutboxBroken, OutboxError
from proxy.outbox import files
from proxy.outbox.match_keys import Matching
from proxy.outbox.place import check_place
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Merge, Outbox

log = logging.getLogger(__name__)


def open_outbox(
    url: str,
    merge: Merge,
    on_corrupt: Literal["stop", "move_aside"] = "stop",
    matching: Matching | None = None,
) -> Outbox:
    """The outbox at ``url`` (``sqlite:///path``), made if it is not there.

    Raises ``OutboxError`` when it cannot be used. A corrupt file is kept under another name and replaced by an empty
    outbox only with ``on_corrupt="move_aside"``. Who takes orders in needs ``matching``, to keep their match keys.
    """
    path = _path(url)
    inode = path.stat().st_ino if on_corrupt == "move_aside" and path.exists() else None
    try:
        return Outbox(Sqlite(path), merge, matching)
    except OutboxBroken as error:
        if inode is None:
            raise
        if aside := files.move_aside(path, inode):
            log.error("%s It is at %s now, and an empty outbox is in its place.", error, aside)
    return Outbox(Sqlite(path), merge, matching)


def check_outbox(url: str) -> None:
    """Raise ``OutboxError`` if no outbox can stand at ``url``. Makes nothing."""
    check_place(_path(url))


def _path(url: str) -> Path:
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise OutboxError(f"PIXELPAIR_OUTBOX_URL: this version keeps its outbox in SQLite, not {address.drivername}.")
    return Path(address.database)
