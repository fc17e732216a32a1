"""What the tag must not cost a page: requests, layout, a slow leaving. ``./dev bench tag`` has the time.

Each watcher is shown to see what it watches for, so that its silence means something.
"""

import pytest
from playwright.sync_api import Page

from e2e.stack import wait_until
from e2e.tag.recorder import STUB, Recorder, document
from e2e.tag.watching import WATCH

pytestmark = pytest.mark.only_browser("chromium")

BODY = (
    "<h1>Shirt</h1><button data-pixelpair-event=AddToCart data-pixelpair-key=k-1 data-pixelpair-value=5"
    " data-pixelpair-currency=MAD>Add</button><form data-pixelpair-event=Contact action=/next><input name=q></form>"
)
READ_ALL = """() => {
  const {body, scrollingElement} = document;
  for (const side of ['Top', 'Left', 'Width', 'Height'])
    body['offset' + side] + body['client' + side] + body['scroll' + side];
  body.offsetParent, body.innerText, body.focus(), body.getBoundingClientRect(), body.getClientRects();
  body.scroll(0, 0), body.scrollTo(0, 0), body.scrollBy(0, 0), body.scrollIntoView(), body.checkVisibility();
  const range = new Range();
  range.getBoundingClientRect(), range.getClientRects();
  const click = new MouseEvent('click');
  click.layerX, click.layerY, click.offsetX, click.offsetY;
  document.elementFromPoint(0, 0), document.elementsFromPoint(0, 0), document.caretRangeFromPoint(0, 0);
  const view = visualViewport;
  view.offsetLeft, view.offsetTop, view.pageLeft, view.pageTop, view.width, view.height, view.scale;
  getComputedStyle(body), innerWidth, innerHeight, scrollX, scrollY, pageXOffset, pageYOffset, matchMedia('print');
  scroll(0, 0), scrollTo(0, 0), scrollBy(0, 0);
  return watched.reads.splice(0);
}"""


@pytest.fixture
def watched(page: Page, shop: Recorder) -> Page:
    """A page that is watched from before the tag on it runs."""
    page.add_init_script(WATCH)
    shop.pages["/"] = document(BODY, head=f"<script>{STUB}pixelpair('ViewContent', {{content_ids: ['5']}})</script>")
    return page


def _use(page: Page, shop: Recorder) -> None:
    """All that a page does with the tag: calls, a click, another view, who the shopper is, a form."""
    page.goto(shop.url)
    shop.wait_for_pixel("ViewContent", 1)
    page.evaluate("pixelpair('identify', {email: 'a@example.com'})")
    page.evaluate("document.querySelector('button').click()")
    page.evaluate("history.pushState({}, '', '/other')")
    page.evaluate("document.querySelector('form').addEventListener('submit', event => event.preventDefault())")
    page.evaluate("document.querySelector('form').requestSubmit()")
    shop.wait_for_pixel("Contact", 1)
    shop.wait_for_reports("Contact", 1)
    shop.wait_for_reports("AddToCart", 1)
    shop.wait_for_reports("Pageview", 2)


def test_a_page_asks_for_one_thing_beside_the_tag_and_tiktoks_script(page: Page, shop: Recorder) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.split('?')[0]}"))
    page.goto(f"{shop.url}/?ttclid=E.C.P.Ab9-_12345678")
    shop.wait_for_pixel("Pageview", 1)
    shop.wait_for_reports("Pageview", 1)
    page.wait_for_timeout(3500)  # longer than anything the tag puts off on a quiet page
    assert sorted(asked) == sorted(
        [
            f"GET {shop.url}/",
            f"GET {shop.url}/t/tag.js",
            f"POST {shop.url}/t/e",
            f"GET {shop.sandbox}/i18n/pixel/events.js",
            f"POST {shop.sandbox}/api/v2/pixel",  # TikTok's script's own
        ]
    )


def test_a_click_reads_no_cookies_and_searches_no_page(page: Page, shop: Recorder) -> None:
    """Both cost a phone milliseconds; the tag looks when its answers come."""
    page.add_init_script(
        """{
          window.looks = [];
          const look = what => {
            const {stack} = new Error();
            if (stack.includes('/t/tag.js') && !stack.includes('events.js')) looks.push(what);
          };
          const own = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
          const get = function () { look('cookie'); return own.get.call(this); };
          Object.defineProperty(Document.prototype, 'cookie', {...own, get});
          const search = Document.prototype.querySelectorAll;
          Document.prototype.querySelectorAll = function (what) { look(what); return search.call(this, what); };
        }"""
    )
    shop.pages["/"] = document(BODY)
    page.goto(shop.url)
    shop.wait_for_pixel("Pageview", 1)
    shop.wait_for_reports("Pageview", 1)
    wait_until(lambda: page.evaluate("pixelpair.log[0].status") == 202, 10, lambda: "the answer is there")
    assert "cookie" in page.evaluate("looks")
    assert page.evaluate("looks.length = 0; document.querySelector('button').click(); looks") == []
    (report,) = shop.wait_for_reports("AddToCart", 1)
    assert report["ttp"]


def test_the_tag_reads_no_layout(watched: Page, shop: Recorder) -> None:
    _use(watched, shop)
    assert watched.evaluate("watched.reads") == []


def test_the_watcher_sees_every_read_of_the_layout(watched: Page, shop: Recorder) -> None:
    watched.goto(shop.url)
    assert set(watched.evaluate(READ_ALL)) == set(watched.evaluate("watched.names"))


def test_the_tag_shifts_nothing(watched: Page, shop: Recorder) -> None:
    _use(watched, shop)
    assert _shifts(watched) == []


def test_the_watcher_sees_a_shift(watched: Page, shop: Recorder) -> None:
    watched.goto(shop.url)
    assert _shifts(watched) == []
    watched.evaluate("document.body.insertAdjacentHTML('afterbegin', '<div style=height:300px></div>')")
    assert sum(_shifts(watched)) > 0


def _shifts(page: Page) -> list[float]:
    """All shifts until now, those of a frame that is not painted yet among them."""
    frame = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
    page.evaluate(f"{frame}.then(() => {frame}).then(() => {frame})")
    shifts: list[float] = page.evaluate("watched.shifts")
    return shifts


def test_the_tag_listens_to_no_unload(watched: Page, shop: Recorder) -> None:
    """Such a listener keeps a page out of Firefox's back/forward cache, and slows the leaving in every browser."""
    _use(watched, shop)
    listeners = watched.evaluate("watched.listeners")
    assert "click" in listeners
    assert {"unload", "beforeunload"} & set(listeners) == set()
    assert watched.evaluate("[onunload, onbeforeunload, document.body.onbeforeunload]") == [None] * 3


def test_the_watcher_sees_a_listener_to_unload(watched: Page, shop: Recorder) -> None:
    watched.goto(shop.url)
    watched.evaluate("addEventListener('beforeunload', () => {})")
    assert "beforeunload" in watched.evaluate("watched.listeners")
