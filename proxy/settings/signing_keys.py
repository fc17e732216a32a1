"""The keys that sign tickets and sessions: those of the settings, or one made once and kept beside a SQLite outbox."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from proxy.errors import SettingsError
from proxy.settings import rules
from proxy.settings.model import Settings

_NAME = "PIXELPAIR_SECRET_KEYS"


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """The keys, first the one that signs; each of them verifies. Makes a key and its file (mode 0600) if there is none.

    Raises SettingsError when there is no key and no place to keep one, or the file cannot be read, written or trusted.
    """
    if settings.secret_keys:
        return tuple(key.get_secret_value() for key in settings.secret_keys)
    if not settings.outbox_url.startswith("sqlite:"):
        message = (
            "machines that share a PostgreSQL outbox need the same keys: "
            "make one with `openssl rand -hex 32` and set it."
        )
        raise SettingsError(_NAME, message)
    path = key_file(settings)
    problem = ""
    try:
        if not path.exists():
            _make(path)
        keys = tuple(rules.secret_key(key) for key in path.read_text("ascii").split())
        if keys:
            return keys
        problem = "the file is empty: remove it, and a new key is made"
    except OSError as error:
        problem = f"it cannot be read or made ({error.strerror}): set {_NAME} instead"
    except UnicodeDecodeError:
        problem = "the file holds no key: remove it, and a new one is made"
    except ValueError as error:
        problem = str(error)
    raise SettingsError(str(path), f"{problem}.")


def key_file(settings: Settings) -> Path:
    """Where the key beside a SQLite outbox is kept, when the settings name none."""
    return Path(settings.outbox_url.removeprefix("sqlite:///")).with_suffix(".secret")


def _make(path: Path) -> None:
    """Writes a new key, so that another process sees the whole file or none, and of two makers the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
