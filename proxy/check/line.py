"""One answer of the check."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave: ``FAIL`` stops events from arriving, ``WARN`` is worth a look."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """What was asked (``check``), how it stands, what was found, and what to do about it ("" when it passes).

    No secret is ever in it. ``found`` may hold words of a stranger's page.
    """

    check: str
    level: Level
    found: str
    cure: str = ""


def passed(check: str, found: str) -> Line:
    """All is well."""
    return Line(check, Level.PASS, found)


def warned(check: str, found: str, cure: str) -> Line:
    """Worth a look."""
    return Line(check, Level.WARN, found, cure)


def failed(check: str, found: str, cure: str) -> Line:
    """Events are lost until somebody does something."""
    return Line(check, Level.FAIL, found, cure)
