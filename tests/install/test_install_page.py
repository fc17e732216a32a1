"""docs/install.md as a whole: no snippet that no test runs, no link that leads nowhere."""

import re

import pytest

from tests.install.snippets import PAGE, ROOT, SNIPPETS

CALL = re.compile(r'\bsnippet\(\s*"([^"]+)",\s*"(\w*)"(?:,\s*(\d+))?\s*\)')
LINKS = sorted(set(re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE)))
OTHERS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
TO_HERE = sorted(
    {anchor for page in OTHERS for anchor in re.findall(r"\binstall\.md#([^)]+)\)", page.read_text("utf-8"))}
)


def test_each_snippet_is_run_by_a_test() -> None:
    folders = (ROOT / "tests" / "install", ROOT / "e2e" / "install")
    sources = "".join(path.read_text("utf-8") for folder in folders for path in folder.glob("test_*.py"))
    taken = {(heading, language, int(number or 0)) for heading, language, number in CALL.findall(sources)}
    assert taken == {one[:3] for one in SNIPPETS}
    assert len(SNIPPETS) > 10


def anchors(markdown: str) -> set[str]:
    """As GitHub names the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_somewhere(link: str) -> None:
    name, _, anchor = link.partition("#")
    target = ROOT / "docs" / (name or "install.md")
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text("utf-8"))


@pytest.mark.parametrize("anchor", TO_HERE)
def test_each_link_to_here_finds_its_heading(anchor: str) -> None:
    assert anchor in anchors(PAGE)


def test_the_readme_leads_here() -> None:
    first_screen = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]
    assert "(docs/install.md)" in first_screen
