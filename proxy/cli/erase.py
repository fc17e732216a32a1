"""`pixelpair erase`: removes a person from the outbox, on their request."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from proxy.cli.opening import as_json, now_ms, opened, which_outbox

LEAST = 16  # characters of a cookie's value: less could stand in a stranger's events too


@click.command()
@click.option("--email", multiple=True, help="An e-mail address, or its SHA-256.")
@click.option("--phone", multiple=True, help="A phone number, or its SHA-256.")
@click.option("--external-id", multiple=True, help="The shop's own id of the customer, or its SHA-256.")
@click.option("--ttp", multiple=True, help="The value of the cookie _ttp.")
@click.option("--ttclid", multiple=True, help="The value of the cookie ttclid.")
@click.option("--site", help="Only this site's events. [default: all sites]")
@click.option("--dry-run", is_flag=True, help="Count, and change nothing.")
@as_json
@which_outbox
def erase(
    email: Sequence[str],
    phone: Sequence[str],
    external_id: Sequence[str],
    ttp: Sequence[str],
    ttclid: Sequence[str],
    site: str | None,
    dry_run: bool,
    as_json: bool,
    config: Path | None,
    demo: Path | None,
) -> None:
    """Remove a person from every event, the database's file, its log and its copies.

    What was delivered stays as a line without personal data; what was not is never sent. The keeper may go on running:
    reports wait while the file is rewritten. Not to be found by e-mail is what the person did without telling it: give
    all that you know, each option as often as needed.
    """
    from proxy.errors import SettingsError
    from proxy.outbox.erase import erase as erase_marks

    with opened(config, demo) as found:
        sites = found.settings.sites
        if site is not None and site not in sites:
            raise SettingsError("--site", f"there is no site {site}: there are {', '.join(sorted(sites))}.")
        told = {"email": email, "phone": phone, "external_id": external_id}
        regions = {known.default_region for name, known in sites.items() if site in (None, name)}
        marks = _hashes(told, regions) | _values({"--ttp": ttp, "--ttclid": ttclid})
        if not marks:
            raise click.UsageError("Say whom: --email, --phone, --external-id, --ttp or --ttclid.")
        erased = erase_marks(found.outbox, marks, now_ms(), site=site, dry_run=dry_run)
    files = [str(path) for path in erased.out_of_reach]
    if as_json:
        facts = {name: getattr(erased, name) for name in ("events", "match_keys", "in_copies")}
        click.echo(json.dumps({"dry_run": dry_run, **facts, "out_of_reach": files}))
    else:
        click.echo(f"{erased.events} events {'hold' if dry_run else 'held'} the person.")
        if erased.match_keys:
            verb = "are" if dry_run else "were"
            click.echo(f"Match keys of {erased.match_keys} orders {verb} kept for what is told of them later.")
        if not dry_run:
            click.echo(f"Nothing of it is left in the outbox; {erased.in_copies} more were cleared in its copies.")
        for file in files:
            click.echo(f"It cannot be looked into and may hold the person, so delete it: {file}", err=True)
    if files:
        raise SystemExit(1)


def _hashes(told: Mapping[str, Sequence[str]], regions: set[str | None]) -> set[str]:
    """What events hold in their place, one for each way in which a site would have read them."""
    from proxy.events.identity import hash_user

    marks: set[str] = set()
    for field, values in told.items():
        for value in values:
            found = {str(mark) for region in regions for mark in hash_user({field: value}, region)[0].values()}
            if not found:
                option = f"--{field.replace('_', '-')}"
                raise click.UsageError(f"{option}: no event can hold this; write it as the shop knows it.")
            marks |= found
    return marks


def _values(told: Mapping[str, Sequence[str]]) -> set[str]:
    for option, values in told.items():
        if any(len(value.strip()) < LEAST for value in values):
            raise click.UsageError(f"{option}: give the cookie's whole value, {LEAST} characters at least.")
    return {value.strip() for values in told.values() for value in values}
