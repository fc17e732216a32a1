"""TikTok's click id and cookie: from the landing's address to every later report."""

import re

import pytest
from flask import Response
from playwright.sync_api import Page

from e2e.tag.recorder import CLICK_ID, Recorder, document, wait_for_start

pytestmark = pytest.mark.one_engine


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


def test_a_cookie_of_another_name_is_not_taken_for_ours(page: Page, shop: Recorder) -> None:
    shop.pages["/blank"] = document(tag="")
    page.goto(shop.url + "/blank")
    page.evaluate(
        "id => ['lp=https://shop/?ttclid=E.C.P.old99999', 'x-ttclid=E.C.P.other999', 'ttclid=' + id]"
        ".forEach(one => { document.cookie = one; })",
        CLICK_ID,
    )
    page.goto(shop.url)
    assert shop.wait_for_reports("Pageview", 1)[0]["ttclid"] == CLICK_ID


def _redirect(shop: Recorder, path: str, to: str, **headers: str) -> None:
    shop.pages[path] = lambda: Response(status=302, headers={"Location": to, **headers})


def test_a_redirect_that_keeps_the_address_keeps_the_click_id(page: Page, shop: Recorder) -> None:
    _redirect(shop, "/ad", f"/landing?ttclid={CLICK_ID}")
    page.goto(f"{shop.url}/ad?ttclid={CLICK_ID}")
    assert shop.wait_for_reports("Pageview", 1)[0]["ttclid"] == CLICK_ID


def test_a_redirect_that_strips_the_address_may_keep_the_click_id_in_the_cookie(page: Page, shop: Recorder) -> None:
    _redirect(shop, "/ad", "/landing", **{"Set-Cookie": f"ttclid={CLICK_ID}; Path=/; SameSite=Lax"})
    page.goto(f"{shop.url}/ad?ttclid={CLICK_ID}")
    (report,) = shop.wait_for_reports("Pageview", 1)
    assert (report["url"], report["ttclid"]) == (shop.url + "/landing", CLICK_ID)


def test_a_redirect_that_strips_all_leaves_the_click_id_of_before(page: Page, shop: Recorder) -> None:
    _redirect(shop, "/ad", "/landing")
    page.goto(f"{shop.url}/ad?ttclid={CLICK_ID}")
    assert "ttclid" not in shop.wait_for_reports("Pageview", 1)[0]
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    shop.wait_for_reports("Pageview", 2)
    page.goto(f"{shop.url}/ad?ttclid={CLICK_ID}2")
    assert shop.wait_for_reports("Pageview", 3)[2]["ttclid"] == CLICK_ID


def test_a_router_that_strips_the_address_after_the_tag_costs_no_click_id(page: Page, shop: Recorder) -> None:
    """Also where nothing may be stored yet."""
    shop.pages["/"] = document(tag="<script src=/t/tag.js data-consent=held></script>")
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    wait_for_start(page)
    page.evaluate("history.replaceState(0, '', '/'); history.pushState(0, '', '/shirt'); pixelpair('Contact')")
    assert page.evaluate("[document.cookie, location.search]") == ["", ""]
    page.evaluate("pixelpair('consent', 'granted')")
    page.goto(shop.url + "/two")
    reports = shop.wait_for_reports(None, 4)
    assert [report["event"] for report in reports] == ["Pageview", "Pageview", "Contact", "Pageview"]
    assert [report["ttclid"] for report in reports] == [CLICK_ID] * 4


def test_a_script_that_strips_the_address_before_the_tag_costs_no_click_id(page: Page, shop: Recorder) -> None:
    """The browser still knows what it was asked for: the name of the page's navigation entry."""
    shop.pages["/"] = document(head="<script>history.replaceState(0, '', '/')</script>")
    page.goto(f"{shop.url}/?ttclid={CLICK_ID}")
    (report,) = shop.wait_for_reports("Pageview", 1)
    assert (report["url"], report.get("ttclid")) == (shop.url + "/", CLICK_ID)
