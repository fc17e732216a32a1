"""The command ``pixelpair``. Exit codes: 0 fine, 1 something needs a person, 2 wrong usage or wrong settings.

``running`` holds what runs until it is stopped; the other commands are the operator's, and work
beside a running keeper. Each module imports what it needs inside its functions, so that ``--help`` comes at once.
"""

import sys
from typing import Any

import click

from proxy.cli.checking import check
from proxy.cli.dead import dead
from proxy.cli.erase import erase
from proxy.cli.keys import keys
from proxy.cli.looking import events, status
from proxy.cli.password import password
from proxy.cli.pausing import pause, resume
from proxy.cli.qa import qa_token
from proxy.cli.running import demo, log_to_stderr, sandbox, serve
from proxy.errors import PixelpairError, SettingsError


class Commands(click.Group):
    """Turns our errors into one sentence on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            for sentence in (str(error), *getattr(error, "__notes__", ())):
                click.echo(f"pixelpair: {sentence}", err=True)
            sys.exit(2)
        except PixelpairError as error:
            click.echo(f"pixelpair: {error}", err=True)
            sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pixelpair")
def main() -> None:
    """A shop's events reach TikTok twice, from the browser and from a server, under one event_id."""
    log_to_stderr()


_COMMANDS = (
    *(serve, demo, sandbox, check, status, events, dead, pause, resume),
    *(keys, password, qa_token, erase),
)
for _command in _COMMANDS:
    main.add_command(_command)
