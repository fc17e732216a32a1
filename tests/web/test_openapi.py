"""``/t/openapi.json`` against the doors it describes: good and bad requests made from it by schemathesis.

In one process, without a socket, over a real outbox. Each run prints its seed; HYPOTHESIS_SEED runs another one.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from proxy.web.openapi import describe
from tests.web.conftest import BROWSER, SHOP, Shop

SEED = int(os.environ.get("HYPOTHESIS_SEED", "20261126"))
SHORT, LONG = 60, 1_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOORS = [(path, method) for path, methods in describe("/t")["paths"].items() for method in methods]
# What must have been seen among the answers, or the requests never came past the first guard.
EXPECTED = {
    ("/t/tag.js", "get"): {200, 404},
    ("/t/e", "post"): {202, 400},
    ("/t/open_api/v1.3/event/track/", "post"): {200, 400, 404},
}
# What no schema can know of the site behind it: its own pixel, and one that it has not.
PIXELS = st.sampled_from([SHOP["PIXELPAIR_PIXEL_CODE"], "C4EXAMPLE0PIXEL0CODE"])

# What the description says nothing of must change nothing.
noise = st.dictionaries(st.text("abcdefghij", min_size=2, max_size=8), st.text(max_size=20), max_size=3)
line = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40).map(
    str.strip
)


def headers_for(shop: Shop, odd: str) -> dict[str, str]:
    """Those of a page of the shop and its back end at once; the address is nobody's, so that no rate is reached."""
    page = {name: value for name, value in BROWSER.items() if name not in ("Content-Type", "X-Forwarded-For")}
    return {**page, "Access-Token": SHOP["PIXELPAIR_API_KEYS"], "Cookie": odd, "X-Odd": odd, "Referer": odd}


def orders(pixel: str) -> dict[str, Any]:
    """One that is good, and one to be repaired with a warning."""
    data = [{"event": "Purchase", "event_id": "one"}, {"event": "Contact", "event_time": 1}]
    return {"event_source": "web", "event_source_id": pixel, "data": data}


@pytest.mark.parametrize(("path", "method"), DOORS)
def test_every_door_does_what_is_written(shop: Shop, path: str, method: str, is_long: bool) -> None:
    operation = schemathesis.openapi.from_wsgi("/t/openapi.json", shop.app)[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if list(operation.iter_parameters()) or operation.body:
        cases = cases | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    if path.endswith("/track/"):
        cases = cases | PIXELS.flatmap(lambda pixel: operation.as_strategy(body=orders(pixel)))
    seen: Counter[int] = Counter()
    count = LONG if is_long else SHORT

    @seed(SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, query=noise, odd=line)
    def ask(case: Any, query: dict[str, str], odd: str) -> None:
        case.query = {**(case.query or {}), **query}
        answer = case.call_and_validate(headers=headers_for(shop, odd), checks=CHECKS)
        seen[int(answer.status_code)] += 1

    ask()
    print(f"{method} {path}, seed {SEED}: {dict(seen)}")
    assert seen.total() >= count
    assert seen.keys() >= EXPECTED.get((path, method), set())


def test_every_public_address_is_described(shop: Shop) -> None:
    served = {(rule.rule, method.lower()) for rule in shop.app.url_map.iter_rules() for method in rule.methods or ()}
    served = {(rule.translate(str.maketrans("<>", "{}")), method) for rule, method in served}
    assert {path for path, _ in served} == {path for path, _ in DOORS}
    assert set(DOORS) <= served


def test_the_mount_of_the_settings_is_the_documents(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(PIXELPAIR_MOUNT="/metrics/of-ours")
    told = shop.client.get("/metrics/of-ours/openapi.json").json
    assert all(path.startswith("/metrics/of-ours/") for path in told["paths"])


@pytest.mark.parametrize("secret", ["COQDA8RC77U2TMR44LI0", "the-shops-key", "tiktoks-token", "shop.example"])
def test_the_description_tells_nothing_of_this_shop(shop: Shop, secret: str) -> None:
    assert secret not in shop.client.get("/t/openapi.json").text
