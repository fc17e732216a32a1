"""Which outbox an operator's command means, and opening it beside a keeper that may be running on it."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.running import DEMO_PORT
from proxy.errors import OutboxError

if TYPE_CHECKING:
    from proxy.outbox.store import Outbox
    from proxy.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; times are Unix milliseconds.")


@dataclass(frozen=True, slots=True)
class Opened:
    """An outbox with the settings it belongs to. ``options`` is what a command has to repeat to mean the same one,
    ``start`` the command that starts its keeper."""

    settings: "Settings"
    outbox: "Outbox"
    options: tuple[str, ...]
    start: str

    @property
    def file(self) -> Path | None:
        """The outbox's file, if it is in SQLite."""
        return sqlite_file(self.settings)

    def command(self, *words: str) -> str:
        """A ``pixelpair`` command about this outbox, ready to be pasted into a shell."""
        return shlex.join(["pixelpair", *words, *self.options])


def which_outbox(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which outbox is meant, for ``opened``."""
    config = click.option(
        "--config", type=click.Path(path_type=Path), help="Settings file. [default: pixelpair.toml, if there]"
    )
    demo = click.option(
        "--demo",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The demo that stores its data in DIR (./dev run: var/demo), instead of your own settings.",
    )
    return config(demo(command))


def settings_of(config: Path | None, demo: Path | None, demo_port: int = DEMO_PORT) -> "Settings":
    """The settings that are meant. Raises SettingsError."""
    from proxy.settings import demo_settings, load

    if config is not None and demo is not None:
        raise click.UsageError("Give --config or --demo, not both.")
    return demo_settings(demo, demo_port, os.environ) if demo else load(config, os.environ, Path(".env"))


@contextmanager
def opened(config: Path | None, demo: Path | None) -> Iterator[Opened]:
    """The outbox that is meant. It is not made, no keeper is disturbed. Raises SettingsError and OutboxError."""
    from proxy.events.merging import merge
    from proxy.outbox.open import open_outbox

    settings = settings_of(config, demo)
    start = shlex.join(["pixelpair", "demo", "--data", str(demo)]) if demo else "pixelpair serve"
    if config is not None:
        start = shlex.join(["pixelpair", "serve", "--config", str(config)])
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        raise OutboxError(f"There is no outbox at {file} yet: “{start}” makes it.")
    outbox = open_outbox(settings.outbox_url, merge)
    try:
        named = {"--config": config, "--demo": demo}
        options = [word for option, path in named.items() if path is not None for word in (option, str(path))]
        yield Opened(settings, outbox, tuple(options), start)
    finally:
        outbox.close()


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def sqlite_file(settings: "Settings") -> Path | None:
    """The outbox's file, if it is in SQLite."""
    start = "sqlite:///"
    return Path(settings.outbox_url.removeprefix(start)) if settings.outbox_url.startswith(start) else None
