"""The threats of the security reference, each with its sharpest cases, against the doors of a real outbox."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.threats.operator_door import Browser, Door, open_door
from tests.web.conftest import BROWSER, Shop, event, open_shop, shop

__all__ = ["event", "open_shop", "shop"]

Raw = Callable[..., Any]


@pytest.fixture
def chance() -> random.Random:
    """Chance whose seed is printed, and shown when a test fails."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed: {seed}")
    return random.Random(seed)


@pytest.fixture
def raw() -> Raw:
    """A request whose header lines are exactly these, as a server hands them over: no client tidies them up."""

    def send(shop: Shop, body: Any, path: str = "/t/e", method: str = "POST", **headers: str | None) -> Any:
        lines: dict[str, str | None] = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
        environ: dict[str, Any] = {}
        for name, value in lines.items():
            key = name.upper().replace("-", "_")
            key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
            if value is not None:
                environ[key] = value
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return shop.client.open(path, method=method, data=data, environ_overrides=environ)

    return send


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """The operator's pages behind a password."""
    with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
def person(door: Door) -> Browser:
    """Somebody's browser at that door."""
    return door.browser()
