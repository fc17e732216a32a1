"""The commands that run: ``serve``, ``demo``, ``sandbox``. They put the parts together and stop them in order."""

import logging
import os
import queue
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.errors import PixelpairError

if TYPE_CHECKING:
    from proxy.settings import Settings
    from proxy.web.doors import Doors

DEMO_PORT = 8080
SANDBOX_PORT = 8081
OPERATOR_PORT = 8082
# What is in flight at SIGTERM has to end within the 10 seconds a service manager grants.
DEADLINE_SECONDS = 6.0

log = logging.getLogger("pixelpair")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the proxy listens.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--operator-port", default=OPERATOR_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. [default: pixelpair.toml, if there]")
def serve(host: str, port: int, operator_port: int, config: Path | None) -> None:
    """Run the proxy for your shop, and deliver what it takes in."""
    from proxy.app import proxy_app
    from proxy.settings import load

    settings = load(config, os.environ, Path(".env"))
    stopped = _heed_signals()
    with ExitStack() as parts:
        doors = _open(parts, settings)
        _listen(parts, "proxy", proxy_app(doors), host, port)
        _operator(parts, doors, operator_port)
        click.echo(f"proxy           http://{host}:{port}{settings.mount}/tag.js")
        click.echo(f"operator's page http://127.0.0.1:{operator_port}/")
        stopped.wait()


@click.command()
@click.option("--port", default=DEMO_PORT, show_default=True, type=click.IntRange(1, 65533), help="The shop's port.")
@click.option(
    "--data",
    default=Path("var/demo"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is stored.",
)
def demo(port: int, data: Path) -> None:
    """Try it: a demo shop, the proxy, and a stand-in for TikTok, all on this machine."""
    from proxy.app import demo_app
    from proxy.settings import demo_settings

    settings = demo_settings(data, port, os.environ)
    stopped = _heed_signals()
    with ExitStack() as parts:
        _listen(parts, "sandbox", _sandbox_app(settings), "127.0.0.1", port + 1)
        doors = _open(parts, settings)
        _listen(parts, "shop", demo_app(doors, data), "127.0.0.1", port)
        _operator(parts, doors, port + 2)
        click.echo("Open these:")
        click.echo(f"  shop            http://127.0.0.1:{port}/")
        click.echo(f"  sandbox         http://127.0.0.1:{port + 1}/   what TikTok would have received")
        click.echo(f"  operator's page http://127.0.0.1:{port + 2}/   each event, both its legs")
        click.echo("Stop with Ctrl-C.")
        stopped.wait()


@click.command()
@click.option("--port", default=SANDBOX_PORT, show_default=True, type=click.IntRange(1, 65535))
def sandbox(port: int) -> None:
    """Run only the stand-in for TikTok; its memory ends with it."""
    from proxy.settings import demo_settings

    stopped = _heed_signals()
    with ExitStack() as parts:
        app = _sandbox_app(demo_settings(Path(), 1, {}))
        _listen(parts, "sandbox", app, "127.0.0.1", port)
        click.echo(f"sandbox http://127.0.0.1:{port}/")
        stopped.wait()


def _open(parts: ExitStack, settings: "Settings") -> "Doors":
    """Outbox, keeper and group commit, closed in the opposite order."""
    from proxy.delivery.keeper import Keeper
    from proxy.events.merging import merge
    from proxy.outbox.group_commit import GroupCommit
    from proxy.outbox.open import check_outbox, open_outbox
    from proxy.outbox.retention import Keep
    from proxy.outbox.store import DAY, HOUR
    from proxy.settings import secret_keys
    from proxy.tiktok.client import Client
    from proxy.web import check_event_names
    from proxy.web.doors import Doors, clock_ms

    for warning in settings.warnings:
        log.warning("%s", warning)
    check_event_names(settings)
    client = Client(settings.tiktok_url, DEADLINE_SECONDS)
    check_outbox(settings.outbox_url)  # before a key is made beside it
    keys = secret_keys(settings)
    outbox = open_outbox(settings.outbox_url, merge, settings.on_corrupt_outbox)
    parts.callback(outbox.close)
    keep = Keep(settings.keep_bodies * HOUR, settings.keep_dead_days * DAY)
    keeper = Keeper(outbox, settings.destinations, client, clock_ms, keep=keep)
    keeper.start()
    parts.callback(keeper.stop)
    commit = GroupCommit(outbox, clock_ms, keeper.waker.wake)
    parts.callback(commit.close)
    return Doors(settings, keys, outbox, commit, keeper_here=True)


def _operator(parts: ExitStack, doors: "Doors", port: int) -> None:
    from proxy.operator.app import create_app

    app = create_app(doors.outbox, doors.settings)
    _listen(parts, "operator's page", app, "127.0.0.1", port, threads=4)


def _sandbox_app(settings: "Settings") -> Any:
    from proxy.sandbox.app import create_app

    return create_app({destination.pixel_code: destination.token() for destination in settings.destinations})


def _listen(parts: ExitStack, name: str, app: Any, host: str, port: int, threads: int = 32) -> None:
    from proxy.serving import Server

    try:
        server = Server(app, host, port, threads)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PixelpairError(f"The {name} cannot listen on {host}:{port} ({reason}): choose another port.") from None
    server.start()
    parts.callback(server.stop)


def _heed_signals() -> threading.Event:
    """Set by SIGTERM or SIGINT. Ask for it before anything starts: a signal in mid-start then stops it in order too.

    A thread of its own sets it. A handler runs in the main thread, and would wait for ever for the event's lock if
    that thread was just about to sleep on it; putting into a ``SimpleQueue`` is safe there.
    """
    stopped = threading.Event()
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: signals.put(number))

    def heed() -> None:
        signals.get()
        stopped.set()

    threading.Thread(target=heed, name="signals", daemon=True).start()
    return stopped
