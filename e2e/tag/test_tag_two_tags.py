"""Two tags on one page, and the stub before or after the tag: each event is told once."""

from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, document


def test_a_second_tag_does_nothing(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(tag='<script src="/t/tag.js"></script>' * 2)
    page.goto(shop.url)
    page.add_script_tag(url="/t/tag.js?again")
    shop.settle(page, 1)
