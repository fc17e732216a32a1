"""One way is blocked, or shared with a stranger: the other way still arrives, and the stranger gets nothing."""

from playwright.sync_api import Page, Route, expect

from e2e.way.shopper import Received, Shop, actions, assert_counted_once, pairs_of

FOREIGN = "CFOREIGN0000000000XX"

# The queue that shops paste, with another company's pixel in it; the head is not there yet when it runs.
FOREIGN_SNIPPET = """
window.TiktokAnalyticsObject = 'ttq';
const ttq = window.ttq = [];
ttq.methods = ['page', 'track', 'identify', 'instances', 'on', 'off', 'ready', 'enableCookie', 'disableCookie'];
ttq.setAndDefer = (target, method) => { target[method] = (...told) => { target.push([method, ...told]); }; };
for (const method of ttq.methods) ttq.setAndDefer(ttq, method);
ttq.instance = (id) => {
  const queue = ttq._i[id] || [];
  for (const method of ttq.methods) ttq.setAndDefer(queue, method);
  return queue;
};
ttq._i = {CODE: []};
ttq._o = {CODE: {historyObserver: false}};
ttq.instance('CODE').track('Theirs');
const script = document.createElement('script');
script.src = 'SANDBOX/i18n/pixel/events.js?sdkid=CODE&lib=ttq';
document.documentElement.append(script);
"""


def test_with_the_proxy_blocked_the_pixel_leg_still_arrives(shop: Shop, page: Page) -> None:
    def block(route: Route) -> None:
        route.abort()

    page.route("**/t/e", block)
    shop.view_shirt(page)
    shop.add_to_cart(page)
    expected = {"ViewContent": 1, "AddToCart": 1}
    received = shop.stack.wait_for(
        lambda received: actions(received) == expected and len(pairs_of(received, "Pageview")) == 2, page=page
    )
    assert received["server_events"] == []
    assert [pair["counted"] for pair in received["pairs"]] == [1] * 4


def test_with_the_pixel_blocked_the_server_leg_still_arrives_and_says_so(shop: Shop, page: Page) -> None:
    shop.stack.behave(path="events.js", status=404, times=None)
    page.add_init_script("addEventListener('error', ({target}) => window.failed = target.src, true)")
    page.goto(f"{shop.url}/products/shirt")
    page.wait_for_function("window.failed")
    page.click("#add-to-cart")
    page.wait_for_url("**/cart")
    expected = {"ViewContent": 1, "AddToCart": 1}

    def arrived(received: Received) -> bool:
        return actions(received) == expected and len(pairs_of(received, "Pageview")) == 2

    received = shop.stack.wait_for(arrived)
    assert received["pixel_events"] == []
    assert [pair["counted"] for pair in received["pairs"]] == [1] * 4
    # The click came after the script had failed to load, and what it tells holds for the whole view.
    for event in ("ViewContent", "AddToCart"):
        (pair,) = pairs_of(received, event)
        page.goto(shop.stack.operator)
        row = page.locator("tbody tr", has=page.get_by_title(pair["event_id"], exact=True))
        expect(row.locator("[data-label=Browser]")).to_have_text("blocked")
        expect(row.locator("[data-label='Connection method']")).to_have_text("Server")


def test_another_companys_pixel_on_the_page_receives_nothing_of_ours(shop: Shop, page: Page) -> None:
    page.add_init_script(FOREIGN_SNIPPET.replace("CODE", FOREIGN).replace("SANDBOX", shop.stack.sandbox))
    shop.view_shirt(page)
    assert_counted_once(shop.pair("ViewContent"))
    assert_counted_once(shop.pair("Pageview"))
    shop.add_to_cart(page)
    assert_counted_once(shop.pair("AddToCart"))
    received = shop.stack.wait_for(lambda received: len(_theirs(received)) >= 2)
    assert _theirs(received) == ["Theirs"] * 2


def _theirs(received: Received) -> list[str]:
    return [event["event"] for event in received["pixel_events"] if event["pixel_code"] == FOREIGN]
