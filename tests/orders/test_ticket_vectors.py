"""One ticket in every language: what the page's PHP and Node sign is what Python reads, letter for letter."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from proxy.tickets import BadTicket, Ticket, read_ticket, sign_order
from tests.orders.conftest import blocks

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "tickets.json").read_text("utf-8"))
SECRET = VECTORS["secret_key"]
PHP = "echo pixelpair_ticket(...json_decode($argv[1], true));"
NODE = "process.stdout.write(ticket(...JSON.parse(process.argv[1])));"
CASES = VECTORS["tickets"]


def signer(language: str, program: Callable[[str], str]) -> Callable[..., str]:
    code = {
        "php": ["-r", blocks("php", "function pixelpair_ticket") + PHP],
        "node": ["-e", blocks("js", "function ticket(") + NODE],
    }[language]

    def sign(*told: Any) -> str:
        words = [program(language), *code, *(["--"] if language == "php" else []), json.dumps(told)]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout

    return sign


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["order"]["event"])
def test_python_reads_it(case: dict[str, Any]) -> None:
    assert asdict(read_ticket(case["ticket"], [SECRET], case["signed_at"])) == case["order"]
    with pytest.raises(BadTicket):
        read_ticket(case["ticket"], [SECRET[:-1] + "x"], case["signed_at"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["order"]["event"])
def test_pythons_own_says_the_same(case: dict[str, Any]) -> None:
    mine = sign_order(Ticket(**case["order"]), [SECRET], case["signed_at"])
    assert read_ticket(mine, [SECRET], case["signed_at"]) == read_ticket(case["ticket"], [SECRET], case["signed_at"])


@pytest.mark.parametrize("language", ["php", "node"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["order"]["event"])
def test_signs_the_same(language: str, case: dict[str, Any], program: Callable[[str], str]) -> None:
    assert signer(language, program)(SECRET, *case["order"].values(), case["signed_at"]) == case["ticket"]


@pytest.mark.parametrize("language", ["php", "node"])
def test_by_its_own_clock_it_holds_now(language: str, program: Callable[[str], str]) -> None:
    ticket = signer(language, program)(SECRET, "default", "PlaceAnOrder", "k" * 20, 12.5, "MAD")
    assert read_ticket(ticket, [SECRET], time.time()).value == 12.5


def test_the_pages_python_does_too() -> None:
    space: dict[str, Any] = {}
    exec(blocks("python", "sign_order(Ticket("), space)
    ticket = space["ticket"](SECRET, "default", "PlaceAnOrder", "k" * 20, 12.5, "MAD")
    assert read_ticket(ticket, [SECRET], time.time()) == Ticket("default", "PlaceAnOrder", "k" * 20, 12.5, "MAD")
