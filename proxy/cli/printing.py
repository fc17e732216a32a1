"""How the operator's commands print: tables for people, JSON for programs, a bar while something takes long.

Words that came from outside are printed without what a terminal would obey or what would turn a line around.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from proxy.outbox.dead_letters import Part

WIDTH_IN_A_FILE = 240  # where no terminal says how wide it is; rich would cut everything at 80


def plain(text: object) -> str:
    """The text in one line, every character that does not print itself as ``?``."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def ago(then: int | None, now: int) -> str:
    """ "3 min ago", "now" or "never", of what has happened; times in ms."""
    from proxy.operator.words import since

    return "never" if then is None else since(then, now)


def print_json(value: object) -> None:
    """The value as indented JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2))


def table(*columns: str, right: Iterable[str] = ()) -> "Table":
    """An empty table; the columns in ``right`` hold numbers."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def add_row(to: "Table", *cells: object, style: str | None = None) -> None:
    """A row of plain text: nothing in it is markup, None is empty."""
    from rich.text import Text

    to.add_row(*(Text("" if cell is None else plain(cell)) for cell in cells), style=style)


def console() -> "Console":
    """Where tables go: stdout, without colours if NO_COLOR is set or it is not a terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH_IN_A_FILE)


def with_bar(parts: "Iterable[Part]", total: int, what: str) -> "Iterator[Part]":
    """The parts as they come, with a bar on a terminal. Between them, reports get as much of the disk's time."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        began = time.monotonic()
        for part in parts:
            bar.advance(task, part.seen)
            yield part
            time.sleep(min(time.monotonic() - began, 1.0))
            began = time.monotonic()


def facts(of: Any, *names: str) -> dict[str, Any]:
    """Some attributes as a JSON object."""
    return {name: getattr(of, name) for name in names}
