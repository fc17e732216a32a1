"""``/t/openapi.json`` against the doors it describes: good and bad requests made from it by schemathesis.

In one process, without a socket, over a real outbox. Each run prints its seed; HYPOTHESIS_SEED runs another one.
"""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
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

from proxy.web import create_app
from proxy.web.openapi import describe
from tests.web.conftest import BROWSER, SHOP, Shop

SEED = int(os.environ.get("HYPOTHESIS_SEED", "20261126"))
SHORT, LONG = 60, 1_000
AS_WRITTEN = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHECKS = [not_a_server_error, *AS_WRITTEN]
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


KEY = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"]}
JSON = {"Content-Type": "application/json"}
RELAY = "/t/open_api/v1.3/event/track/"
REPORT = {"event": "ViewContent", "view": "a" * 24, "n": 0}


def busy(shop: Shop, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    """Another program holds the outbox."""
    patch.setattr("proxy.outbox.sqlite.BUSY_MS", 50)
    stranger = stack.enter_context(closing(sqlite3.connect(shop.database, isolation_level=None)))
    stranger.execute("BEGIN EXCLUSIVE")


def unreadable(shop: Shop, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    """The outbox's file holds nonsense."""
    for path in shop.database.parent.glob("outbox.db*"):
        path.write_bytes(b"no database" * 10_000)


def keeper_is_silent(shop: Shop, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    """The process should deliver, and does not."""
    client = create_app(replace(shop.doors, keeper_here=True)).test_client(use_cookies=False)
    patch.setattr(shop, "client", client)


def flooded(shop: Shop, patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    """The address of BROWSER has sent as much as it may."""
    site = next(iter(shop.doors.settings.sites.values()))
    assert shop.doors.rates.admit(site, BROWSER["X-Forwarded-For"], shop.doors.settings.reports_per_minute)


# One request for each status that the description promises: path, method, status; body, headers, state of the proxy.
PROMISED: list[tuple[str, str, int, Any, dict[str, str], Any]] = [
    ("/t/tag.js", "get", 200, None, {}, None),
    ("/t/tag.js?site=nosuch", "get", 404, None, {}, None),
    ("/t/tag.js", "get", 304, None, {"If-None-Match": "*"}, None),
    ("/t/tag.{version}.js", "get", 200, None, {}, None),
    ("/t/tag.{version}.js", "get", 304, None, {"If-None-Match": "*"}, None),
    ("/t/tag.{version}.js", "get", 404, None, {}, None),
    ("/t/tag.json", "get", 200, None, {}, None),
    ("/t/tag.json?site=nosuch", "get", 404, None, {}, None),
    ("/t/debug.js", "get", 200, None, {}, None),
    ("/t/debug.js", "get", 304, None, {"If-None-Match": "*"}, None),
    ("/t/e", "delete", 204, None, BROWSER, None),
    ("/t/e", "delete", 403, None, {**BROWSER, "Origin": "https://stranger.example"}, None),
    ("/t/e?site=nosuch", "delete", 404, None, BROWSER, None),
    ("/t/e", "options", 204, None, {}, None),
    ("/t/e", "post", 202, REPORT, BROWSER, None),
    ("/t/e", "post", 400, {}, BROWSER, None),
    ("/t/e", "post", 403, REPORT, {**BROWSER, "Origin": "https://stranger.example"}, None),
    ("/t/e", "post", 404, {**REPORT, "site": "nosuch"}, BROWSER, None),
    ("/t/e", "post", 413, {**REPORT, "properties": "x" * 70_000}, BROWSER, None),
    ("/t/e", "post", 415, REPORT, {**BROWSER, "Content-Type": "text/html"}, None),
    ("/t/e", "post", 429, REPORT, BROWSER, flooded),
    ("/t/e", "post", 503, REPORT, BROWSER, busy),
    (RELAY, "post", 200, orders(SHOP["PIXELPAIR_PIXEL_CODE"]), {**KEY, **JSON}, None),
    (RELAY, "post", 400, {"data": [{"event": "No such"}]}, {**KEY, **JSON}, None),
    (RELAY, "post", 401, orders("C4EXAMPLE0PIXEL0CODE"), JSON, None),
    (RELAY, "post", 404, orders("C4EXAMPLE0PIXEL0CODE"), {**KEY, **JSON}, None),
    (RELAY, "post", 413, "x" * (4 * 2**20 + 1), {**KEY, **JSON}, None),
    (RELAY, "post", 415, {}, {**KEY, "Content-Type": "text/html"}, None),
    (RELAY, "post", 503, orders(SHOP["PIXELPAIR_PIXEL_CODE"]), {**KEY, **JSON}, busy),
    ("/t/tickets", "post", 200, {"event": "Purchase", "key": "k"}, {**KEY, **JSON}, None),
    ("/t/tickets", "post", 400, {"event": "No such", "value": "x"}, {**KEY, **JSON}, None),
    ("/t/tickets", "post", 401, {}, JSON, None),
    ("/t/tickets", "post", 413, "x" * 17_000, {**KEY, **JSON}, None),
    ("/t/tickets", "post", 415, {}, {**KEY, "Content-Type": "text/html"}, None),
    ("/t/tickets", "post", 503, {"event": "Purchase", "key": "k"}, {**KEY, **JSON}, unreadable),
    ("/t/healthz", "get", 200, None, {}, None),
    ("/t/healthz", "get", 503, None, {}, keeper_is_silent),
    ("/t/readyz", "get", 200, None, {}, None),
    ("/t/readyz", "get", 503, None, {}, busy),
    ("/t/openapi.json", "get", 200, None, {}, None),
]


@pytest.mark.parametrize(
    ("path", "method", "status", "body", "headers", "state"),
    PROMISED,
    ids=lambda part: getattr(part, "__name__", str(part)[:40]),
)
def test_every_status_that_is_written_is_answered_as_written(
    path: str,
    method: str,
    status: int,
    body: Any,
    headers: dict[str, str],
    state: Callable[[Shop, pytest.MonkeyPatch, ExitStack], None] | None,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = path.partition("?")[0]
    operation = schemathesis.openapi.from_wsgi("/t/openapi.json", shop.app)[bare][method]
    with ExitStack() as stack:
        if state is not None:
            state(shop, monkeypatch, stack)
        data = None if body is None else body if isinstance(body, str) else json.dumps(body)
        if status != 404:
            path = path.replace("{version}", shop.client.get("/t/tag.json").json["src"].split(".")[1])
        answer = shop.client.open(path, method=method.upper(), data=data, headers=headers)
    assert answer.status_code == status
    operation.Case(media_type=headers.get("Content-Type")).validate_response(answer, checks=AS_WRITTEN)


def test_no_status_is_written_that_no_request_gets() -> None:
    promised = {
        (path, method, int(status))
        for path, methods in describe("/t")["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }
    assert promised == {(path.partition("?")[0], method, status) for path, method, status, *_ in PROMISED}


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
