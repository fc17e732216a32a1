"""``pixelpair check``: is it set up right? Which questions are asked, in which order, and how answers are printed."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import click

from proxy.cli.opening import Opened, as_json, now_ms, opened, settings_of, sqlite_file, which_outbox
from proxy.cli.printing import add_row, console, plain, print_json, table
from proxy.cli.running import DEMO_PORT
from proxy.errors import OutboxError, SettingsError

if TYPE_CHECKING:
    from proxy.check.line import Line
    from proxy.outbox.entry import Entry
    from proxy.settings import Settings

STYLES = {"pass": None, "warn": "yellow", "fail": "red"}


@click.command()
@click.argument("url", required=False)
@click.option("--test-code", metavar="CODE", help="Send each pixel one test event under this code of Test Events.")
@click.option("--allow-local", is_flag=True, help="URL may be on this machine, as the demo's is.")
@which_outbox
@as_json
def check(
    url: str | None, test_code: str | None, allow_local: bool, config: Path | None, demo: Path | None, as_json: bool
) -> None:
    """Is it set up right? With URL, a page of the shop, also there.

    Exit code 0: all pass or warn; 1: something fails; 2: wrong usage or wrong settings.
    """
    from proxy.check.line import Level
    from proxy.check.standing import standing_of

    _refuse_unfit(url)
    with ExitStack() as parts:
        settings, lines = _settings(config, demo, url)
        wrong_settings = any(line.level is Level.FAIL for line in lines)
        here: Opened | None = None
        entries: Sequence[Entry] = ()
        if settings is not None:
            lines += _machine(settings, () if demo else _written_in(config), test_code)
            here = _open(parts, lines, settings, config, demo)
        if here is not None:
            entries = _newest(here)
            lines += _outbox(here, entries)
        standing = None
        if url is not None:
            page = list(_page(url, allow_local, settings, here))
            seen = max((entry.seen_at for entry in entries if entry.browser), default=None)
            standing = standing_of(page, seen, now_ms(), known=here is not None)
            lines += page
    ok = all(line.level is not Level.FAIL for line in lines)
    if as_json:
        print_json({"ok": ok, "standing": standing, "lines": [asdict(line) for line in lines]})
    else:
        _print(lines, standing)
    if not ok:
        click.get_current_context().exit(2 if wrong_settings else 1)


def _refuse_unfit(url: str | None) -> None:
    from proxy.check.fetching import unfit

    if url is not None and (reason := unfit(url)):
        raise click.UsageError(f"Write URL like https://shop.example/: {reason}.")


def _settings(config: Path | None, demo: Path | None, url: str | None) -> tuple["Settings | None", list["Line"]]:
    """The settings and what they say. A stranger's page can be looked at without any."""
    from proxy.check.line import failed, warned
    from proxy.check.machine import settings_read
    from proxy.web import check_event_names

    if url is not None and config is None and demo is None and not _is_set_up():
        cure = "For the rest, ask on the proxy's machine, in its folder."
        return None, [warned("settings", "none here: only what every stranger sees of the page is looked at", cure)]
    try:
        # A demo's sandbox is beside its shop, whose port only the URL tells.
        settings = settings_of(config, demo, (url and urlsplit(url).port) or DEMO_PORT)
        check_event_names(settings)
    except SettingsError as error:
        cure = "Correct it; nothing else of this side was looked at."
        return None, [failed("settings", words, cure) for words in (str(error), *getattr(error, "__notes__", ()))]
    return settings, list(settings_read(settings))


def _is_set_up() -> bool:
    """Whether anything here means to be settings."""
    from proxy.settings.loading import DEFAULT_FILE

    return DEFAULT_FILE.exists() or Path(".env").exists() or any(name.startswith("PIXELPAIR_") for name in os.environ)


def _written_in(config: Path | None) -> tuple[Path, ...]:
    """The files where settings may stand."""
    from proxy.settings.loading import DEFAULT_FILE

    return config or Path(os.environ.get("PIXELPAIR_CONFIG") or DEFAULT_FILE), Path(".env")


def _machine(settings: "Settings", written: Iterable[Path], test_code: str | None) -> Iterator["Line"]:
    from proxy.check import machine, sending
    from proxy.tiktok.client import Client

    yield machine.private_files(settings, written, sqlite_file(settings))
    yield machine.signing_keys(settings)
    answer = machine.ask_tiktok(settings)
    yield machine.reaches_tiktok(answer)
    yield machine.clock(answer, time.time())
    if test_code is None:
        yield from map(sending.not_tried, settings.destinations)
        return
    client = Client(settings.tiktok_url)
    try:
        for destination in settings.destinations:
            event_id = f"pixelpair-check-{secrets.token_hex(8)}"
            yield sending.send_test_event(client, destination, test_code, event_id, time.time())
    finally:
        client.close()


def _open(
    parts: ExitStack, lines: list["Line"], settings: "Settings", config: Path | None, demo: Path | None
) -> Opened | None:
    """The outbox, if there is one that a look has shown to be sound: opening an older one would change it."""
    from proxy.check.line import Level, failed, passed
    from proxy.check.outbox import file_is_sound
    from proxy.outbox.open import check_outbox

    path = sqlite_file(settings)
    try:
        check_outbox(settings.outbox_url)
        if path is None or not path.exists():
            lines.append(passed("outbox", "none yet: the first start makes it"))
            return None
        lines.append(file_is_sound(path))
        return parts.enter_context(opened(config, demo)) if lines[-1].level is Level.PASS else None
    except OutboxError as error:
        lines.append(failed("outbox", str(error), "docs/operate.md has more: “When the outbox cannot be used”."))
        return None


def _newest(here: Opened) -> Sequence["Entry"]:
    from proxy.outbox.browse import newest

    return newest(here.outbox, 200, [destination.name for destination in here.settings.destinations])


def _outbox(here: Opened, entries: Sequence["Entry"]) -> Iterator["Line"]:
    from proxy.check import outbox

    yield outbox.keeper(_heartbeat(here), now_ms(), here.start)
    yield from outbox.destinations(here.outbox, here.settings, here.command)
    yield outbox.dead_letters(here.outbox, here.command("dead", "list"))
    if here.file is not None:
        yield outbox.disk(here.outbox, here.file)
    yield from outbox.visitors(entries)


def _heartbeat(here: Opened) -> int | None:
    beat = here.outbox.fact("heartbeat")
    return int(beat) if beat else None


def _page(url: str, allow_local: bool, settings: "Settings | None", here: Opened | None) -> Iterator["Line"]:
    from proxy.check import page
    from proxy.check.fetching import fetch
    from proxy.check.reading import read

    answer = fetch(url, allow_local)
    yield page.answers(answer)
    if answer.status != 200:
        return
    parts = urlsplit(answer.url)
    plain = fetch(f"http://{parts.hostname}/", allow_local, redirects=0) if parts.scheme == "https" else None
    yield page.is_https(answer, plain)
    html = read(answer.url, answer.body.decode("utf-8", "replace"))
    tag = page.tag_of(html, settings.mount if settings else None)
    yield page.tag_is_there(html, tag, settings.mount if settings else "/t")
    file, told = None, None
    if tag is not None:
        yield page.stub_is_there(html)
        file = fetch(tag.src, allow_local)
        told = page.told_by(file)
        yield from page.tag_comes(file, told is not None)
    if tag is not None and told is not None:
        yield page.right_site(told, parts.hostname or "", settings)
        yield page.policy_allows(html, answer.all("content-security-policy"), tag, told)
    codes = [each.pixel_code for each in settings.destinations] if settings else []
    yield from page.other_senders(html, told["pixels"] if told else codes)
    yield from page.cookies(answer, file)
    yield from _path(tag.src if tag else answer.url, allow_local, settings, here)


def _path(found: str, allow_local: bool, settings: "Settings | None", here: Opened | None) -> Iterator["Line"]:
    """Whether what answers beside the tag is a proxy, and the one whose outbox is here."""
    from proxy.check import page
    from proxy.check.fetching import fetch

    mount = settings.mount if settings else "/t"
    ready_at = urljoin(found, "readyz" if urlsplit(found).path.endswith("/tag.js") else f"{mount}/readyz")
    before, asked = _heartbeat(here) if here else None, now_ms()
    ready = fetch(ready_at, allow_local)
    answered, after = now_ms(), _heartbeat(here) if here else None
    yield page.path_reaches(ready)
    if here is not None and (line := page.is_this_proxy(ready, asked, answered, (before, after))):
        yield line


def _print(lines: Sequence["Line"], standing: str | None) -> None:
    shown = table("", "check", "found")
    for line in lines:
        add_row(shown, line.level, line.check, line.found, style=STYLES[line.level])
    console().print(shown)
    todo = [line for line in lines if line.cure]
    if todo:
        click.echo("\nWhat to do:")
    for line in todo:
        # Not in the table: a command that is broken into lines cannot be copied.
        click.echo(f"- {line.check}: {plain(line.cure)}")
    if standing is not None:
        click.echo(f"\nThe page: {standing}.")
