"""The page's last command, asked about a shop into which the page's own lines were pasted."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from proxy.cli import main
from tests.cli.conftest import folder
from tests.install.snippets import replaced, snippet
from tests.shop_page import PIXEL, html, running

__all__ = ["folder"]

OTHER = f"<script>!function(w,d,t){{w[t]=w[t]||[];ttq.load('{PIXEL}');ttq.page()}}(window,document,'ttq')</script>"


@pytest.fixture
def levels(folder: Path) -> Callable[[str], dict[str, str]]:
    """``levels(head)``: what the command says about a page with this head, check by check."""
    (folder / "pixelpair.toml").unlink()

    def ask(head: str) -> dict[str, str]:
        with running() as shop:
            shop.pages["/"] = html(f"<!doctype html><title>Shop</title>{head}<p>Hello")
            command = replaced(snippet("3. Does it work?", "sh"), "https://shop.example/", shop.url)
            name, *words = shlex.split(command)
            assert name == "pixelpair"
            told: Any = json.loads(CliRunner().invoke(main, [*words, "--allow-local", "--json"]).output)
        return {line["check"]: line["level"] for line in told["lines"]}

    return ask


def test_what_the_page_says_to_paste_passes(levels: Callable[[str], dict[str, str]]) -> None:
    found = levels(snippet("Plain HTML", "html"))
    assert {name for name, level in found.items() if level != "pass"} == {"settings"}
    assert found.keys() >= {"tag", "stub", "others", "path"}


def test_another_sender_is_seen(levels: Callable[[str], dict[str, str]]) -> None:
    assert levels(snippet("Plain HTML", "html") + OTHER)["others"] != "pass"
