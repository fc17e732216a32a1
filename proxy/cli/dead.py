"""``pixelpair dead``: look at the dead letters, send them once more, or drop them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.opening import Opened, as_json, now_ms, opened, which_outbox
from proxy.cli.printing import add_row, ago, console, facts, plain, print_json, table, with_bar

if TYPE_CHECKING:
    from proxy.outbox.dead_letters import Fate, Judge, Part, Wanted
    from proxy.outbox.entry import Entry

_AGE = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

FACTS = (
    *("id", "state", "site", "destination", "event", "event_id", "key", "value", "currency", "test_code", "pixel"),
    *("reason", "code", "request_id", "attempts", "unknown_outcome", "warnings"),
    *("seen_at", "first_attempt_at", "last_attempt_at", "changed_at"),
)


NUMBER = click.IntRange(1, 2**63 - 1)


def _age(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """A length of time as its user writes it, in ms."""
    if text is None:
        return None
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter("write a number with its unit, such as 90s, 30m, 48h or 7d.")
    return int(found[1]) * _UNIT_MS[found[2]]


@dataclass(frozen=True, slots=True)
class Filters:
    """What was written of the dead letters that are meant; ages in ms."""

    site: str | None
    event: str | None
    reason: str | None
    older: int | None
    newer: int | None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.site, self.event, self.reason, self.older, self.newer))


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of ``Filters``, which the command gets as ``chosen``."""

    def call(
        site: str | None, event: str | None, reason: str | None, older: int | None, newer: int | None, **others: Any
    ) -> Any:
        return command(chosen=Filters(site, event, reason, older, newer), **others)

    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--newer", metavar="AGE", callback=_age, help="Those that died less than this long ago: 90s, 30m, 48h, 7d."
        ),
        click.option("--older", metavar="AGE", callback=_age, help="Those that died longer ago than this."),
        click.option("--reason", help="Those whose reason has these words in it."),
        click.option("--event", help="Those of this event name."),
        click.option("--site", help="Those of this site."),
    ):
        call = option(call)
    return call


@click.group()
def dead() -> None:
    """Look at the dead letters, send them once more, or drop them.

    Dead letters are events that TikTok refused, or that could not be sent in time.
    """


@dead.command("list")
@filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many, the newest.")
@which_outbox
@as_json
def list_(chosen: Filters, limit: int, config: Path | None, demo: Path | None, as_json: bool) -> None:
    """Show the dead letters, the newest first."""
    from proxy.outbox.dead_letters import ids_of, newest_dead

    with opened(config, demo) as here:
        now = now_ms()
        wanted = _wanted(here, chosen, now)
        entries = newest_dead(here.outbox, wanted, limit)
        number = len(ids_of(here.outbox, wanted))
        if as_json:
            print_json({"matched": number, "dead": [facts(entry, *FACTS) for entry in entries]})
            return
        if not entries:
            click.echo("No dead letters." if not chosen else "No dead letter is like that.")
            return
        _print_list(entries, now)
        shown = f"the newest {len(entries):,} of {number:,}" if number > len(entries) else f"{number:,}"
        click.echo(f"\n{shown}. More of one: {here.command('dead', 'show', str(entries[0].id))}")


@dead.command()
@click.argument("number", type=NUMBER)
@which_outbox
@as_json
def show(number: int, config: Path | None, demo: Path | None, as_json: bool) -> None:
    """Show one event, by its NUMBER in the list, and what TikTok gets of it."""
    from proxy.operator.privacy import shown_item
    from proxy.outbox.browse import find

    with opened(config, demo) as here:
        entry = find(here.outbox, number)
        if entry is None:
            raise click.UsageError(f"No event has the number {number}: {here.command('dead', 'list')} shows them.")
        told = {**facts(entry, *FACTS), "item": shown_item(entry.body)}
        if as_json:
            print_json(told)
        else:
            _print_one(here, entry, told)


@dead.command()
@click.argument("numbers", type=NUMBER, nargs=-1)
@filters
@click.option("--force", is_flag=True, help="Also those past the 48 hours: TikTok may count these twice.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@which_outbox
@as_json
def replay(
    numbers: tuple[int, ...],
    chosen: Filters,
    force: bool,
    dry_run: bool,
    config: Path | None,
    demo: Path | None,
    as_json: bool,
) -> None:
    """Send dead letters once more, under their own event_id.

    All of them, those that the options name, or those with these NUMBERS in the list. What could not be sent within 48
    hours and may have been counted already is refused, unless forced.
    """
    from proxy.outbox.dead_letters import examine, ids_of
    from proxy.outbox.dead_letters import replay as send_again

    with opened(config, demo) as here:
        now = now_ms()
        ids = ids_of(here.outbox, _wanted(here, chosen, now, numbers))
        judge = _judge(here, now, force)
        parts = examine(here.outbox, ids, judge) if dry_run else send_again(here.outbox, ids, judge, now)
        done, refused = _sum(with_bar(parts, len(ids), "replaying"))
        if as_json:
            reasons = [{"reason": reason, "number": number} for reason, number in refused.most_common()]
            print_json({"dry_run": dry_run, "matched": len(ids), "replayed": done, "refused": reasons})
        else:
            verb = "would go out once more" if dry_run else "go out once more, under the event_id they have"
            click.echo(f"{done:,} of {_letters(len(ids))} {verb}.")
            for reason, number in refused.most_common():
                click.echo(f"{number:,} refused: {plain(reason)}")
    if refused:
        click.get_current_context().exit(1)


@dead.command()
@click.argument("numbers", type=NUMBER, nargs=-1)
@filters
@click.option("--all", "everything", is_flag=True, help="All of them, when nothing else says which.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@which_outbox
@as_json
def drop(
    numbers: tuple[int, ...],
    chosen: Filters,
    everything: bool,
    dry_run: bool,
    config: Path | None,
    demo: Path | None,
    as_json: bool,
) -> None:
    """Delete dead letters for good: those that the options name, or those with these NUMBERS in the list."""
    from proxy.outbox.dead_letters import drop as delete
    from proxy.outbox.dead_letters import ids_of

    if not (chosen or numbers or everything):
        raise click.UsageError("Say which to drop: numbers, --site, --event, --reason, --older, --newer, or --all.")
    with opened(config, demo) as here:
        ids = ids_of(here.outbox, _wanted(here, chosen, now_ms(), numbers))
        done = len(ids)
        if not dry_run:
            done, _ = _sum(with_bar(delete(here.outbox, ids), len(ids), "dropping"))
    if as_json:
        print_json({"dry_run": dry_run, "matched": len(ids), "dropped": done})
    else:
        click.echo(f"{_letters(done)} {'to be ' if dry_run else ''}dropped.")


def _wanted(here: Opened, chosen: Filters, now: int, numbers: tuple[int, ...] = ()) -> "Wanted":
    """What is wanted, after a look that there is anything of the kind; UsageError names what there is."""
    from proxy.outbox.dead_letters import Wanted, reasons, sites_and_events

    there = sites_and_events(here.outbox) if chosen.site or chosen.event else set()
    sites = dict.fromkeys([*here.settings.sites, *sorted(site for site, _ in there)])
    if chosen.site is not None and chosen.site not in sites:
        raise click.UsageError(f"No site is named {plain(chosen.site)}: there are {plain(', '.join(sites))}.")
    names = sorted({event for _, event in there})
    if chosen.event is not None and chosen.event not in names:
        of = f"there are those of {plain(', '.join(names))}" if names else "there are none at all"
        raise click.UsageError(f"No dead letter is a {plain(chosen.event)}: {of}.")
    if chosen.reason is not None:
        known = [each.reason for each in reasons(here.outbox)]
        if not any(chosen.reason.lower() in reason.lower() for reason in known):
            of = f"there are “{plain('”, “'.join(known[:10]))}”" if known else "there are none at all"
            raise click.UsageError(f"No dead letter has the reason “{plain(chosen.reason)}”: {of}.")
    wanted = Wanted(
        numbers,
        chosen.site,
        chosen.event,
        chosen.reason,
        None if chosen.newer is None else now - chosen.newer,
        None if chosen.older is None else now - chosen.older,
    )
    _check_numbers(here, numbers)
    return wanted


def _check_numbers(here: Opened, numbers: tuple[int, ...]) -> None:
    from proxy.outbox.browse import find
    from proxy.outbox.tables import State

    for number in numbers:
        entry = find(here.outbox, number)
        if entry is None or entry.state != State.DEAD:
            state = "no event has this number" if entry is None else f"it is {entry.state}"
            raise click.UsageError(f"{number} is no dead letter ({state}): {here.command('dead', 'list')} shows them.")


def _judge(here: Opened, now: int, force: bool) -> "Judge":
    from proxy.delivery.deadlines import too_late_reason
    from proxy.outbox.dead_letters import Fate

    destinations = {destination.name for destination in here.settings.destinations}

    def judge(entry: "Entry") -> "Fate":
        if entry.destination not in destinations:
            return Fate(f"{entry.destination} is not in the settings, so nothing is sent to it.")
        if not entry.body:
            return Fate("Its content is no longer kept.")
        late = too_late_reason(entry.horizon_from, now, entry.pixel, entry.browser, entry.unknown_outcome)
        if late is None:
            return Fate()
        return Fate(renewed=True) if force else Fate(f"{late} --force sends it all the same.")

    return judge


def _letters(number: int) -> str:
    return f"{number:,} dead letter{'' if number == 1 else 's'}"


def _sum(parts: "Iterable[Part]") -> tuple[int, Counter[str]]:
    done, refused = 0, Counter[str]()
    for part in parts:
        done += part.done
        refused += part.refused
    return done, refused


def _print_list(entries: "list[Entry]", now: int) -> None:
    shown = table("number", "died", "destination", "event", "event_id", "tries", "code", "reason", right=("number",))
    for entry in entries:
        add_row(
            shown,
            *(entry.id, ago(entry.changed_at, now), entry.destination, entry.event, entry.event_id),
            *(entry.attempts, entry.code, entry.reason),
        )
    console().print(shown)


def _print_one(here: Opened, entry: "Entry", told: dict[str, Any]) -> None:
    import json

    from proxy.operator.words import iso
    from proxy.outbox.tables import State

    shown = table("", "")
    shown.show_header = False
    for name in FACTS:
        value = told[name]
        if name.endswith("_at") and value is not None:
            value = f"{iso(value)} ({ago(value, now_ms())})"
        if name == "warnings":
            value = "; ".join(value)
        if value not in (None, ""):
            add_row(shown, name, value)
    console().print(shown)
    click.echo(f"\n{_lines(json.dumps(told['item'], indent=2, ensure_ascii=False))}")
    if entry.state == State.DEAD:
        click.echo(f"\nOnce the cause is mended: {here.command('dead', 'replay', str(entry.id))}")


def _lines(text: str) -> str:
    return "\n".join(plain(line) for line in text.split("\n"))
