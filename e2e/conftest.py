"""What every browser story gets: real browsers, Chromium and Firefox by default, and the whole program running."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from e2e.browsers import BrowserMissing, do_without, launch_options
from e2e.stack import Stack

BOTH = ["chromium", "firefox"]


def pytest_configure(config: pytest.Config) -> None:
    """Without --browser, every story is told in both browsers, but for those marked `one_engine`."""
    config.addinivalue_line("markers", "one_engine: our own logic alone; told in Firefox too with --long or --browser")
    if not config.option.browser:
        config.option.browser = BOTH


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what Firefox need not tell every day: they would find in it what they find in Chromium."""
    if config.option.long or config.option.browser != BOTH:
        return
    left_out = {item for item in items if item.get_closest_marker("one_engine") and _browser_of(item) == "firefox"}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _browser_of(item: pytest.Item) -> str | None:
    spec = getattr(item, "callspec", None)
    return spec and spec.params.get("browser_name")


@pytest.fixture(scope="session")
def base_url() -> None:
    """None: each test's stack has its own address. (The plugin's own fixture warns under pytest 9.1 and later.)"""


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], playwright: Playwright, browser_name: str
) -> dict[str, Any]:
    """A missing browser skips its stories with the command that brings it, and fails them where CI=true."""
    if "channel" in browser_type_launch_args:
        return browser_type_launch_args
    try:
        found = launch_options(browser_name, Path(playwright[browser_name].executable_path))
    except BrowserMissing as missing:
        do_without(missing)
    return {**found, **browser_type_launch_args}


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """A function that starts the whole program, with more environment variables if named; each is stopped in the end.

    A second one in the same test stands on other ports and has its own data.
    """
    started: list[Stack] = []

    def start(**environ: str) -> Stack:
        stack = Stack(tmp_path / f"stack-{len(started)}", environ)
        stack.start()
        started.append(stack)
        return stack

    try:
        yield start
    finally:
        problems = [problem for stack in started for problem in stack.close()]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def stack(start_stack: Callable[..., Stack]) -> Stack:
    """The whole program, fresh for this test: shop, proxy, sandbox and operator's pages."""
    return start_stack()
