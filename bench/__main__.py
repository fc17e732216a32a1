"""``./dev bench [NAME …] [--json FILE]``: measure, print the table, write it down."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.footprint import memory
from bench.growth import REMEMBERED, WAITING, growth
from bench.incoming import accepted, relay
from bench.outgoing import BACKLOG, delivered, latency
from bench.rows import Row
from bench.tag import tag

# Rows that come of one measurement are measured together, whichever of them is named.
NAMES = {
    "accepted": "accepted",
    "p99": "accepted",
    "relay": "relay",
    "delivered": "delivered",
    "batch": "delivered",
    "latency": "latency",
    "claim": "growth",
    "insert": "growth",
    "memory": "memory",
    "tag": "tag",
}
ROUNDS = 3
TAG_ROUNDS = 5
# Of a browser, not of the proxy, and no part of the 12 minutes.
ONLY_NAMED = {"tag"}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(NAMES)))
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the rows here too.")
@click.option(
    "--rounds", type=int, help="How often each figure is taken; the median counts. [default: 3; of the tag 5]"
)
@click.option("--seconds", type=int, default=4, show_default=True, help="How long each load lasts.")
@click.option(
    "--scale", default=1.0, show_default=True, help="Of the large files and backlogs; below 1 only to develop."
)
def main(names: tuple[str, ...], file: Path | None, rounds: int | None, seconds: float, scale: float) -> None:
    """Measure the rows NAMES, or all of them but the tag's within 12 minutes."""
    asked, rounds = rounds, rounds or ROUNDS
    ways: dict[str, Callable[[], list[Row]]] = {
        "accepted": lambda: accepted(rounds, seconds),
        "relay": lambda: relay(rounds, seconds),
        "delivered": lambda: delivered(rounds, int(BACKLOG * scale)),
        "latency": lambda: latency(rounds),
        "growth": lambda: growth(rounds, int(REMEMBERED * scale), int(WAITING * scale)),
        "memory": lambda: memory(rounds),
        "tag": lambda: tag(asked or TAG_ROUNDS),
    }
    console = Console()
    rows: list[dict[str, Any]] = []
    for group in dict.fromkeys(NAMES[name] for name in names or [name for name in NAMES if name not in ONLY_NAMED]):
        load, start = machine.load(), time.monotonic()
        console.print(f"measuring {group} …", style="dim")
        took = ways[group]
        rows += [{**row.as_json(), "load": load} for row in took()]
        console.print(f"  {time.monotonic() - start:.0f} s", style="dim")
    console.print(_table(rows))
    if file:
        told = {"machine": machine.describe(), "rounds": asked, "seconds": seconds, "scale": scale, "rows": rows}
        file.write_text(json.dumps(told, indent=2) + "\n")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("name", "what", "value", "min", "max", "goal", "unit", "others", "")
    for row in rows:
        figures = [_figure(row, name) for name in ("value", "min", "max")]
        goal = "" if row["goal"] is None else f"{'<=' if row['most'] else '>='} {row['goal']:g}"
        table.add_row(
            row["name"], row["what"], *figures, goal, row["unit"], f"{100 * row['load']['others']:.0f} %", _verdict(row)
        )
    return table


def _figure(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    digits = 2 if (row["value"] if row["goal"] is None else row["goal"]) < 100 else 0
    return f"{row[name]:,.{digits}f}"


def _verdict(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return f"skipped: {row['skipped']}"
    if not row["sound"]:
        return "LOST"
    return {True: "ok", False: "missed", None: ""}[row["ok"]]


if __name__ == "__main__":
    main()
