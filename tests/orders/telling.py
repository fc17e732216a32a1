"""How a shopper's browser, a back end and a stranger tell the real program of an order."""

import secrets
import time
from typing import Any

import requests

from proxy.tickets import Ticket, sign_order
from tests.faults.conftest import API_KEY, Proxy
from tests.faults.ledger import fresh_view
from tests.program import PIXEL

SECRET = "k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
SETTINGS = {
    "PIXELPAIR_SECRET_KEYS": SECRET,
    "PIXELPAIR_TRUSTED_HOPS": "1",
    "PIXELPAIR_REPORTS_PER_MINUTE": "100000",
}


def ticket(key: str, value: float, event: str = "PlaceAnOrder", secret: str = SECRET, **facts: Any) -> str:
    """A ticket; with other facts or another secret, a forged one."""
    signed_at = facts.pop("signed_at", time.time())
    told = {"site": "default", "event": event, "key": key, "value": value, "currency": "MAD", **facts}
    return sign_order(Ticket(**told), [secret], signed_at)


def report(key: str, value: float, event: str = "PlaceAnOrder", **facts: Any) -> dict[str, Any]:
    """What a browser tells of an order."""
    now = time.time_ns() // 1_000_000
    properties = {"value": value, "currency": "MAD", "contents": [{"content_id": f"c{value}", "quantity": 1}]}
    told = {"v": 1, "event": event, "view": fresh_view(), "n": 1, "key": key, "time": now, "sent": now}
    return {**told, "pixel": "sent", "url": "http://localhost/thanks", "properties": properties, **facts}


def collect(one: Proxy, told: Any, address: str = "8.8.8.8") -> Any:
    """POST to ``/t/e`` as a browser at ``address``; the answer, which is a 202."""
    headers = {"Origin": one.address, "Content-Type": "text/plain", "User-Agent": FIREFOX, "X-Forwarded-For": address}
    answer = requests.post(f"{one.address}/t/e", json=told, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    return answer.json()


def relay(one: Proxy, *items: dict[str, Any], key: str = API_KEY) -> requests.Response:
    """POST to the relay as the shop's back end."""
    body = {"event_source": "web", "event_source_id": PIXEL, "data": list(items)}
    path = "/t/open_api/v1.3/event/track/"
    return requests.post(f"{one.address}{path}", json=body, headers={"Access-Token": key}, timeout=30)


def item(key: str, value: float, event: str = "PlaceAnOrder", **user: Any) -> dict[str, Any]:
    """What a back end tells of an order."""
    contents = [{"content_id": f"c{value}", "quantity": 1}]
    return {
        "event": event,
        "event_id": key,
        "event_time": "",
        "user": user,
        "properties": {"order_id": key, "value": value, "currency": "MAD", "contents": contents},
    }


def a_key() -> str:
    """A key that nobody can guess."""
    return f"wc_order_{secrets.token_hex(8)}"
