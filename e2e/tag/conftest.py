"""What the stories of the tag get: a recording shop with the sandbox beside it, and pages that must stay silent."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page

from e2e.tag.recorder import Recorder, recorder

# Playwright switches the back/forward cache off. Hosts under `.test` are this machine, and unlike 127.0.0.1 not secure.
HOSTS = ("shop.test", "www.shop.test", "checkout.shop.test", "shop.co.uk")
AS_SHOPPERS_HAVE_IT: dict[str, dict[str, Any]] = {
    "chromium": {
        "args": [f"--host-resolver-rules={','.join(f'MAP {host} 127.0.0.1' for host in HOSTS)}"],
        "ignore_default_args": ["--disable-back-forward-cache"],
    },
    "firefox": {
        "firefox_user_prefs": {
            "network.dns.localDomains": ",".join(HOSTS),
            "browser.sessionhistory.max_total_viewers": 8,
            "fission.bfcacheInParent": True,
        }
    },
}


REFUSALS = (
    "Cookie “_ttp” has been rejected for invalid domain",
    "The Same Origin Policy disallows reading",
    "The page’s settings blocked",
)


@pytest.fixture
def shop() -> Iterator[Recorder]:
    """A shop whose pages carry the tag, recording what arrives."""
    with recorder() as it:
        yield it


@pytest.fixture
def watch() -> Iterator[Callable[[BrowserContext], None]]:
    """A function that watches a context's pages: the tag never throws into them.

    What the browser itself refuses (by a policy, offline, or of the domains that TikTok's script tries for its cookie)
    is no error of a script, though Firefox lists it as one.
    """
    errors: list[str] = []
    yield lambda context: context.on("weberror", lambda error: errors.append(str(error.error)))
    assert [error for error in errors if not error.startswith(REFUSALS)] == []


@pytest.fixture(autouse=True)
def no_page_errors(page: Page, watch: Callable[[BrowserContext], None]) -> None:
    """Every story's own page is watched."""
    watch(page.context)


@pytest.fixture(scope="session")
def shoppers_browser(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], browser_name: str
) -> Iterator[Browser]:
    """A second browser, with its back/forward cache and with hosts under `.test`."""
    ours = AS_SHOPPERS_HAVE_IT.get(browser_name, {})
    args = [*browser_type_launch_args.get("args", []), *ours.get("args", [])]
    browser = browser_type.launch(**{**browser_type_launch_args, **ours, "args": args})
    yield browser
    browser.close()


@pytest.fixture
def shoppers_page(shoppers_browser: Browser, watch: Callable[[BrowserContext], None]) -> Iterator[Page]:
    """A page of that browser."""
    context = shoppers_browser.new_context()
    watch(context)
    yield context.new_page()
    context.close()
