"""Where the browsers of the tests come from: an explicit variable, Playwright's own download, else the system's.

And what becomes of the tests when there is none.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

# No request of the browser's own may end in a test's log, and a closed network must not slow a start.
QUIET_CHROMIUM = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


class BrowserMissing(Exception):
    """No browser of this kind is here; the message says how to get one."""


@dataclass(frozen=True)
class Kind:
    """A browser: the variable that names it, its commands, its Debian package, and how Playwright starts it."""

    variable: str
    commands: tuple[str, ...]
    package: str
    launch: Mapping[str, object]
    system_launch: Mapping[str, object]


KINDS = {
    "chromium": Kind(
        variable="PIXELPAIR_CHROMIUM",
        commands=("chromium", "chromium-browser", "google-chrome"),
        package="chromium",
        launch={"args": list(QUIET_CHROMIUM)},
        system_launch={},
    ),
    # Playwright's own Firefox speaks a protocol that stock Firefox lacks; this channel speaks WebDriver BiDi.
    "firefox": Kind(
        variable="PIXELPAIR_FIREFOX",
        commands=("firefox-esr", "firefox"),
        package="firefox-esr",
        launch={},
        system_launch={"channel": "moz-firefox"},
    ),
}

# What drives the system's WebKit, which Playwright cannot: each command with its Debian package.
WEBKIT = {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}


def launch_options(
    name: str,
    downloaded: Path,
    environ: Mapping[str, str] = os.environ,
    which: Callable[[str], str | None] = shutil.which,
) -> dict[str, object]:
    """Playwright's launch options for the browser ``name``; raises BrowserMissing.

    ``downloaded`` is where Playwright would keep its own browser. Kinds not in KINDS are left to Playwright.
    """
    kind = KINDS.get(name)
    if kind is None:
        return {}
    explicit = environ.get(kind.variable)
    if explicit is None and downloaded.exists():
        return dict(kind.launch)
    path = explicit or next(filter(None, map(which, kind.commands)), None)
    if path is None:
        raise BrowserMissing(f"{name} is missing. Run: {_fix(name, kind, which)}")
    return {**kind.launch, **kind.system_launch, "executable_path": path}


def webkit_commands(which: Callable[[str], str | None] = shutil.which) -> tuple[str, ...]:
    """The paths of WebKit's driver and of the display it needs; raises BrowserMissing."""
    missing = [package for command, package in WEBKIT.items() if which(command) is None]
    if missing:
        raise BrowserMissing(f"webkit is missing. Run: {_apt_install(*missing)}")
    return tuple(filter(None, map(which, WEBKIT)))


def do_without(missing: BrowserMissing) -> NoReturn:
    """Skips the test with the command that brings the browser, and fails it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


def _fix(name: str, kind: Kind, which: Callable[[str], str | None]) -> str:
    return _apt_install(kind.package) if which("apt-get") else f".venv/bin/playwright install {name}"


def _apt_install(*packages: str) -> str:
    return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install {' '.join(packages)}"
