"""``pixelpair pause`` and ``resume``: by hand, what TikTok's refusals otherwise do. Events are kept meanwhile."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.opening import Opened, as_json, now_ms, opened, which_outbox
from proxy.cli.printing import plain, print_json

if TYPE_CHECKING:
    from proxy.outbox.destinations import Destinations

BY_HAND = "paused by hand"


@click.command()
@click.argument("destination")
@which_outbox
@as_json
def pause(destination: str, config: Path | None, demo: Path | None, as_json: bool) -> None:
    """Send nothing to DESTINATION (SITE/PIXEL) until it is resumed.

    All its events are kept. What is in flight is finished.
    """
    from proxy.outbox.destinations import Destinations

    with opened(config, demo) as here:
        rows = Destinations(here.outbox)
        name = _known(here, rows, destination)
        rows.pause(name, now_ms(), "operator", BY_HAND)
        again = here.command("resume", name)
        _tell(rows, name, f"{name} is paused: its events are kept until “{again}”.", as_json)


@click.command()
@click.argument("destination")
@which_outbox
@as_json
def resume(destination: str, config: Path | None, demo: Path | None, as_json: bool) -> None:
    """Send to DESTINATION (SITE/PIXEL) again, at once.

    Ends a pause made by hand or by TikTok's refusals, and the wait after a failure.
    """
    from proxy.outbox.destinations import Destinations

    with opened(config, demo) as here:
        rows = Destinations(here.outbox)
        name = _known(here, rows, destination)
        state = rows.get(name)
        rows.resume(name)
        stopped = state is not None and (state.paused_at is not None or state.attempts > 0)
        words = "is resumed: what waits for it goes out now." if stopped else "was not paused: nothing to do."
        _tell(rows, name, f"{name} {words}", as_json)


def _known(here: Opened, rows: "Destinations", told: str) -> str:
    """The destination that is meant, by its whole name, or its site or pixel where only one has it."""
    known = list(dict.fromkeys([*(each.name for each in here.settings.destinations), *rows.all()]))
    if told in known:
        return told
    found = [name for name in known if told in (name.rpartition("/")[0], name.rpartition("/")[2])]
    if len(found) == 1:
        return found[0]
    problem = "Several destinations are" if found else "No destination is"
    raise click.UsageError(f"{problem} named {plain(told)}: there are {', '.join(found or known)}.")


def _tell(rows: "Destinations", name: str, sentence: str, as_json: bool) -> None:
    state = rows.get(name)
    if as_json:
        told = asdict(state) if state is not None else {"name": name, "paused_at": None, "paused_by": None}
        told.pop("fingerprint", None)
        print_json(told)
    else:
        click.echo(sentence)
