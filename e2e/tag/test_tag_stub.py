"""What a page calls before the tag is there, and a tag that is there twice or on a foreign host."""

from playwright.sync_api import Page

from e2e.tag.recorder import STUB, Recorder, assert_pairs, document


def test_calls_before_the_tag_are_kept_and_follow_the_page_view(page: Page, shop: Recorder) -> None:
    stub = f"<script>{STUB} pixelpair('Search', {{query: 'mug'}}); window.kept = pixelpair;</script>"
    shop.pages["/"] = document(head=stub)
    page.goto(shop.url)
    page.evaluate("kept('Contact')")
    assert_pairs(shop, "Pageview", "Search", "Contact")
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "Contact"]
