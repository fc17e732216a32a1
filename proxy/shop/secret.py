"""The shop's secret key: made at the first start, kept beside its data, readable by its owner alone."""

import os
import secrets
import tempfile
from pathlib import Path


def read_or_make(path: Path) -> str:
    """The key in ``path``, made there (mode 0600) if there is none yet. Two starts at once get the same key."""
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        # A link, unlike a rename, never replaces the key that another process has just put there.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
