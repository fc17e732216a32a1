"""TikTok's click id and cookie: from the landing's address to every later report."""

import re

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import CLICK_ID, Recorder


def test_the_click_id_is_kept_over_three_pages(page: Page, shop: Recorder) -> None:
    page.goto(f"{shop.url}/?utm=x%ZZ&ttclid={CLICK_ID}")
    page.goto(f"{shop.url}/two")
    page.goto(f"{shop.url}/three")
    reports = shop.wait_for_reports("Pageview", 3)
    assert [report["ttclid"] for report in reports] == [CLICK_ID] * 3
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "ttclid"]
    assert (cookie["value"], cookie["path"], cookie["sameSite"]) == (CLICK_ID, "/", "Lax")
    assert (cookie["domain"], cookie["secure"], cookie["httpOnly"]) == ("127.0.0.1", False, False)
    lifetime = cookie["expires"] - page.evaluate("Date.now() / 1000")
    assert 29.9 * 86400 < lifetime < 30.1 * 86400


@pytest.mark.parametrize(
    "told", ["__CLICKID__", "short", "a" * 2049, "E.C.P.%3Cb%3E9999", "E.C.P.%ZZ99999", "", "a%0A12345678"], ids=len
)
def test_what_is_no_click_id_is_not_kept(page: Page, shop: Recorder, told: str) -> None:
    page.goto(f"{shop.url}/?ttclid={told}")
    (report,) = shop.wait_for_reports("Pageview", 1)
    assert "ttclid" not in report
    assert "ttclid" not in page.evaluate("document.cookie")


def test_a_new_click_id_replaces_the_old(page: Page, shop: Recorder) -> None:
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}2")
    assert [report["ttclid"] for report in shop.wait_for_reports("Pageview", 2)] == [CLICK_ID, CLICK_ID + "2"]


def test_the_pixels_cookie_is_told_once_it_is_there(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    shop.wait_for_pixel("Pageview", 1)
    page.goto(shop.url + "/two")
    first, second = shop.wait_for_reports("Pageview", 2)
    assert "ttp" not in first
    assert re.fullmatch(r"[A-Za-z0-9._-]{20,80}", second["ttp"])
