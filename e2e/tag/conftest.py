"""What the stories of the tag get: a recording shop with the sandbox beside it, and a page that must stay silent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, recorder


@pytest.fixture
def shop() -> Iterator[Recorder]:
    """A shop whose pages carry the tag, recording what arrives."""
    with recorder() as it:
        yield it


@pytest.fixture(autouse=True)
def no_page_errors(page: Page) -> Iterator[None]:
    """The tag never throws into the page."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []
