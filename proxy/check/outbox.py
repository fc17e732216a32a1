"""The outbox: sound, delivering, with room; and what its newest events tell of the settings."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from proxy.check.line import Line, failed, passed, warned
from proxy.operator.advice import findings, keeper_trouble, outbox_trouble, standing_of
from proxy.outbox.dead_letters import reasons
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.inspect import inspect
from proxy.outbox.place import FOR_A_WARNING
from proxy.outbox.store import Outbox
from proxy.outbox.tables import VERSION, State
from proxy.settings import Settings


def file_is_sound(path: Path) -> Line:
    """Whether the file is whole and of this version. Writes nothing."""
    try:
        looked = inspect(path)
    except OSError as error:
        return failed(
            "outbox", f"{path} cannot be opened: {error.strerror or error}", f"ls -l {shlex.quote(str(path))}"
        )
    if looked.fault:
        cure = "Stop Pixelpair, copy the files away, restore a copy: docs/operate.md, “When the outbox cannot be used”."
        return failed("outbox", f"{path} is broken: {looked.fault}", cure)
    if looked.version is None or looked.version < VERSION:
        return warned(
            "outbox", f"{path} is of an older version", "The next start brings it up to date, and keeps a copy."
        )
    if looked.version > VERSION + 1:
        return failed("outbox", f"{path} was written by a newer Pixelpair", "Run that version.")
    if not looked.whole:
        return passed("outbox", f"{path} is sound as far as 20 seconds reach (schema {looked.version})")
    return passed("outbox", f"{path} is sound (schema {looked.version})")


def keeper(heartbeat: int | None, now: int, start: str) -> Line:
    """Whether somebody delivers; times in ms. ``start`` is the command that does."""
    trouble = keeper_trouble(heartbeat, now)
    return passed("keeper", "at work") if trouble is None else failed("keeper", trouble, start)


def destinations(outbox: Outbox, settings: Settings, command: Callable[..., str]) -> Iterator[Line]:
    """How each pixel stands. ``command`` writes a command about this outbox out."""
    states, counts = Destinations(outbox).all(), outbox.counts()
    configured = {each.name for each in settings.destinations}
    for name in dict.fromkeys([*configured, *sorted(name for name, _ in counts)]):
        standing = standing_of(name, states.get(name), name in configured, counts.get((name, State.WAITING), 0))
        if standing.advice is not None:
            cure = command("resume", name) if standing.word == "paused" else "Put the pixel back into the settings."
            because = f" ({standing.reason})" if standing.reason else ""
            yield failed("delivery", f"{standing.advice}{because}", cure)
        elif standing.word == "trying again":
            yield warned("delivery", f"{name} is trying again: {standing.reason}", "Look again in a minute.")
        elif name in configured:
            yield passed("delivery", f"{name}: {standing.word}")


def dead_letters(outbox: Outbox, look: str) -> Line:
    """Whether events died. ``look`` is the command that shows them."""
    number = sum(reason.number for reason in reasons(outbox))
    if not number:
        return passed("dead letters", "none")
    return warned("dead letters", f"{number:,} events were refused or came too late", look)


def disk(outbox: Outbox, path: Path) -> Line:
    """Whether reports still find room."""
    look = shlex.join(["df", "-h", str(path.parent)])
    refusal = outbox_trouble(outbox)
    if refusal is not None:
        return failed("disk", refusal, look)
    room = outbox.room()
    free = f"{room.free / 2**30:,.1f} GiB free" if room else "room is left"
    if room is not None and room.is_short(FOR_A_WARNING):
        return warned("disk", f"only {free}: reports are refused when it runs short", f"Make room: {look}")
    return passed("disk", free)


def visitors(entries: Sequence[Entry]) -> list[Line]:
    """What the newest events say of wrong settings, most of all whether shoppers' addresses arrive (trusted_hops)."""
    found = findings(entries)
    if not found:
        return [passed("visitors", "nothing odd in the newest events" if entries else "no event yet to judge by")]
    cure = "The operator's page shows the events; docs/settings.md has the settings, trusted_hops among them."
    return [warned("visitors", sentence, cure) for sentence in found]
