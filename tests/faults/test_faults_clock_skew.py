"""This machine's clock is an hour off TikTok's: everything goes out, and the operator learns of it."""

import json
import subprocess
import time
from collections.abc import Callable
from email.utils import formatdate

import requests

from tests.faults.conftest import Proxy
from tests.faults.ledger import Ledger
from tests.program import PIXELPAIR, wait_for


def needs(one: Proxy) -> list[dict[str, str]]:
    done = subprocess.run(
        [PIXELPAIR, "status", "--json"], cwd=one.folder, env=one.environ, capture_output=True, text=True, timeout=60
    )
    return list(json.loads(done.stdout)["needs_a_person"])


def test_a_clock_an_hour_ahead_is_told_until_it_is_set_right(proxy: Callable[..., Proxy], ledger: Ledger) -> None:
    one = proxy().start()
    assert ledger.tell(one.address) == 202
    one.drain()
    assert needs(one) == []

    one.sandbox.behave(times=None, headers={"Date": formatdate(time.time() - 3_600, usegmt=True)})
    for _ in range(20):
        assert ledger.tell(one.address) == 202
    one.drain()
    wait_for(lambda: needs(one))
    (told,) = needs(one)
    assert told["sentence"].startswith("This machine's clock is about 60 minutes ahead of TikTok's")
    assert told["command"] == "timedatectl status"
    page = requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=10).text
    assert "clock is about 60 minutes ahead of TikTok&#39;s" in page
    assert one.log().count("clock is 60 minutes from TikTok's") == 1
    assert one.readyz().ok
    assert one.healthz().ok

    one.sandbox.behave_again()
    assert ledger.tell(one.address) == 202
    one.drain()
    wait_for(lambda: needs(one) == [])
    found = one.balance(ledger).holds()
    assert found.received.keys() == set(ledger.accepted.values())
