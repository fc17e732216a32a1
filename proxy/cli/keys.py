"""``pixelpair keys``: the API keys with which a shop's back end tells of orders."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.opening import as_json, now_ms, opened, which_outbox
from proxy.cli.printing import add_row, ago, console, plain, print_json, table

if TYPE_CHECKING:
    from proxy.settings import Settings

_site = click.option("--site", help="The site it belongs to. [default: the only one, or all]")


@click.group()
def keys() -> None:
    """API keys for your back end: make, list, revoke.

    They are kept in the outbox, so every proxy on it takes a new key, and refuses a revoked one, within a second.
    Those of the setting api_keys hold beside them. Two can be live at once for each site: make the new one, change the
    back end over, revoke the old one.
    """


def _command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    return lambda function: keys.command(name)(as_json(which_outbox(_site(function))))


@_command("make")
def make(site: str | None, as_json: bool, config: Path | None, demo: Path | None) -> None:
    """Make a key and show it, this once.

    Standard output is the key alone, so that it can go straight into a file that only the back end reads.
    """
    from proxy.outbox import keys as kept

    with opened(config, demo) as here:
        made, key = kept.make(here.outbox, _one_site(here.settings, site), now_ms())
    if as_json:
        print_json({**asdict(made), "key": key})
        return
    click.echo(key)
    click.echo(
        f"Key number {made.number} of the site {plain(made.site)}, for the header Access-Token. It is shown this once: "
        "only its hash is kept.",
        err=True,
    )


@_command("list")
def list_(site: str | None, as_json: bool, config: Path | None, demo: Path | None) -> None:
    """Show when each key was made and revoked, and its last characters."""
    from proxy.outbox import keys as kept

    with opened(config, demo) as here:
        _check_site(here.settings, site)
        found = [each for each in kept.every(here.outbox) if site in (None, each.site)]
        written = {
            name: len(known.api_keys)
            for name, known in here.settings.sites.items()
            if known.api_keys and site in (None, name)
        }
        again = here.command("keys", "make")
    if as_json:
        print_json({"keys": [asdict(each) for each in found], "in_settings": written})
        return
    now = now_ms()
    rows = table("number", "site", "ends in", "made", "revoked", right=["number"])
    for each in found:
        gone = "" if each.revoked_at is None else ago(each.revoked_at, now)
        add_row(rows, each.number, each.site, each.ending, ago(each.made_at, now), gone)
    if found:
        console().print(rows)
    else:
        click.echo(f"No key was made yet: {again}")
    for name, count in written.items():
        click.echo(f"{count} more of the site {plain(name)} in the settings (api_keys).")


@_command("revoke")
@click.argument("number", type=click.IntRange(1))
def revoke(number: int, site: str | None, as_json: bool, config: Path | None, demo: Path | None) -> None:
    """Refuse the key with this NUMBER (see list) from now on, in running proxies within a second."""
    from proxy.outbox import keys as kept

    with opened(config, demo) as here:
        _check_site(here.settings, site)
        gone = kept.revoke(here.outbox, number, now_ms(), site)
    if as_json:
        print_json(asdict(gone))
    else:
        click.echo(f"Key number {gone.number} of the site {plain(gone.site)} is revoked.")


def _check_site(settings: "Settings", site: str | None) -> None:
    if site is not None and site not in settings.sites:
        raise click.UsageError(f"There is no site {plain(site)}: there are {', '.join(sorted(settings.sites))}.")


def _one_site(settings: "Settings", site: str | None) -> str:
    _check_site(settings, site)
    if site is None and len(settings.sites) > 1:
        raise click.UsageError(f"Say whose key it is, with --site: there are {', '.join(sorted(settings.sites))}.")
    return site or next(iter(settings.sites))
