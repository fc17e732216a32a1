"""Keeps the arrows between the rooms: which part of ``proxy`` may import which, and which library has one home.

Every import counts, also one inside a function or under TYPE_CHECKING. A rule looks at a tree of sources, so that each
is also shown a tree that breaks it.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "proxy"

ARROWS: Mapping[str, frozenset[str]] = {
    "events": frozenset(),
    "outbox": frozenset(),
    "tiktok": frozenset(),
    "sandbox": frozenset(),
    "shop": frozenset(),
    "settings": frozenset(),
    "tickets": frozenset(),
    "errors": frozenset(),
    "assets": frozenset(),
    "serving": frozenset(),
    "delivery": frozenset({"outbox", "tiktok"}),
    "web": frozenset({"events", "outbox", "tickets"}),
    "operator": frozenset({"events", "outbox", "tickets"}),
    "check": frozenset({"outbox", "tiktok", "operator", "settings"}),
    "qa": frozenset({"sandbox"}),
    "app": frozenset({"web", "shop", "sandbox"}),
}
ALL_ARROWS = "cli"
FOR_ALL = frozenset({"errors", "assets"})
SETTINGS_TYPES = frozenset({"Settings", "Site", "Destination"})
DELETABLE = frozenset({"sandbox", "shop", "qa"})

# Where a library may be imported, as rooms or whole modules.
HOMES: Mapping[str, frozenset[str]] = {
    "requests": frozenset({"proxy.tiktok.client", "qa", "cli"}),
    # What it fetches obeys tiktok's deadline; it never has a token.
    "urllib3": frozenset({"proxy.tiktok.client", "proxy.tiktok.cutoff", "proxy.check.fetching"}),
    "sqlalchemy": frozenset({"outbox"}),
    "psycopg": frozenset({"outbox"}),
    "sqlite3": frozenset({"outbox", "shop"}),
    "flask": frozenset({"web", "operator", "sandbox", "shop", "qa", "app", "cli"}),
    "werkzeug": frozenset({"web", "operator", "sandbox", "shop", "qa", "app", "cli"}),
}

# fmt: off
IMPURE = frozenset({
    "asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal",
    "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
})
# fmt: on
IMPURE_CALLS = frozenset({"open", "print", "input", "now", "utcnow", "today"})


@dataclass(frozen=True)
class Import:
    """One import: ``by`` a module, of ``target`` (with ``name`` if it says "from"), ``lazy`` if inside a function."""

    by: str
    target: str
    name: str | None
    line: int
    lazy: bool

    @property
    def room(self) -> str:
        return room_of(self.by)

    @property
    def target_room(self) -> str | None:
        """The other room that this import reaches into, or None: the same room, or no room of ours."""
        if self.target.split(".")[0] != "proxy":
            return None
        whole = self.target if "." in self.target else f"{self.target}.{self.name or ''}"
        room = room_of(whole)
        return None if room in ("", self.room) else room

    def brings(self, library: str) -> bool:
        whole = f"{self.target}.{self.name}" if self.name else self.target
        return f"{whole}.".startswith(f"{library}.")

    def __str__(self) -> str:
        words = f"from {self.target} import {self.name}" if self.name else f"import {self.target}"
        return f"{self.by}:{self.line}: {words}"


Tree = Mapping[str, str]
Rule = Callable[[Tree], list[str]]


def room_of(module: str) -> str:
    """The room of a dotted name: ``proxy.web.collect`` is in ``web``; the package itself is in none."""
    return module.split(".")[1] if "." in module else ""


def imports_of(module: str, source: str) -> Iterator[Import]:
    """Every import in ``source``, relative ones made absolute, import_module("…") and __import__("…") included."""

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, None, line, lazy)
        elif isinstance(node, ast.ImportFrom):
            target = absolute(node)
            for alias in node.names:
                yield Import(module, target, alias.name, line, lazy)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield Import(module, argument.value, None, line, lazy)
        inner = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    def absolute(node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        base = parts[: len(parts) - node.level]
        return ".".join([*base, *([node.module] if node.module else [])])

    yield from walk(ast.parse(source), lazy=False)


def called(node: ast.Call) -> str:
    """The last name of what is called: ``now`` for ``datetime.now()``."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def read_tree(package: Path = PACKAGE) -> Tree:
    """The sources of the package by dotted name; a package's own file ends in ``.__init__``."""
    return {
        ".".join(path.relative_to(package.parent).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(package.rglob("*.py"))
    }


def all_imports(tree: Tree) -> Iterator[Import]:
    for module, source in tree.items():
        # "proxy.web.__init__" has one more part than the name it stands for, which keeps relative imports right.
        yield from imports_of(module, source)


def follows_arrows(room: str) -> Rule:
    def check(tree: Tree) -> list[str]:
        may = ARROWS[room] | FOR_ALL
        return [
            str(found)
            for found in all_imports(tree)
            if found.room == room
            and found.target_room is not None
            and found.target_room not in may
            and not (found.target_room == "settings" and found.name in SETTINGS_TYPES)
        ]

    return check


def stays_at_home(library: str) -> Rule:
    def check(tree: Tree) -> list[str]:
        return [
            str(found)
            for found in all_imports(tree)
            if found.brings(library) and not {found.room, found.by} & HOMES[library]
        ]

    return check


def every_room_has_a_rule(tree: Tree) -> list[str]:
    rooms = {room_of(module) for module in tree} - {"", "__init__", "__main__"}
    return [f"proxy/{room} has no line in ARROWS" for room in sorted(rooms - ARROWS.keys() - {ALL_ARROWS})]


def events_import_nothing_impure(tree: Tree) -> list[str]:
    return [
        str(found)
        for found in all_imports(tree)
        if found.room == "events" and any(found.brings(module) for module in IMPURE)
    ]


def events_call_nothing_impure(tree: Tree) -> list[str]:
    return [
        f"{module}:{node.lineno}: {called(node)}()"
        for module, source in tree.items()
        if room_of(module) == "events"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and called(node) in IMPURE_CALLS
    ]


def deletable_rooms_are_imported_only_when_used(tree: Tree) -> list[str]:
    return [
        str(found)
        for found in all_imports(tree)
        if found.target_room in DELETABLE and found.room not in DELETABLE
        if not (found.room in ("app", "cli") and found.lazy)
    ]


RULES: Mapping[str, Rule] = {
    "every room has a rule": every_room_has_a_rule,
    **{f"{room} imports only what its arrows allow": follows_arrows(room) for room in ARROWS},
    **{f"{library} is imported only at home": stays_at_home(library) for library in HOMES},
    "events import no clock, chance or I/O": events_import_nothing_impure,
    "events call no clock and do no I/O": events_call_nothing_impure,
    "sandbox, shop and qa are imported by app and cli, inside functions": deletable_rooms_are_imported_only_when_used,
}


@pytest.mark.parametrize("name", RULES)
def test_the_tree_keeps_the_rule(name: str) -> None:
    assert RULES[name](read_tree()) == []


VIOLATIONS = [
    ("every room has a rule", "proxy.attic.box", ""),
    ("events imports only what its arrows allow", "proxy.events.reading", "from proxy.outbox import store"),
    ("events imports only what its arrows allow", "proxy.events.reading", "from proxy.settings import load"),
    ("outbox imports only what its arrows allow", "proxy.outbox.store", "def f():\n    from proxy import tiktok"),
    ("outbox imports only what its arrows allow", "proxy.outbox.__init__", "from ..tiktok import client"),
    ("tiktok imports only what its arrows allow", "proxy.tiktok.client", "from ..outbox.store import Store"),
    ("sandbox imports only what its arrows allow", "proxy.sandbox.app", "import proxy.events.event_id"),
    ("shop imports only what its arrows allow", "proxy.shop.app", "import_module('proxy.web.collect')"),
    ("web imports only what its arrows allow", "proxy.web.collect", "from proxy.delivery.worker import Worker"),
    ("operator imports only what its arrows allow", "proxy.operator.pages", "from proxy.web import guards"),
    ("delivery imports only what its arrows allow", "proxy.delivery.worker", "from proxy.events.event import Event"),
    ("app imports only what its arrows allow", "proxy.app", "from proxy import cli"),
    ("check imports only what its arrows allow", "proxy.check.page", "from proxy.web import guards"),
    ("errors imports only what its arrows allow", "proxy.errors", "from proxy.settings.loading import load"),
    ("requests is imported only at home", "proxy.tiktok.verdict", "import requests.adapters"),
    ("urllib3 is imported only at home", "proxy.check.page", "import urllib3"),
    ("sqlalchemy is imported only at home", "proxy.operator.pages", "from sqlalchemy.engine import Engine"),
    ("psycopg is imported only at home", "proxy.cli", "import psycopg"),
    ("sqlite3 is imported only at home", "proxy.web.health", "import sqlite3"),
    ("flask is imported only at home", "proxy.events.reading", "from flask import request"),
    ("werkzeug is imported only at home", "proxy.tiktok.client", "from werkzeug.urls import url_parse"),
    ("events import no clock, chance or I/O", "proxy.events.event", "def f():\n    import time"),
    ("events import no clock, chance or I/O", "proxy.events.event", "from urllib import request"),
    ("events call no clock and do no I/O", "proxy.events.event", "from datetime import datetime\ndatetime.now()"),
    (
        "sandbox, shop and qa are imported by app and cli, inside functions",
        "proxy.cli",
        "from proxy.sandbox.app import create_app",
    ),
    (
        "sandbox, shop and qa are imported by app and cli, inside functions",
        "proxy.web.collect",
        "def f():\n    import proxy.shop",
    ),
]


@pytest.mark.parametrize(("name", "module", "source"), VIOLATIONS)
def test_a_violation_is_seen(name: str, module: str, source: str) -> None:
    assert RULES[name]({module: source}) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("proxy.sandbox.track", "from . import rules\nfrom .clock import Clock"),
        ("proxy.events.reading", "from proxy.errors import Rejected\nfrom proxy import errors"),
        ("proxy.web.guards", "from proxy.settings import Settings, Site"),
        ("proxy.web.guards", "if TYPE_CHECKING:\n    from proxy.outbox.store import Outbox"),
        ("proxy.events.event", "from datetime import timedelta\nfrom urllib.parse import urlsplit"),
        ("proxy.cli", "def demo():\n    from proxy.shop.app import create_app"),
        ("proxy.tiktok.client", "import requests"),
    ],
)
def test_what_the_house_allows_passes(module: str, source: str) -> None:
    assert {name: rule({module: source}) for name, rule in RULES.items() if rule({module: source})} == {}


def test_without_sandbox_shop_and_qa_the_rest_still_imports_and_offers_its_commands(tmp_path: Path) -> None:
    leave_out = shutil.ignore_patterns("__pycache__", *DELETABLE)
    shutil.copytree(PACKAGE, tmp_path / "proxy", ignore=leave_out)
    program = "import proxy.app, proxy.cli, sys; print(proxy.__file__); sys.argv[1:] = ['--help']; proxy.cli.main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "serve" in done.stdout
