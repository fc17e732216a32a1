"""A sandbox with a clock in the test's hand."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from proxy.sandbox.app import create_app

PIXEL, TOKEN = "COQDA8RC77U2TMR44LI0", "sandbox-token"
START = 1_800_000_000.0


class Now:
    """A clock that stands until it is told to move on."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def client(now: Now) -> FlaskClient:
    return create_app({PIXEL: TOKEN, "OTHERPIXEL0000000000": "other-token"}, now).test_client()


@pytest.fixture
def item() -> dict[str, Any]:
    """An item nobody finds anything wrong with."""
    return {
        "event": "PlaceAnOrder",
        "event_time": int(START),
        "event_id": "order-1",
        "user": {
            "email": "84" * 32,
            "ttp": "01HZX0000000000000000000AB_.tt.1",
            "ip": "8.8.8.8",
            "user_agent": "Mozilla/5.0",
        },
        "page": {"url": "https://shop.example/thanks", "referrer": "https://shop.example/"},
        "properties": {
            "contents": [{"content_id": "1077218", "content_type": "product", "price": 10.5, "quantity": 2}],
            "content_ids": ["1077218"],
            "content_type": "product",
            "value": 21,
            "currency": "USD",
            "order_id": "order-1",
        },
    }


@pytest.fixture
def track(client: FlaskClient) -> Callable[..., dict[str, Any]]:
    """Posts items as a server does and returns TikTok's answer; keyword arguments replace fields of the request."""

    def post(*items: Any, token: str = TOKEN, **fields: Any) -> dict[str, Any]:
        body = {"event_source": "web", "event_source_id": PIXEL, "data": list(items), **fields}
        answer = client.post("/open_api/v1.3/event/track/", json=body, headers={"Access-Token": token})
        assert answer.status_code == 200
        return answer.get_json()

    return post


@pytest.fixture
def tell_pixel(client: FlaskClient) -> Callable[..., Any]:
    """Posts an event as the script in a browser does."""

    def post(event: str = "PlaceAnOrder", event_id: str = "order-1", code: str = PIXEL, **fields: Any) -> Any:
        body = {
            "event": event,
            "event_id": event_id,
            "properties": {},
            "context": {"pixel": {"code": code}, "user": {}},
            **fields,
        }
        return client.post("/api/v2/pixel", json=body)

    return post


@pytest.fixture
def received(client: FlaskClient) -> Callable[[], dict[str, Any]]:
    return lambda: client.get("/sandbox/received").get_json()
