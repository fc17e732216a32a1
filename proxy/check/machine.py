"""This machine's side: files that only their owner should read, the signing keys, the way to TikTok, the clock."""

import re
import shlex
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from proxy.check.fetching import Answer, fetch
from proxy.check.line import Line, failed, passed, warned
from proxy.errors import SettingsError
from proxy.settings import Settings, key_file, secret_keys

CLOCK_TOLERATED_SECONDS = 60  # an answer may be under way for 5 of them


def settings_read(settings: Settings) -> Iterator[Line]:
    """What the settings themselves say."""
    sites, pixels = len(settings.sites), len(settings.destinations)
    count = f"{sites} site{'s' * (sites > 1)} with {pixels} pixel{'s' * (pixels > 1)}"
    yield passed("settings", f"read and whole: {count}")
    for warning in settings.warnings:
        yield warned("settings", warning, "Change it, unless it is meant so.")
    for site in settings.sites.values():
        if not site.domains:
            yield warned(
                "settings",
                f"the site {site.name} names no domains, so any page on the proxy's own host may report",
                "Name the host names of the shop's pages: PIXELPAIR_DOMAINS=shop.example,www.shop.example",
            )
        for destination in site.destinations:
            if destination.test_event_code:
                yield warned(
                    "settings",
                    f"{destination.name} has a test_event_code: every server leg of a shopper is a test",
                    "Take it out before the shop goes live, and start again.",
                )


# A setting that is itself a secret, as pixelpair.toml or .env has it; access_token_file is none.
_SECRET = re.compile(r"(access_token|api_keys|secret_keys)\s*=", re.IGNORECASE)


def private_files(settings: Settings, written: Iterable[Path], outbox: Path | None) -> Line:
    """Whether others on this machine may read tokens, keys or shoppers' events. ``written``: the files of settings."""
    secret = [path for path in written if _holds_a_secret(path)]
    secret += [each.access_token_file for each in settings.destinations if each.access_token_file is not None]
    if outbox is not None:
        secret += [outbox, Path(f"{outbox}-wal"), Path(f"{outbox}-shm")]
        if not settings.secret_keys:
            secret.append(key_file(settings))
    open_ones = [str(path) for path in secret if _is_open(path)]
    if open_ones:
        return warned(
            "files", f"others on this machine may read {', '.join(open_ones)}", shlex.join(["chmod", "600", *open_ones])
        )
    return passed("files", "only their owner may read the tokens, the keys and the outbox")


def signing_keys(settings: Settings) -> Line:
    """Whether there are keys that sign tickets. Makes none."""
    if not settings.secret_keys and settings.outbox_url.startswith("sqlite:") and not key_file(settings).exists():
        return passed("keys", "none yet: the first start makes one beside the outbox")
    try:
        number = len(secret_keys(settings))
    except SettingsError as error:
        return failed("keys", f"{error.name}: {error.message}", "Make a key with “openssl rand -hex 32”.")
    return passed("keys", f"{number} to sign with" if number == 1 else f"{number}, of which the first signs")


def ask_tiktok(settings: Settings) -> Answer:
    """Whatever TikTok's address answers to a question without a token."""
    is_here = urlsplit(settings.tiktok_url).hostname in ("localhost", "127.0.0.1", "::1")
    return fetch(f"{settings.tiktok_url}/", allow_local=is_here, redirects=0)


def reaches_tiktok(answer: Answer) -> Line:
    """Whether this machine gets an answer from TikTok at all."""
    if answer.status is None:
        cure = "Let this machine make https connections to that host: its DNS, its firewall. Events are kept meanwhile."
        return failed("tiktok", f"{answer.url} does not answer: {answer.failure}", cure)
    return passed("tiktok", f"{answer.url} answers")


def clock(answer: Answer, now: float) -> Line:
    """Whether the ``Date`` of an answer that came at ``now`` (Unix seconds) agrees with this machine's clock."""
    told = _date(answer.header("date"))
    if told is None:
        return warned("clock", "not compared: TikTok told no time", "Look yourself: timedatectl status")
    off = round(now - told)
    if abs(off) > CLOCK_TOLERATED_SECONDS:
        way = "ahead of" if off > 0 else "behind"
        return warned("clock", f"{abs(off):,} seconds {way} TikTok's", "Set it right by NTP: timedatectl set-ntp true")
    return passed("clock", f"within {CLOCK_TOLERATED_SECONDS} seconds of TikTok's")


def _holds_a_secret(path: Path) -> bool:
    try:
        return _SECRET.search(path.read_text("utf-8-sig")) is not None
    except (OSError, ValueError):  # settings that cannot be read were told already
        return False


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False


def _date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):  # the parser's own, for all kinds of nonsense
        return None
