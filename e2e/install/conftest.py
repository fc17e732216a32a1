"""What the snippets of docs/install.md run in: a recording shop in Chromium, or the program they are written for."""

from collections.abc import Callable
from typing import Any

import pytest

from e2e.tag.conftest import no_page_errors, shop, watch
from e2e.tag.recorder import Recorder
from tests.orders.conftest import program
from tests.web.conftest import open_shop

__all__ = ["no_page_errors", "open_shop", "program", "shop", "watch"]


def id_of(report: dict[str, Any]) -> str:
    """The event_id that report and pixel leg share."""
    return str(report.get("key") or f"{report['view']}.{report['n']}")


@pytest.fixture
def pair(shop: Recorder) -> Callable[[str], dict[str, Any]]:
    """``pair(event)``: the first report of the page's one such event, whose pixel leg came under the same event_id."""

    def both(event: str) -> dict[str, Any]:
        # An order's report comes once more when it is known how its pixel leg fared.
        report, *again = shop.wait_for_reports(event, 1)
        (pixel,) = shop.wait_for_pixel(event, 1)
        assert {pixel["event_id"], *map(id_of, again)} == {id_of(report)}
        assert pixel["properties"] == report["properties"]
        return report

    return both
