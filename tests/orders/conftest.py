"""Orders through the real program and the sandbox, and the languages that shops are written in."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import proxy, sandbox

__all__ = ["proxy", "sandbox"]

PAGE = (Path(__file__).parents[2] / "docs" / "orders.md").read_text("utf-8")
PACKAGES = {
    "php": "php-cli",
    "node": "nodejs",
    "tsc": "node-typescript",
    "curl": "curl",
    "nginx": "nginx-light",
    "caddy": "caddy",
}


def blocks(language: str, *holding: str) -> str:
    """The page's code blocks of a language that hold each of these words, as one text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    chosen = [block for word in holding for block in found if word in block]
    assert len(chosen) == len(holding), f"{holding} stand in {len(chosen)} blocks of {language}"
    return "\n".join(chosen)


@pytest.fixture
def program() -> Callable[[str], str]:
    """The path of a program. Where it is missing the test says how to get it."""

    def find(name: str) -> str:
        # Servers stand where only root looks.
        path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if path is None:
            sentence = f"{name} is missing. Run: apt-get install {PACKAGES[name]}"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(sentence)
        return path

    return find
