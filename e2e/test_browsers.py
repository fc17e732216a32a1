"""Which browser the stories run in, and what is said when there is none."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.browsers import BrowserMissing, do_without, launch_options, webkit_commands

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


@pytest.mark.parametrize(
    ("commands", "packages"),
    [
        ([], "webkit2gtk-driver xvfb"),
        (["Xvfb"], "webkit2gtk-driver"),
        (["WebKitWebDriver"], "xvfb"),
    ],
)
def test_what_webkit_lacks_is_named_with_the_command_that_brings_it(commands: list[str], packages: str) -> None:
    with pytest.raises(BrowserMissing, match=f"webkit is missing. Run: (sudo )?apt-get install {packages}$"):
        webkit_commands(lambda command: command if command in commands else None)


def test_webkits_driver_comes_before_its_display() -> None:
    assert webkit_commands(lambda command: f"/usr/bin/{command}") == ("/usr/bin/WebKitWebDriver", "/usr/bin/Xvfb")


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_browser_a_test_skips_and_fails_where_it_must_run(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="the cure"):
        do_without(BrowserMissing("the cure"))


def test_the_browser_opens_a_page(page: Page) -> None:
    page.set_content("<title>Hello</title>")
    assert page.title() == "Hello"
