"""What the stories in WebKit get: a browser of their own, and the recording shop of the tag's stories."""

from collections.abc import Iterator

import pytest

from e2e.browsers import BrowserMissing, do_without, webkit_commands
from e2e.tag.recorder import Recorder, recorder
from e2e.webkit.engine import Safari, running_display, running_driver


@pytest.fixture(scope="session")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of WebKit's driver, started once for all stories."""
    try:
        driver, display_server = webkit_commands()
    except BrowserMissing as missing:
        do_without(missing)
    folder = tmp_path_factory.mktemp("webkit")
    with running_display(display_server, folder) as display, running_driver(driver, display, folder) as address:
        yield address


@pytest.fixture
def shop() -> Iterator[Recorder]:
    """A shop whose pages carry the tag, recording what arrives."""
    with recorder() as it:
        yield it


@pytest.fixture
def safari(webkit: str, shop: Recorder) -> Iterator[Safari]:
    """A fresh browser, which closes before the shop does."""
    with Safari(webkit) as browser:
        yield browser
