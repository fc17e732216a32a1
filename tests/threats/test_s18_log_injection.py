"""S18: whatever words a line of the log holds, it is one line of JSON that a terminal only prints."""

import json
import subprocess
import sys

import pytest

from proxy.cli.log_lines import LONGEST_MESSAGE, LONGEST_TRACEBACK

EVIL = [
    'x\r\n{"level": "INFO", "message": "all is well"}',
    "x\n2026-01-01 INFO forged",
    "\x1b[2J\x1b[1;31mred\x07",
    "\x9b31m",
    "next\u2028line\u2029and\x85and\x0b\x0c",
    "\u202eturned around\u202c\u2066",
    "\x00\x08\x7f",
    "lone \ud800 surrogate",
    'quotes " and \\ and “these”',
    "astral \U0001f600 and \U000e0001 tag",
    "%s %d {} {0}",
]
PROGRAM = """
import json, logging, sys
from proxy.cli.running import log_to_stderr
log_to_stderr()
log = logging.getLogger("pixelpair")
for told in json.loads(sys.stdin.read()):
    log.warning("reason: %s", told)
try:
    raise ValueError("first\\nsecond\\x1b[2J" + "y" * 100_000)
except ValueError:
    logging.getLogger("waitress").exception("failed\\r\\nhere")
"""


@pytest.fixture(scope="module")
def written() -> bytes:
    """What a process of ours writes to stderr when it logs all of EVIL, a long text and an exception."""
    told = json.dumps([*EVIL, "z" * 1_000_000])
    ran = subprocess.run([sys.executable, "-c", PROGRAM], input=told.encode(), capture_output=True, check=True)
    return ran.stderr


def test_each_message_is_one_line_of_json_and_nothing_of_it_is_lost(written: bytes) -> None:
    lines = written.decode().splitlines()  # as Python and editors see lines: U+2028 and the like end one too
    assert len(lines) == len(EVIL) + 2
    read = [json.loads(line) for line in lines]
    assert [one["message"] for one in read[: len(EVIL)]] == [f"reason: {told}" for told in EVIL]
    assert {(one["level"], one["logger"]) for one in read[:-1]} == {("WARNING", "pixelpair")}
    assert all(one["time"].endswith("Z") for one in read)


def test_nothing_in_it_moves_a_cursor_or_turns_a_line_around(written: bytes) -> None:
    assert {char for char in written.decode() if not char.isprintable()} == {"\n"}


def test_a_message_and_a_traceback_have_a_longest_length(written: bytes) -> None:
    long, failed = map(json.loads, written.decode().splitlines()[-2:])
    assert long["message"] == f"reason: {'z' * (LONGEST_MESSAGE - 8)}… (996,008 characters more)"
    assert failed["message"] == "failed\r\nhere"
    assert failed["traceback"].startswith("Traceback")
    assert len(failed["traceback"]) < LONGEST_TRACEBACK + 50
