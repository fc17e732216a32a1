"""A worker of ``serve --server granian``: takes reports in and stores them; what delivers them is its parent.

Not a command: started by ``proxy.serving.workers`` as a module, with the parent's settings and keys.
"""

import os
import signal
import sys

import click

from proxy.cli.ending import End
from proxy.cli.running import log_to_stderr
from proxy.errors import PixelpairError
from proxy.serving.workers import Parent


def main() -> int:
    """Run until SIGTERM, then store what has been handed in. Returns the exit code."""
    # A second one is the parent's, after a service manager's to all; the parent kills if need be.
    end = End(second=signal.SIG_IGN)
    parent = Parent()
    log_to_stderr()
    try:
        _run(parent, end)
    except PixelpairError as error:
        click.echo(f"pixelpair: {error}", err=True)
        return 1
    return 0


def _run(parent: Parent, end: End) -> None:
    from proxy.app import proxy_app
    from proxy.events import inheriting
    from proxy.events.merging import merge
    from proxy.outbox.group_commit import GroupCommit
    from proxy.outbox.open import open_outbox
    from proxy.serving import on_granian
    from proxy.web.doors import Doors, clock_ms

    settings, keys = parent.told
    matching = inheriting if settings.keep_match_days else None
    outbox = open_outbox(settings.outbox_url, merge, matching=matching)
    commit = GroupCommit(outbox, clock_ms, parent.tell)
    on_granian.run(proxy_app(Doors(settings, keys, outbox, commit)), parent.listener, parent.tell, end.wait)
    commit.close()
    outbox.close()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads that still wait for a slow sender hold nothing up
