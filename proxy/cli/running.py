"""The commands that run: ``serve``, ``demo``, ``sandbox``. They put the parts together and stop them in order."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proxy.cli.ending import End
from proxy.cli.log_lines import JsonLine
from proxy.cli.repeats import Repeats
from proxy.errors import PixelpairError, SettingsError

if TYPE_CHECKING:
    from proxy.outbox.store import Outbox
    from proxy.settings import Settings
    from proxy.web.doors import Doors

DEMO_PORT = 8080
SANDBOX_PORT = 8081
OPERATOR_PORT = 8082
# What is in flight at SIGTERM has to end within the 10 seconds a service manager grants: half a second for the
# operator's page, 2 to 3 for the proxy's requests, the rest for TikTok's answer.
DEADLINE_SECONDS = 6.0
OPERATOR_FINISH_SECONDS = 0.3

log = logging.getLogger("pixelpair")


def log_to_stderr() -> None:
    """One line for each thing worth telling, as every process of ours writes it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    handler.addFilter(Repeats())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    logging.getLogger("_granian").setLevel(logging.WARNING)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the proxy listens.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--operator-port", default=OPERATOR_PORT, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--operator-host",
    default="127.0.0.1",
    show_default=True,
    help="Elsewhere than on this machine it needs a password.",
)
@click.option("--config", type=click.Path(path_type=Path), help="Settings file. [default: pixelpair.toml, if there]")
@click.option(
    "--server",
    type=click.Choice(["waitress", "granian"]),
    default="waitress",
    show_default=True,
    help="granian is for one busy machine, behind nginx or Caddy.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes that take reports in, with granian. [default: 2]"
)
def serve(
    host: str,
    port: int,
    operator_port: int,
    operator_host: str,
    config: Path | None,
    server: str,
    workers: int | None,
) -> None:
    """Run the proxy for your shop, and deliver what it takes in."""
    from proxy.app import proxy_app
    from proxy.settings import load

    if workers is not None and server != "granian":
        raise click.UsageError("--workers needs --server granian: waitress is one process.")
    if server == "granian":
        _check_granian()
    settings = load(config, os.environ, Path(".env"))
    _check_operator_host(operator_host, settings)
    end = End()
    with ExitStack() as parts:
        outbox, keys, wake = _keep(parts, settings)
        if server == "granian":
            _work(parts, (settings, keys), host, port, workers or 2, wake, end.fail)
        else:
            _listen(parts, "proxy", proxy_app(_doors(parts, settings, keys, outbox, wake)), host, port)
        _operator(parts, outbox, settings, keys, operator_host, operator_port)
        click.echo(f"proxy           http://{host}:{port}{settings.mount}/tag.js")
        click.echo(f"operator's page http://{operator_host}:{operator_port}/")
        end.wait()


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
    end = End()
    with ExitStack() as parts:
        _listen(parts, "sandbox", _sandbox_app(settings), "127.0.0.1", port + 1)
        outbox, keys, wake = _keep(parts, settings)
        doors = _doors(parts, settings, keys, outbox, wake)
        _listen(parts, "shop", demo_app(doors, data), "127.0.0.1", port)
        _operator(parts, outbox, settings, keys, "127.0.0.1", port + 2)
        click.echo("Open these:")
        click.echo(f"  shop            http://127.0.0.1:{port}/")
        click.echo(f"  sandbox         http://127.0.0.1:{port + 1}/   what TikTok would have received")
        click.echo(f"  operator's page http://127.0.0.1:{port + 2}/   each event, both its legs")
        click.echo("Stop with Ctrl-C.")
        end.wait()


@click.command()
@click.option("--port", default=SANDBOX_PORT, show_default=True, type=click.IntRange(1, 65535))
def sandbox(port: int) -> None:
    """Run only the stand-in for TikTok; its memory ends with it."""
    from proxy.settings import demo_settings

    end = End()
    with ExitStack() as parts:
        app = _sandbox_app(demo_settings(Path(), 1, {}))
        _listen(parts, "sandbox", app, "127.0.0.1", port)
        click.echo(f"sandbox http://127.0.0.1:{port}/")
        end.wait()


def _keep(parts: ExitStack, settings: "Settings") -> tuple["Outbox", tuple[str, ...], Callable[[], None]]:
    """The outbox with its keeper, closed in the opposite order; the signing keys; and what wakes the keeper."""
    from proxy.delivery.keeper import Keeper
    from proxy.events import inheriting
    from proxy.events.merging import merge
    from proxy.outbox.open import check_outbox, open_outbox
    from proxy.outbox.retention import Keep
    from proxy.outbox.store import DAY, HOUR
    from proxy.settings import secret_keys
    from proxy.tiktok.client import Client
    from proxy.web import check_event_names
    from proxy.web.doors import clock_ms

    for warning in settings.warnings:
        log.warning("%s", warning)
    check_event_names(settings)
    client = Client(settings.tiktok_url, DEADLINE_SECONDS)
    check_outbox(settings.outbox_url)  # before a key is made beside it
    keys = secret_keys(settings)
    matching = inheriting if settings.keep_match_days else None
    outbox = open_outbox(settings.outbox_url, merge, settings.on_corrupt_outbox, matching)
    parts.callback(outbox.close)
    keep = Keep(settings.keep_bodies * HOUR, settings.keep_dead_days * DAY, settings.keep_match_days * DAY)
    keeper = Keeper(outbox, settings.destinations, client, clock_ms, keep=keep)
    keeper.start()
    parts.callback(keeper.stop)
    return outbox, keys, keeper.waker.wake


def _doors(
    parts: ExitStack, settings: "Settings", keys: tuple[str, ...], outbox: "Outbox", wake: Callable[[], None]
) -> "Doors":
    """The public doors in the keeper's own process."""
    from proxy.outbox.group_commit import GroupCommit
    from proxy.web.doors import Doors, clock_ms

    commit = GroupCommit(outbox, clock_ms, wake)
    parts.callback(commit.close)
    return Doors(settings, keys, outbox, commit, keeper_here=True)


def _work(
    parts: ExitStack,
    told: object,
    host: str,
    port: int,
    count: int,
    wake: Callable[[], None],
    failed: Callable[[str], None],
) -> None:
    """The public doors in processes of their own; see ``proxy.cli.worker``."""
    from proxy.serving.workers import Workers, listen

    try:
        listener = listen(host, port)
    except OSError as error:
        raise _cannot_listen("proxy", host, port, error) from None
    workers = Workers("proxy.cli.worker", told, listener, count, wake, failed)
    workers.start()
    parts.callback(workers.stop)


def _check_granian() -> None:
    if find_spec("granian") is None:
        raise PixelpairError("granian is not installed. Run: pip install 'pixelpair[fast]'")


def _check_operator_host(host: str, settings: "Settings") -> None:
    from proxy.operator.guards import is_loopback_host

    if settings.operator_password_hash is None and not is_loopback_host(f"[{host}]" if ":" in host else host):
        raise SettingsError(
            "PIXELPAIR_OPERATOR_PASSWORD_HASH",
            "--operator-host shows the operator's page to other machines, so it needs a password: "
            "run `pixelpair password` and set what it prints.",
        )


def _operator(
    parts: ExitStack, outbox: "Outbox", settings: "Settings", keys: tuple[str, ...], host: str, port: int
) -> None:
    from proxy.operator.app import create_app

    app = create_app(outbox, settings, secret_keys=keys)
    _listen(parts, "operator's page", app, host, port, threads=4, finish_seconds=OPERATOR_FINISH_SECONDS)


def _sandbox_app(settings: "Settings") -> Any:
    from proxy.sandbox.app import create_app

    return create_app({destination.pixel_code: destination.token() for destination in settings.destinations})


def _listen(parts: ExitStack, name: str, app: Any, host: str, port: int, **how: Any) -> None:
    from proxy.serving import Server

    try:
        server = Server(app, host, port, **how)
    except (OSError, ValueError) as error:
        raise _cannot_listen(name, host, port, error) from None
    server.start()
    parts.callback(server.stop)


def _cannot_listen(name: str, host: str, port: int, error: Exception) -> PixelpairError:
    reason = getattr(error, "strerror", None) or str(error)
    return PixelpairError(f"The {name} cannot listen on {host}:{port} ({reason}): choose another port.")
