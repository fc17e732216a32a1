"""What the stories of the whole way get: one running program for a file of them, forgetful between two stories."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page

from e2e.stack import Stack
from e2e.way.front import front
from e2e.way.shopper import BROWSER_ADDRESS, Shop


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The whole program behind a reverse proxy. All stories have one address, which alone must not limit them."""
    stack = Stack(tmp_path_factory.mktemp("way") / "stack", {"PIXELPAIR_REPORTS_PER_MINUTE": "100000"})
    stack.start()
    problems: list[str] = []
    try:
        with front(stack.shop, BROWSER_ADDRESS) as url:
            yield Shop(stack, url)
    finally:
        problems = stack.close()
    assert not problems, "\n".join(problems)


# Asked for before any page by being autouse: after a story its browser is closed first, then all is forgotten.
@pytest.fixture(autouse=True)
def shop(shared_shop: Shop) -> Iterator[Shop]:
    """The shop, whose TikTok has received nothing yet."""
    yield shared_shop
    shared_shop.wait_until_delivered()
    requests.delete(f"{shared_shop.stack.sandbox}/sandbox/behave", timeout=10).raise_for_status()
    shared_shop.stack.forget()


@pytest.fixture
def other_page(new_context: object) -> Page:
    """A page in another browser of the same kind: nothing that the first one stores is known there."""
    return new_context().new_page()  # type: ignore[operator]
