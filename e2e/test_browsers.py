"""Which browser the stories run in, and what is said when there is none."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.browsers import BrowserMissing, launch_options

HERE = Path(__file__)
NOWHERE = Path("/nonexistent/browser")


def no_command(name: str) -> str | None:
    return None


def test_an_explicit_variable_wins_over_a_downloaded_browser() -> None:
    options = launch_options("chromium", HERE, {"PIXELPAIR_CHROMIUM": "/opt/mine"}, no_command)
    assert options["executable_path"] == "/opt/mine"


def test_a_downloaded_browser_wins_over_the_systems() -> None:
    options = launch_options("firefox", HERE, {}, lambda name: f"/usr/bin/{name}")
    assert "executable_path" not in options
    assert "channel" not in options


def test_the_systems_firefox_is_driven_by_its_own_channel() -> None:
    options = launch_options("firefox", NOWHERE, {}, lambda name: f"/usr/bin/{name}")
    assert options == {"channel": "moz-firefox", "executable_path": "/usr/bin/firefox-esr"}


@pytest.mark.parametrize(
    ("name", "commands", "fix"),
    [
        ("chromium", ["apt-get"], "(sudo )?apt-get install chromium"),
        ("firefox", ["apt-get"], "(sudo )?apt-get install firefox-esr"),
        ("firefox", [], ".venv/bin/playwright install firefox"),
    ],
)
def test_a_missing_browser_is_named_with_the_command_that_brings_it(name: str, commands: list[str], fix: str) -> None:
    with pytest.raises(BrowserMissing, match=f"{name} is missing. Run: {fix}$"):
        launch_options(name, NOWHERE, {}, lambda command: command if command in commands else None)


def test_the_browser_opens_a_page(page: Page) -> None:
    page.set_content("<title>Hello</title>")
    assert page.title() == "Hello"
