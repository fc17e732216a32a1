"""What is said over and over is written once a minute."""

import logging

from proxy.cli.repeats import EVERY_SECONDS, MOST_REMEMBERED, Repeats


class Written(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_the_same_words_pass_once_a_minute_and_tell_how_often_they_were_held_back() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    written = Written()
    written.addFilter(repeats)
    log = logging.Logger("room")
    log.addHandler(written)
    for _ in range(500):
        log.error("the disk of %s is full", "o.db")
    log.error("something else")
    assert written.lines == ["the disk of o.db is full", "something else"]
    now[0] += EVERY_SECONDS
    for _ in range(3):
        log.error("the disk of %s is full", "o.db")
    log.error("something else")
    assert written.lines[2:] == [
        "the disk of o.db is full (499 more times since it was last written)",
        "something else",
    ]
    log.error("100%")
    assert written.lines[4:] == ["100%"]


def test_two_failures_under_the_same_words_are_both_written() -> None:
    written = Written()
    written.addFilter(Repeats(lambda: 0.0))
    log = logging.Logger("room")
    log.addHandler(written)
    for failure in (KeyError, ZeroDivisionError, KeyError):
        try:
            raise failure
        except (KeyError, ZeroDivisionError):
            log.exception("a turn failed")
    assert written.lines == ["a turn failed"] * 2


def test_only_so_many_are_remembered() -> None:
    repeats = Repeats(lambda: 0.0)
    for number in range(MOST_REMEMBERED + 100):
        assert repeats.filter(logging.LogRecord("room", logging.ERROR, "", 0, "line %d", (number,), None))
    assert len(repeats._said) == MOST_REMEMBERED
