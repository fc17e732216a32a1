"""The log's lines: one JSON object each, whatever the words in it came from.

Who can put a line's end, a terminal's command or an endless text into a message could otherwise write lines of his own,
hide others, or fill the disk.
"""

import json
import logging
from datetime import UTC, datetime

LONGEST_MESSAGE = 4_000
LONGEST_TRACEBACK = 16_000


class JsonLine(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """``time`` in UTC, ``level``, ``logger``, ``message``, and a ``traceback`` if there is one."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": _cut(record.getMessage(), LONGEST_MESSAGE),
        }
        if record.exc_info:
            told["traceback"] = _cut(self.formatException(record.exc_info), LONGEST_TRACEBACK)
        return _printable(json.dumps(told, ensure_ascii=False))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} characters more)"


def _printable(line: str) -> str:
    """The same JSON, in which nothing is left that a terminal obeys, that turns a line around or that no file takes."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
