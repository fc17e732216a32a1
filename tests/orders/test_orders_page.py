"""The worked examples of docs/orders.md, as they stand there, against the real program; and what they cost when the
proxy is dead."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.tickets import read_ticket
from tests.faults.conftest import API_KEY, Proxy
from tests.listener import Listener
from tests.orders.conftest import PAGE, blocks
from tests.program import wait_for

pytestmark = pytest.mark.timeout(300)

SECRET = "k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ"
KEY = "wc_order_8mQ2xVw4Zt7Lc"
ORDER = {"key": KEY, "email": "Amina@Example.com", "phone": "+212 612 345 678", "total": 349}
# The page's calls give up by themselves after 300 ms. What goes on for a minute waits for an answer that never comes.
HANGS = 60
STATUS_LINE = 63  # letters that the plugin would read at most

Sandboxed = Callable[..., Proxy]


def run(words: list[str], **environ: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=HANGS, env={"PATH": "/usr/bin:/bin", **environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def silence() -> Iterator[int]:
    """The port of a proxy that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def nobody() -> Iterator[int]:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def python_tells(url: str) -> bool:
    space: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIXELPAIR", url)
        patch.setenv("PIXELPAIR_KEY", API_KEY)
        exec(blocks("python", "def tell("), space)
        return bool(space["tell"]("Purchase", ORDER))


def node_tells(url: str, node: str) -> bool:
    code = blocks("js", "async function tell(") + "tell('Purchase', JSON.parse(process.argv[1])).then(console.log);"
    return run([node, "-e", code, json.dumps(ORDER)], PIXELPAIR=url, PIXELPAIR_KEY=API_KEY).strip() == "true"


def curls() -> list[str]:
    found: list[str] = re.findall(r"^```sh\n(curl .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 2
    return found


# What WordPress and WooCommerce are to the page's plugin: one order, and hooks that can be fired.
WORDPRESS = """
$hooks = []; $scheduled = [];
function add_action($name, $what, $priority = 10, $count = 1) { global $hooks; $hooks[$name][] = [$what, $count]; }
function fire($name, ...$told) {
    global $hooks;
    foreach ($hooks[$name] ?? [] as [$what, $count]) { $what(...array_slice($told, 0, $count)); }
}
function as_schedule_single_action($at, $name, $told) {
    global $scheduled;
    $scheduled[] = [$at - time(), $name, $told];
}
function wp_json_encode($what, $flags = 0) { return json_encode($what, $flags); }
class Line {
    function get_product_id() { return 1077218; }
    function get_name() { return 'shirt </script>'; }
    function get_quantity() { return 1; }
}
class Order {
    function get_id() { return 1043; }
    function get_items() { return [new Line]; }
    function get_item_total($line, $tax) { return '349.00'; }
    function get_order_key() { return 'wc_order_8mQ2xVw4Zt7Lc'; }
    function get_billing_email() { return 'Amina@Example.com'; }
    function get_billing_phone() { return '+212 612 345 678'; }
    function get_customer_id() { return 0; }
    function get_customer_ip_address() { return '8.8.8.8'; }
    function get_customer_user_agent() { return 'Mozilla/5.0 Firefox/150.0'; }
    function get_checkout_order_received_url() { return 'http://localhost/thanks?key=wc_order_8mQ2xVw4Zt7Lc'; }
    function get_total() { return '349.00'; }
    function get_currency() { return 'MAD'; }
    function get_date_created() { return new DateTime('@1795521628'); }
}
function wc_get_order($id) { return new Order; }
"""


def plugin(php: str, url: str, *steps: str) -> str:
    """The plugin in its WordPress, and what these steps print."""
    settings = f"define('PIXELPAIR_URL', '{url}'); define('PIXELPAIR_KEY', '{API_KEY}');"
    settings += f"define('PIXELPAIR_SECRET', '{SECRET}'); error_reporting(E_ALL);"
    signer, shop = blocks("php", "function pixelpair_ticket"), blocks("php", "function pixelpair_post")
    return run(
        [
            php,
            "-d",
            "display_errors=stderr",
            "-d",
            "default_socket_timeout=600",
            "-r",
            "\n".join([settings, WORDPRESS, signer, shop, *steps]),
        ]
    )


def received(one: Proxy, count: int) -> list[dict[str, Any]]:
    one.drain()
    found = wait_for(lambda: [*one.sandbox.server_events()] if len(one.sandbox.server_events()) >= count else None)
    assert len(found) == count
    return list(found)


class TestAgainstTheRealProgram:
    def test_curl(self, proxy: Sandboxed, program: Callable[[str], str]) -> None:
        program("curl")
        one = proxy().start()
        told, asked = (
            json.loads(run(["sh", "-c", call], PIXELPAIR=f"{one.address}/t", PIXELPAIR_KEY=API_KEY)) for call in curls()
        )
        assert (told["code"], told["data"]["event_ids"]) == (0, [KEY])
        assert asked.keys() == {"ticket", "expires"}
        (event,) = received(one, 1)
        assert (event["event"], event["properties"]["value"]) == ("Purchase", 349)

    @pytest.mark.parametrize("language", ["python", "node"])
    def test_python_and_node(self, language: str, proxy: Sandboxed, program: Callable[[str], str]) -> None:
        one = proxy().start()
        url = f"{one.address}/t"
        wait_for(lambda: python_tells(url) if language == "python" else node_tells(url, program("node")))
        (event,) = received(one, 1)
        assert (event["event_id"], event["properties"]["value"]) == (KEY, 349)
        assert event["user"].keys() == {"email", "phone"}

    def test_woocommerce(self, proxy: Sandboxed, program: Callable[[str], str]) -> None:
        one = proxy(PIXELPAIR_SECRET_KEYS=SECRET).start()
        php, url = program("php"), f"{one.address}/t"

        def placed() -> bool:
            steps = "fire('woocommerce_checkout_order_processed', 1043); echo count($scheduled);"
            return plugin(php, url, steps) == "0"  # a loaded machine may need more than 300 ms once

        wait_for(placed)
        page = plugin(php, url, "fire('woocommerce_thankyou', 1043);")
        match = re.fullmatch(r"<script>pixelpair\(\.\.\.(.*)\);</script>", page)
        assert match
        name, properties, options = json.loads(match[1])
        assert (name, properties["value"], options["key"]) == ("PlaceAnOrder", 349, KEY)
        ticket = read_ticket(options["ticket"], [SECRET], time.time())
        assert (ticket.event, ticket.key, ticket.value, ticket.currency) == ("PlaceAnOrder", KEY, 349, "MAD")
        assert [event["event"] for event in received(one, 1)] == ["PlaceAnOrder"]
        for status in ("cancelled", "refunded", "failed"):
            plugin(php, url, f"fire('woocommerce_order_status_{status}', 1043);")
        wait_for(
            lambda: plugin(php, url, "fire('woocommerce_order_status_completed', 1043); echo count($scheduled);") == "0"
        )
        events = {event["event"]: event for event in received(one, 2)}
        assert events.keys() == {"PlaceAnOrder", "Purchase"}
        for event in events.values():
            assert event["event_id"] == KEY
            assert event["user"].keys() == {"email", "phone", "ip", "user_agent"}
            assert event["properties"]["contents"][0]["content_id"] == "1077218"


class TestADeadProxy:
    """The calls come back and say so; none waits for an answer that never comes."""

    @pytest.mark.parametrize("dead", [silence, nobody])
    def test_never_holds_up_a_checkout_in_php(self, dead: Callable[[], Any], program: Callable[[str], str]) -> None:
        with dead() as port:
            steps = (
                "$from = microtime(true); fire('woocommerce_checkout_order_processed', 1043);"
                "echo json_encode([microtime(true) - $from, $scheduled]);"
            )
            seconds, scheduled = json.loads(plugin(program("php"), f"http://127.0.0.1:{port}/t", steps))
        print(f"the checkout was held up for {seconds:.3f} s")
        (again,) = scheduled
        assert again[1] == "pixelpair_tell"
        assert (again[2][0], again[2][1], again[2][3]) == (1043, "PlaceAnOrder", 2)

    def test_nor_does_one_that_answers_a_letter_at_a_time(self, program: Callable[[str], str]) -> None:
        sent: list[bytes] = []

        def drip(connection: socket.socket) -> None:
            while len(sent) < 2 * STATUS_LINE:  # or until the other side has gone
                connection.sendall(b"H")
                sent.append(b"H")
                time.sleep(0.05)

        listener = Listener(drip)
        try:
            steps = "fire('woocommerce_checkout_order_processed', 1043); echo count($scheduled);"
            assert plugin(program("php"), f"http://127.0.0.1:{listener.port}/t", steps) == "1"
            given_up_after = len(sent)
        finally:
            listener.stop()
        # Six letters come within the 300 ms; the machine may be ten times as slow as that.
        assert given_up_after < STATUS_LINE

    def test_it_is_told_again_with_its_own_time_and_not_for_ever(self, program: Callable[[str], str]) -> None:
        with nobody() as port:
            steps = "fire('pixelpair_tell', 1043, 'Purchase', 1795521628, 11); echo json_encode($scheduled);"
            last = json.loads(plugin(program("php"), f"http://127.0.0.1:{port}/t", steps))
            assert last[0][2] == [1043, "Purchase", 1795521628, 12]
            steps = steps.replace("11)", "12)")
            assert json.loads(plugin(program("php"), f"http://127.0.0.1:{port}/t", steps)) == []

    @pytest.mark.parametrize("dead", [silence, nobody])
    def test_is_told_in_python_and_node(self, dead: Callable[[], Any], program: Callable[[str], str]) -> None:
        with dead() as port:
            url = f"http://127.0.0.1:{port}/t"
            assert python_tells(url) is False
            assert node_tells(url, program("node")) is False
