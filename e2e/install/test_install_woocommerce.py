"""The page's plugin in PHP's own server, under as much of WordPress and WooCommerce as it calls, in Chromium."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page

from e2e.install.mounted import mounted
from e2e.tag.recorder import Recorder
from tests.install.snippets import snippet
from tests.program import CEILING, free_ports, wait_for

pytestmark = pytest.mark.only_browser("chromium")

# One product, one order, and pages that call the hooks where WordPress and WooCommerce do.
WORDPRESS = r"""<?php
error_reporting(E_ALL);
set_error_handler(function ($number, $what) { http_response_code(500); exit($what); });
$hooks = [];
function add_action($name, $what, $priority = 10, $count = 1) {
    global $hooks;
    $hooks[$name][$priority][] = [$what, $count];
}
function do_action($name, ...$told) {
    global $hooks;
    ksort($hooks[$name]);
    foreach (array_merge(...$hooks[$name]) as [$what, $count]) { $what(...array_slice($told, 0, $count)); }
}
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
function wp_json_encode($what, $flags = 0) { return json_encode($what, $flags); }
function is_ssl() { return false; }
function is_product() { global $path; return $path === '/product'; }
function is_checkout() { global $path; return in_array($path, ['/checkout', '/thanks']); }
function is_order_received_page() { global $path; return $path === '/thanks'; }
function get_queried_object_id() { return 1077218; }
function get_woocommerce_currency() { return 'MAD'; }
function wc_get_price_to_display($product) { return '174.50'; }
class WC_Product {
    function __construct(public int $id) {}
    function get_id() { return $this->id; }
    function get_name() { return 'Chemise <!--<script> d’été'; }
}
function wc_get_product($id) { return new WC_Product($id); }
class Cart { function get_total($context) { return $context === 'edit' ? '349.00' : '349,00 DH'; } }
class Shop { public $cart; function __construct() { $this->cart = new Cart; } }
function WC() { return new Shop; }
class Order {
    function get_billing_email() { return 'Amina@Example.com'; }
    function get_billing_phone() { return '+212612345678'; }
    function get_total() { return '349.00'; }
    function get_currency() { return 'MAD'; }
    function get_order_key() { return 'wc_order_8mQ2xVw4Zt7Lc'; }
    function get_date_created() { return new DateTime('@' . time()); }
}
function wc_get_order($id) { return new Order; }
require __DIR__ . '/pixelpair.php';
if (isset($_REQUEST['add'])) { do_action('woocommerce_add_to_cart', 'a1b2', 1077218, '2', (int) $_REQUEST['add']); }
if ($path === '/add') { exit('{}'); }
echo '<!doctype html><html><head><title>Shop</title>';
do_action('wp_head');
echo '</head><body>';
if ($path === '/thanks') { do_action('woocommerce_thankyou', 1043); }
echo '<form method="post"><button name="add" value="0">Add to cart</button></form>';
do_action('wp_footer');
echo '</body></html>';
"""
# Of jQuery, what the plugin needs.
JQUERY = "window.jQuery = target => ({on: (name, call) => target.addEventListener(name, call)});"
ADD = """async ([name, variation]) => {
  await fetch("/add?add=" + variation, {method: "POST"});
  document.body.dispatchEvent(new CustomEvent(name, {bubbles: true}));
}"""


@pytest.fixture
def shop_url(shop: Recorder, program: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """The shop in WordPress, with the recorder under ``/t``."""
    (port,) = free_ports(1)
    (tmp_path / "wordpress.php").write_text(WORDPRESS)
    (tmp_path / "pixelpair.php").write_text(snippet("WordPress with WooCommerce", "php"))
    log = tmp_path / "log"
    with log.open("wb") as output:
        words = [program("php"), "-S", f"127.0.0.1:{port}", str(tmp_path / "wordpress.php")]
        server = subprocess.Popen(words, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: requests.get(url, timeout=CEILING).ok, log.read_text)
        with mounted(url, shop.url) as address:
            yield address
    finally:
        server.terminate()
        server.wait(CEILING)


def tells(report: dict[str, Any], product: str, quantity: int) -> bool:
    name = "Chemise <!--<script> d’été"
    line = {
        "content_id": product,
        "content_type": "product",
        "content_name": name,
        "price": 174.5,
        "quantity": quantity,
    }
    money = {"value": 174.5 * quantity, "currency": "MAD"}
    told = {key: report["properties"].get(key) for key in ("contents", "value", "currency")}
    return told == {"contents": [line], **money}


def test_a_product_is_seen_and_added_by_a_form(page: Page, shop: Recorder, shop_url: str, pair: Any) -> None:
    page.goto(shop_url + "/product")
    assert tells(pair("ViewContent"), "1077218", 1)
    page.click("text=Add to cart")
    assert tells(pair("AddToCart"), "1077218", 2)
    page.goto(shop_url + "/product")
    shop.settle(page, 7)  # three pages with their product, one addition


@pytest.mark.parametrize("name", ["wc-blocks_added_to_cart", "added_to_cart"])
def test_a_product_is_added_without_leaving(page: Page, shop: Recorder, shop_url: str, pair: Any, name: str) -> None:
    """By a block, and by the classic shop's script: the event says that the answer is there, the cookie what it is."""
    page.add_init_script(JQUERY)
    page.goto(shop_url)
    page.evaluate(ADD, [name, 1077219])
    assert tells(pair("AddToCart"), "1077219", 2)
    assert "pixelpair_added" not in page.evaluate("document.cookie")
    page.evaluate(ADD, [name, 1077220])
    _, second = shop.wait_for_reports("AddToCart", 2)
    assert tells(second, "1077220", 2)


def test_a_checkout_and_an_order(page: Page, shop: Recorder, shop_url: str, pair: Any) -> None:
    page.goto(shop_url + "/checkout")
    assert pair("InitiateCheckout")["properties"] == {"value": 349, "currency": "MAD"}
    page.goto(shop_url + "/thanks")
    order = pair("PlaceAnOrder")
    assert order["key"] == "wc_order_8mQ2xVw4Zt7Lc"
    assert time.time() - 600 < order["placed"] <= time.time()
    assert order["properties"] == {"value": 349, "currency": "MAD"}
    assert order["user"].keys() == {"email", "phone"}
    assert len(shop.events("InitiateCheckout")) == 1
