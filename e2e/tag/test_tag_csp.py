"""Pages with a strict Content-Security-Policy: the tag and TikTok's script run, and nothing is reported."""

from playwright.sync_api import Page

from e2e.tag.recorder import Recorder, assert_pairs, document


def test_the_loader_copies_the_nonce(page: Page, shop: Recorder) -> None:
    policy = f"script-src 'nonce-abc'; connect-src 'self' {shop.sandbox}"
    shop.pages["/"] = document(
        head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        tag='<script nonce="abc" src="/t/tag.js" defer></script>',
    )
    page.goto(shop.url)
    assert_pairs(shop, "Pageview")
