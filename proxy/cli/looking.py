"""``pixelpair status`` (how everything stands) and ``events`` (what became of one key)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.opening import as_json, now_ms, opened, which_outbox
from proxy.cli.printing import add_row, ago, console, facts, plain, print_json, table

if TYPE_CHECKING:
    from proxy.cli.opening import Opened
    from proxy.cli.report import Report
    from proxy.outbox.entry import Entry

MOST_EVENTS = 50
# Nothing of a shopper is among these.
FACTS = (
    *("id", "site", "destination", "event", "event_id", "key", "state", "value", "currency", "test_code", "pixel"),
    *("proved", "reports", "seen_at", "delivered_at", "changed_at", "attempts", "code", "request_id", "reason"),
)


@click.command()
@which_outbox
@as_json
def status(config: Path | None, demo: Path | None, as_json: bool) -> None:
    """Show how everything stands; exit code 1 when something needs a person."""
    from proxy.cli.report import report_on

    with opened(config, demo) as here:
        now = now_ms()
        report = report_on(here, now)
    if as_json:
        print_json(report.as_json(now))
    else:
        _print(report, now)
    if report.troubles:
        click.get_current_context().exit(1)


@click.command()
@click.option("--key", help="The shop's own name for the action, such as an order's key.")
@click.option("--code", type=int, help="TikTok's code: the newest delivered events that it answered with this one.")
@click.option("--site", help="Only what this site told.")
@which_outbox
@as_json
def events(
    key: str | None, code: int | None, site: str | None, config: Path | None, demo: Path | None, as_json: bool
) -> None:
    """Show what became of the events of one key, or which ones TikTok took with a certain code; exit code 1 when there
    are none."""
    if (key is None) == (code is None):
        raise click.UsageError("Say which events: --key KEY or --code CODE.")
    with opened(config, demo) as here:
        sites = _sites_meant(here, site)
        entries = _with_key(here, sites, key) if key is not None else _with_code(here, sites, code or 0)
    if as_json:
        print_json([_facts(entry) for entry in entries])
    elif entries:
        _print_events(entries, now_ms())
    else:
        what = "of this key" if key is not None else "with this code"
        click.echo(f"No event {what} is remembered: it was never told here, or its time is over.", err=True)
    if not entries:
        click.get_current_context().exit(1)


def _sites_meant(here: "Opened", site: str | None) -> list[str]:
    from proxy.outbox.destinations import Destinations

    told = [name.rpartition("/")[0] for name in Destinations(here.outbox).all()]
    sites = list(dict.fromkeys([*here.settings.sites, *told]))
    if site is not None and site not in sites:
        raise click.UsageError(f"No site is named {plain(site)}: there are {', '.join(sites)}.")
    return sites if site is None else [site]


def _with_key(here: "Opened", sites: list[str], key: str) -> "list[Entry]":
    from proxy.events.event_id import usable_key
    from proxy.outbox.browse import with_key

    usable = usable_key(key)
    if usable is None:
        raise click.UsageError("No event can have this key: a key is 1 to 128 bytes without control characters.")
    return with_key(here.outbox, sites, usable)


def _with_code(here: "Opened", sites: list[str], code: int) -> "list[Entry]":
    from proxy.outbox.browse import delivered_with

    return delivered_with(here.outbox, code, 0, MOST_EVENTS, sites)[1]


def _facts(entry: "Entry") -> dict[str, Any]:
    from proxy.operator.story import connection_method

    return {**facts(entry, *FACTS), "connection_method": connection_method(entry)}


def _print_events(entries: "list[Entry]", now: int) -> None:
    from proxy.operator.story import connection_method
    from proxy.operator.words import iso

    shown = table("seen", "event", "event_id", "destination", "became", "since", "reached TikTok by", "TikTok's words")
    for entry in entries:
        words = f"code {entry.code}" if entry.code is not None else ""
        words = ", ".join(part for part in (words, entry.request_id, entry.reason) if part)
        add_row(
            shown,
            *(iso(entry.seen_at), entry.event, entry.event_id, entry.destination, entry.state),
            *(ago(entry.delivered_at or entry.changed_at, now), connection_method(entry), words),
        )
    console().print(shown)


def _print(report: "Report", now: int) -> None:
    from proxy.operator.words import iso

    out = console()
    if report.disk_free is not None:
        click.echo(f"outbox  {report.outbox}, {report.disk_free / 2**30:,.1f} GiB free on its disk")
    click.echo(f"keeper  last seen {ago(report.heartbeat, now)}\n")
    out.print(_destinations(report, now))
    click.echo()
    out.print(_sites(report))
    if report.letters:
        click.echo()
        _print_letters(report, now)
    if report.refused.since is not None:
        since = iso(report.refused.since)
        click.echo(f"\nRefused or marked at the doors since {since}: {report.refused.summary}")
    if report.warnings:
        click.echo("\nThe settings are unusual here:")
        for warning in report.warnings:
            click.echo(f"- {warning}")
    if not report.troubles:
        click.echo("\nNothing needs a person.")
        return
    click.echo("\nThis needs a person:")
    for trouble in report.troubles:
        # Not in a table: a command that is broken into lines cannot be copied.
        click.echo(f"- {plain(trouble.sentence)}\n  {trouble.command}")


def _destinations(report: "Report", now: int) -> Any:
    from proxy.operator.words import relative

    shown = table(
        *("destination", "standing", "delivered", "waiting", "oldest", "next attempt", "reason"), right=("waiting",)
    )
    for line in report.destinations:
        how = line.standing
        good = how.advice is None and how.word != "trying again"
        oldest = ago(line.oldest, now) if line.oldest else ""
        next_at = relative(how.next_at, now) if how.next_at else ""
        add_row(
            shown,
            *(how.name, how.word, ago(how.delivered_at, now), f"{line.waiting:,}"),
            *(oldest, next_at, how.reason),
            style=None if good else "yellow",
        )
    return shown


def _sites(report: "Report") -> Any:
    states = list(next(iter(report.sites.values())))
    shown = table("site", *states, right=states)
    for site, counts in report.sites.items():
        add_row(shown, site, *(f"{number:,}" for number in counts.values()))
    return shown


def _print_letters(report: "Report", now: int) -> None:
    shown = table("dead", "newest", "code", "reason", right=("dead",))
    for letters in report.letters:
        each = letters.reason
        add_row(shown, f"{each.number:,}", ago(each.newest_at, now), each.code, each.reason)
    console().print(shown)
    for letters in report.letters:
        click.echo(f"  once the cause is mended: {letters.replay}")
    if report.other_reasons:
        click.echo(f"  and {report.other_reasons} other reasons")
