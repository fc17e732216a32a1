"""How an outbox stands, as plain values: what ``status`` tells, and what of it needs a person."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from proxy.cli.opening import Opened
from proxy.operator.advice import Standing, clock_trouble, keeper_trouble, outbox_trouble, standing_of
from proxy.outbox.browse import delivered_with, waiting_since
from proxy.outbox.dead_letters import Reason, reasons
from proxy.outbox.destinations import Destinations
from proxy.outbox.place import FOR_A_WARNING, FOR_BROWSERS, MIB, Room
from proxy.outbox.store import DAY
from proxy.outbox.tables import State
from proxy.outbox.tally import Refused, read_refused

MOST_REASONS = 5
PARTIAL = 20001  # TikTok's code for a batch that it took with a reservation
FAILING_LONG_MS = 3_600_000  # shorter faults of TikTok or the network pass by themselves

TIKTOK_FAILS = (
    "{name} has been failing for longer than an hour ({reason}). Everything is kept and tried again, but after 48 "
    "hours most events may no longer be sent. See whether this machine reaches TikTok."
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What needs a person, and the command that helps."""

    sentence: str
    command: str


@dataclass(frozen=True, slots=True)
class Line:
    """One destination: how it stands, how many events wait for it, and since when the oldest of them (ms)."""

    standing: Standing
    site: str
    waiting: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Letters:
    """The dead letters of one reason, with the commands that look at them and send them once more."""

    reason: Reason
    look: str
    replay: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of it; times in Unix ms, sizes in bytes; file and disk of an outbox in SQLite. ``letters`` are of the most
    frequent reasons."""

    outbox: str | None
    disk_free: int | None
    heartbeat: int | None
    destinations: tuple[Line, ...]
    sites: dict[str, dict[str, int]]
    letters: tuple[Letters, ...]
    other_reasons: int
    refused: Refused
    warnings: tuple[str, ...]
    troubles: tuple[Trouble, ...]

    def as_json(self, now: int) -> dict[str, Any]:
        """As JSON values."""
        return {
            "ok": not self.troubles,
            "now": now,
            "outbox": {"path": self.outbox, "disk_free": self.disk_free},
            "keeper": {"heartbeat": self.heartbeat, "alive": keeper_trouble(self.heartbeat, now) is None},
            "destinations": [_line_json(line) for line in self.destinations],
            "sites": self.sites,
            "dead": [{**asdict(each.reason), "look": each.look, "replay": each.replay} for each in self.letters],
            "other_reasons": self.other_reasons,
            "refused": asdict(self.refused),
            "warnings": list(self.warnings),
            "needs_a_person": [asdict(trouble) for trouble in self.troubles],
        }


def report_on(here: Opened, now: int) -> Report:
    """How ``here`` stands at ``now`` (ms). Reads every row once."""
    beat = here.outbox.fact("heartbeat")
    heartbeat = int(beat) if beat else None
    counts = here.outbox.counts()
    lines = tuple(_lines(here, counts))
    died_of = reasons(here.outbox)
    letters = tuple(_letters(here, reason) for reason in died_of[:MOST_REASONS])
    room = here.outbox.room()
    troubles = [
        *_keeper(here, heartbeat, now),
        *(trouble for line in lines for trouble in _destination(here, line, now)),
        *(_dead(each) for each in letters),
        *_reservations(here, now),
        *_disk(here, room),
        *_clock(here),
    ]
    return Report(
        outbox=str(here.file) if here.file else None,
        disk_free=room.free if room else None,
        heartbeat=heartbeat,
        destinations=lines,
        sites=_by_site(lines, counts),
        letters=letters,
        other_reasons=len(died_of) - len(letters),
        refused=read_refused(here.outbox),
        warnings=here.settings.warnings,
        troubles=tuple(troubles),
    )


def _lines(here: Opened, counts: dict[tuple[str, str], int]) -> Iterator[Line]:
    states = Destinations(here.outbox).all()
    since = waiting_since(here.outbox)
    configured = {destination.name for destination in here.settings.destinations}
    for name in dict.fromkeys([*sorted(configured), *sorted({name for name, _ in counts})]):
        waiting = counts.get((name, State.WAITING), 0)
        standing = standing_of(name, states.get(name), name in configured, waiting)
        yield Line(standing, name.rpartition("/")[0], waiting, since.get(name))


def _by_site(lines: Iterable[Line], counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in lines:
        site = found.setdefault(line.site, {state.value: 0 for state in State})
        for state in State:
            site[state.value] += counts.get((line.standing.name, state), 0)
    return found


def _letters(here: Opened, reason: Reason) -> Letters:
    # A reason is any text of TikTok's: what a shell's line cannot hold ends the part by which it is found.
    words = "".join(takewhile(str.isprintable, reason.reason))
    options = ("--reason", words) if words else ()
    return Letters(reason, here.command("dead", "list", *options), here.command("dead", "replay", *options))


def _keeper(here: Opened, heartbeat: int | None, now: int) -> Iterator[Trouble]:
    sentence = keeper_trouble(heartbeat, now)
    if sentence is not None:
        yield Trouble(sentence, here.start)


def _destination(here: Opened, line: Line, now: int) -> Iterator[Trouble]:
    standing = line.standing
    if standing.advice is not None:
        paused = standing.word == "paused"
        yield Trouble(standing.advice, here.command("resume", standing.name) if paused else here.start)
    elif standing.word == "trying again" and line.oldest is not None and now - line.oldest > FAILING_LONG_MS:
        sentence = TIKTOK_FAILS.format(name=standing.name, reason=standing.reason)
        yield Trouble(sentence, f"curl -sS -o /dev/null {here.settings.tiktok_url}")


def _dead(letters: Letters) -> Trouble:
    reason = letters.reason
    code = f" (TikTok's code {reason.code})" if reason.code is not None else ""
    are = "dead letter has" if reason.number == 1 else "dead letters have"
    return Trouble(f"{reason.number:,} {are} the reason{code}: {reason.reason}", letters.look)


def _reservations(here: Opened, now: int) -> Iterator[Trouble]:
    number, newest = delivered_with(here.outbox, PARTIAL, now - DAY, 1)
    if number:
        told = f"TikTok took {number:,} of the last day's events only with a reservation ({newest[0].reason})"
        yield Trouble(f"{told}: see in Events Manager what is missing.", here.command("events", "--code", str(PARTIAL)))


def _disk(here: Opened, room: Room | None) -> Iterator[Trouble]:
    look = shlex.join(["df", "-h", str(here.file.parent)]) if here.file else here.start
    refusal = outbox_trouble(here.outbox)
    if refusal is not None:
        yield Trouble(refusal, look)
    elif room is not None and room.is_short(FOR_A_WARNING):
        left, least = room.free // MIB, room.least(FOR_BROWSERS) // MIB
        sentence = f"The outbox's disk has only {left:,} MiB left, and reports are refused below {least:,}: make room."
        yield Trouble(sentence, look)


def _clock(here: Opened) -> Iterator[Trouble]:
    sentence = clock_trouble(here.outbox.fact("clock_ahead_ms"))
    if sentence is not None:
        yield Trouble(sentence, "timedatectl status")


def _line_json(line: Line) -> dict[str, Any]:
    told = asdict(line.standing)
    told["standing"] = told.pop("word")
    return {**told, "site": line.site, "waiting": line.waiting, "waiting_since": line.oldest}
