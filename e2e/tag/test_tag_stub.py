"""What a page calls before the tag is there is kept, wherever the stub stands."""

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import STUB, Recorder, assert_pairs, document

TAG = "<script src=/t/tag.js></script>"


def test_calls_before_the_tag_are_kept_and_follow_the_page_view(page: Page, shop: Recorder) -> None:
    stub = f"<script>{STUB} pixelpair('Search', {{query: 'mug'}}); window.kept = pixelpair;</script>"
    shop.pages["/"] = document(head=stub)
    page.goto(shop.url)
    page.evaluate("kept('Contact')")
    assert_pairs(shop, "Pageview", "Search", "Contact")
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "Contact"]


@pytest.mark.parametrize("tag", [TAG.replace("src", "async src"), TAG], ids=["async", "at once"])
@pytest.mark.parametrize("order", ["stub first", "tag first", "stub twice"])
def test_the_stub_may_stand_before_or_after_the_tag(page: Page, shop: Recorder, tag: str, order: str) -> None:
    stub = f"<script>{STUB}</script>"
    call = "<script>pixelpair('Search', {query: 'mug'})</script>"
    parts = {"stub first": stub + call + tag, "tag first": tag + stub + call, "stub twice": stub + tag + stub + call}
    shop.pages["/"] = document(tag=parts[order])
    page.goto(shop.url)
    page.evaluate("pixelpair('Contact')")
    assert_pairs(shop, "Pageview", "Search", "Contact")
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "Contact"]


def test_a_page_that_kept_the_list_of_the_stub_is_heard(page: Page, shop: Recorder) -> None:
    """As a stub does whose own name hides the global one."""
    stub = "window.pixelpair = function pixelpair() { (pixelpair.q ||= []).push(arguments) }; kept = window.pixelpair;"
    shop.pages["/"] = document(head=f"<script>{stub} kept('Lead')</script>")
    page.goto(shop.url)
    shop.wait_for_reports("Lead", 1)
    page.evaluate("kept('Contact')")
    shop.wait_for_reports("Contact", 1)
