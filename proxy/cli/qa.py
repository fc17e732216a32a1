"""``pixelpair qa-token``: a pass with which a tester's browser says that its events are tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from proxy.cli.opening import as_json, now_ms, opened, which_outbox
from proxy.cli.printing import plain, print_json

if TYPE_CHECKING:
    from proxy.settings import Settings, Site

COOKIE = "pixelpair_qa"
MOST_DAYS = 90


@click.command("qa-token")
@click.option("--site", help="The site to test. [default: the only one]")
@click.option(
    "--code",
    "codes",
    multiple=True,
    metavar="[PIXEL=]CODE",
    help="The code that Events Manager shows under Test Events; for each pixel one, if there are several.",
)
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, MOST_DAYS), help="How long it is good.")
@which_outbox
@as_json
def qa_token(
    site: str | None, codes: tuple[str, ...], days: int, config: Path | None, demo: Path | None, as_json: bool
) -> None:
    """Print a QA token: the value of the cookie pixelpair_qa of a browser that tests.

    Its events pass the bot filter and go to TikTok's Test Events, never into reports.
    """
    from proxy.settings import secret_keys
    from proxy.tickets import QaToken, sign_qa

    with opened(config, demo) as here:
        meant = _site(here.settings, site)
        known = _codes(meant, codes)
        now = now_ms() // 1000
        pass_ = QaToken(meant.name, known, now + days * 86_400)
        text = sign_qa(pass_, secret_keys(here.settings), now)
    if as_json:
        print_json({"cookie": COOKIE, "token": text, "site": meant.name, "codes": known, "until": pass_.until * 1000})
        return
    click.echo(f"For {meant.name}, good for {days} days: set it as the cookie {COOKIE} of the shop's host.", err=True)
    click.echo(text)


def _site(settings: "Settings", told: str | None) -> "Site":
    names = ", ".join(settings.sites)
    if told is None and len(settings.sites) > 1:
        raise click.UsageError(f"There are several sites: name one with --site ({names}).")
    name = next(iter(settings.sites)) if told is None else told
    if name not in settings.sites:
        raise click.UsageError(f"No site is named {plain(name)}: there are {names}.")
    return settings.sites[name]


def _codes(site: "Site", told: tuple[str, ...]) -> dict[str, str]:
    """The code of each pixel; those of the settings stand where none is told. Each pixel needs one."""
    pixels = [destination.pixel_code for destination in site.destinations]
    known = {each.pixel_code: each.test_event_code for each in site.destinations if each.test_event_code}
    for text in told:
        pixel, _, code = text.rpartition("=")
        if not pixel and len(pixels) == 1:
            pixel = pixels[0]
        if pixel not in pixels or not code:
            raise click.UsageError(f"Write --code PIXEL=CODE with a pixel of this site: {', '.join(pixels)}.")
        known[pixel] = code
    missing = [pixel for pixel in pixels if pixel not in known]
    if missing:
        raise click.UsageError(
            f"The pixel {missing[0]} has no test event code, and without one its events would count: "
            "give the code that Events Manager shows under Test Events with --code."
        )
    return known
