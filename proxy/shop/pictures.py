"""Pictures that shoppers send with a return request: told by their first bytes, kept under random names."""

import secrets
from pathlib import Path

LARGEST = 5 * 1024 * 1024
MIME_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


def kind_of(picture: bytes) -> str | None:
    """ "png", "jpg" or "webp" by the picture's first bytes, whatever its name says; None for anything else."""
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if picture.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "webp"
    return None


def keep(folder: Path, picture: bytes, kind: str) -> str:
    """Write ``picture`` into ``folder`` under a name nobody can guess; returns the name."""
    name = f"{secrets.token_urlsafe(18)}.{kind}"
    (folder / name).write_bytes(picture)
    return name


def drop(folder: Path, name: str) -> None:
    """Remove a kept picture; one that is already gone is no error."""
    (folder / name).unlink(missing_ok=True)
