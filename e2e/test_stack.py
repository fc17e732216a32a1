"""The fixture every story stands on: the whole program answers, is stopped cleanly, and may be started again."""

import requests

from e2e.stack import Stack, wait_until


def test_shop_proxy_sandbox_and_operators_pages_all_answer(stack: Stack) -> None:
    sandbox = f"{stack.sandbox}/sandbox/received"
    for address in (f"{stack.shop}/", f"{stack.proxy}/tag.js", sandbox, f"{stack.operator}/"):
        assert requests.get(address, timeout=10).status_code == 200, address


def test_the_addresses_to_open_are_printed(stack: Stack) -> None:
    addresses = (stack.shop, stack.sandbox, stack.operator)
    wait_until(lambda: all(address in stack.log() for address in addresses), 5, stack.log)


def test_it_stops_with_exit_code_0_and_starts_again_on_the_same_data(stack: Stack) -> None:
    assert stack.stop() == 0
    stack.start()
    assert requests.get(f"{stack.proxy}/readyz", timeout=10).status_code == 200


def test_it_starts_again_after_a_kill(stack: Stack) -> None:
    stack.kill()
    stack.start()
    assert requests.get(f"{stack.proxy}/readyz", timeout=10).status_code == 200
