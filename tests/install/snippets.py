"""The snippets of docs/install.md: each is taken from the page as a site's owner would take it, and run."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text("utf-8")
_FENCE = re.compile(r"^(?P<heading>#+ [^\n]*)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Snippet(NamedTuple):
    """A code block: the heading above it, its language, which one of that language below that heading, its text."""

    heading: str
    language: str
    number: int
    text: str


def _read() -> list[Snippet]:
    found: list[Snippet] = []
    heading = ""
    for match in _FENCE.finditer(PAGE):
        if match["heading"]:
            heading = match["heading"].lstrip("# ")
            continue
        before = [one for one in found if (one.heading, one.language) == (heading, match["language"])]
        found.append(Snippet(heading, match["language"], len(before), match["text"]))
    return found


SNIPPETS = _read()


def snippet(heading: str, language: str, number: int = 0) -> str:
    """The text of one block."""
    (text,) = [one.text for one in SNIPPETS if one[:3] == (heading, language, number)]
    return text


def replaced(text: str, old: str, new: str) -> str:
    """The text with what an owner fills in for himself; ``old`` must stand in it."""
    assert old in text, f"{old} is not in {text}"
    return text.replace(old, new)
