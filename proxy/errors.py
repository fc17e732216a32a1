"""Every error Pixelpair raises on purpose, as one tree.

PixelpairError
├── SettingsError    a setting is missing, unknown or wrong; stops the start
├── Rejected         a report or request cannot be taken; the sender's to fix
└── OutboxError      the outbox cannot be used; the operator's to fix
    ├── OutboxBusy   it may work again in a moment
    │   └── OutboxFull  its disk has no room left
    └── OutboxBroken its file is corrupt
"""


class PixelpairError(Exception):
    """The root: catch it to catch everything Pixelpair raises on purpose."""


class SettingsError(PixelpairError):
    """A setting is missing, unknown or wrong. ``name`` is the setting as its user wrote it; no value is ever shown."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Rejected(PixelpairError):
    """What came in cannot be taken. ``code`` is stable, ``field`` a dotted path or "", ``status`` an HTTP status.

    ``message`` is one sentence that says how to fix it. It never repeats a value that may be personal.
    """

    def __init__(self, code: str, field: str, message: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {field}: {message}")
        self.code = code
        self.field = field
        self.message = message
        self.status = status
        self.retry_after = retry_after


class OutboxError(PixelpairError):
    """The outbox cannot be used: wrong place, wrong version, broken file, second keeper."""


class OutboxBusy(OutboxError):
    """The outbox could not commit in time; the same call may succeed after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutboxFull(OutboxBusy):
    """The disk has no room left, or no more than the keeper needs; made room, the same call succeeds."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=60)


class OutboxBroken(OutboxError):
    """The outbox's file is corrupt, or is something else."""
