"""The tag as page caches and optimisers serve it: pasted, combined with other scripts, renamed, loaded late."""

import json

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import STUB, Recorder, assert_pairs, document, script, wait_for_pixel_script

pytestmark = pytest.mark.one_engine

BODY = "<button data-pixelpair-event=AddToCart>Add</button>"
CALLS = f"<script>{STUB} pixelpair('Search', {{query: 'mug'}})</script>"
# What stands before and after it in a combined script; neither file cares for semicolons at its ends.
BEFORE = "window.before = function () { return 1 };\n"
AFTER = ";\n(function () { window.after = 1 })();"

EVALUATED = "fetch('/t/tag.js').then(answer => answer.text()).then(text => {})"
WAYS = {
    "pasted": "<script>TAG</script>",
    "pasted and combined": f"<script>{BEFORE}TAG{AFTER}</script>",
    "as a module": "<script type=module src=/t/tag.js></script>",
    "imported": "<script type=module>import '/t/tag.js'</script>",
    "evaluated": f"<script>{EVALUATED.format('(0, eval)(text)')}</script>",
    "a function's body": f"<script>{EVALUATED.format('new Function(text)()')}</script>",
    "with an optimiser's parameters": "<script src='/t/tag.js?ver=6.5.2' defer data-optimised=1></script>",
}


def _open(page: Page, shop: Recorder, tag: str) -> None:
    shop.pages["/shirts/red"] = document(BODY, head=CALLS, tag=tag)
    page.goto(shop.url + "/shirts/red")
    wait_for_pixel_script(page)
    page.click("button")
    assert_pairs(shop, "Pageview", "Search", "AddToCart")


@pytest.mark.parametrize("way", WAYS)
def test_a_tag_that_knows_nothing_of_its_script_element_sends_to_the_mount(
    page: Page, shop: Recorder, way: str
) -> None:
    _open(page, shop, WAYS[way].replace("TAG", shop.tag()))
    assert page.evaluate("window.after") == (1 if AFTER in WAYS[way] else None)


LATE = """<script>
for (const kind of ['mousemove', 'keydown', 'touchstart', 'scroll']) addEventListener(kind, () => {
    for (const lazy of document.querySelectorAll('script[type="text/lazy"]')) {
        const loaded = document.createElement('script');
        for (const {name, value} of lazy.attributes)
            if (name != 'type') loaded.setAttribute(name.replace('lazy-', ''), value);
        lazy.replaceWith(loaded);
    }
}, {once: true})
</script>"""


def test_a_tag_that_is_loaded_on_the_first_touch_misses_no_call(page: Page, shop: Recorder) -> None:
    shop.pages["/"] = document(BODY, head=CALLS + LATE, tag="<script type=text/lazy lazy-src=/t/tag.js></script>")
    page.goto(shop.url)
    assert page.evaluate("[typeof ttq, pixelpair.q.length]") == ["undefined", 1]
    assert shop.reports == []
    page.keyboard.press("a")
    wait_for_pixel_script(page)
    page.click("button")
    assert_pairs(shop, "Pageview", "Search", "AddToCart")
    assert [report["event"] for report in shop.events()] == ["Pageview", "Search", "AddToCart"]


def test_the_attributes_of_a_tag_that_is_loaded_late_hold(page: Page, shop: Recorder) -> None:
    lazy = "<script type=text/lazy lazy-src=/t/tag.js data-consent=limited></script>"
    shop.pages["/"] = document(head=LATE, tag=lazy)
    page.goto(shop.url)
    page.keyboard.press("a")
    assert shop.wait_for_reports("Pageview", 1)[0]["consent"] == "limited"
    assert shop.wait_for_pixel("Pageview", 1)[0]["limited_data_use"] is True


BARE_BEFORE = "window.before = function () { return 1 }\n"
BARE_AFTER = "\n(function () { window.after = 1 })()"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["the shop's host", "another host"])
@pytest.mark.parametrize(
    ("before", "after"), [(BEFORE, AFTER), (BARE_BEFORE, BARE_AFTER)], ids=["semicolons", "no semicolons"]
)
def test_a_tag_in_a_combined_script_sends_to_the_mount(
    page: Page, shop: Recorder, host: str, before: str, after: str
) -> None:
    """Not to the neighbourhood of the combined script, and without caring how its neighbours end."""
    shop.pages["/cache/1/all.js"] = lambda: script(before + shop.tag() + after)
    _open(page, shop, f"<script src={shop.url.replace('127.0.0.1', host)}/cache/1/all.js defer></script>")
    assert page.evaluate("[typeof before, after]") == ["function", 1]


@pytest.mark.parametrize("address", ["blob", "data"])
def test_a_tag_whose_script_has_no_address_of_the_web_sends_to_the_mount(
    page: Page, shop: Recorder, address: str
) -> None:
    make = {
        "blob": "URL.createObjectURL(new Blob([text], {type: 'text/javascript'}))",
        "data": "'data:text/javascript;charset=utf-8,' + encodeURIComponent(text)",
    }[address]
    element = f"Object.assign(document.createElement('script'), {{src: {make}}})"
    load = f"const text = {json.dumps(shop.tag())}; document.head.append({element})"
    _open(page, shop, f"<script>{load}</script>")
