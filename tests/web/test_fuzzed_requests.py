"""Whatever is posted to either door: never a 5xx, what is accepted reads back, and what is refused leaves nothing.

1,000 requests to each door, 10,000 with --long. Each run prints its seed; HYPOTHESIS_SEED runs another one.
"""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from proxy.events.names import STANDARD
from tests.rows import all_rows
from tests.web.conftest import NOW, SHOP, Shop

SEED = int(os.environ.get("HYPOTHESIS_SEED", "20261126"))
SHORT, LONG = 1_000, 10_000
RELAY = "/t/open_api/v1.3/event/track/"
VIEW = "mfabc123" + "a" * 16

REPORT: dict[str, Any] = {
    "v": 1,
    "event": "ViewContent",
    "view": VIEW,
    "n": 1,
    "key": "order-1",
    "placed": NOW // 1000,
    "time": NOW - 1_000,
    "sent": NOW,
    "url": "https://shop.example/shirt?ttclid=E.C.P.abcdefgh",
    "referrer": "https://shop.example/",
    "properties": {"value": 120, "currency": "MAD", "order_id": 7, "contents": [{"content_id": "1", "quantity": 2}]},
    "ttclid": "E.C.P.abcdefgh",
    "ttp": "01HZX" + "a" * 22,
    "user": {"email": "amina@shop.example", "phone": "+212612345678", "external_id": ["1", "2"], "zip_code": "20000"},
    "consent": "granted",
    "ticket": "eyJ9.aaaa.bbbb",
    "pixel": "sent",
    "retry": 1,
}
TRACK: dict[str, Any] = {
    "event_source": "web",
    "event_source_id": SHOP["PIXELPAIR_PIXEL_CODE"],
    "data": [
        {
            "event": "Purchase",
            "event_id": "order-1",
            "event_time": NOW // 1000,
            "user": {
                "email": "amina@shop.example",
                "ip": "8.8.8.8",
                "user_agent": "Firefox",
                "ttclid": "E.C.P.abcdefg",
            },
            "page": {"url": "https://shop.example/thanks", "referrer": "https://shop.example/"},
            "properties": {"value": "349.00", "currency": "mad", "contents": [{"content_id": "1", "price": 349}]},
            "limited_data_use": False,
        },
        {"event": "Contact"},
    ],
}

# Text that stores, databases, databases' drivers and other people's parsers have choked on.
odd_text = st.text(max_size=30) | st.sampled_from(
    [
        *(
            "",
            " ",
            "\0",
            "a\0b",
            "\ud800",
            "\udfff\ud800",
            "\U0010ffff",
            "\u2028",
            "\u202e",
            "\ufeff",
            "\x1b[2J",
            "\r\n",
        ),
        *("NaN", "1e999", "-1", "١٢٣", "0x10", "null", "undefined", "__proto__", "<_ttp>", "__CLICKID__", "a@b@c"),
        *("javascript:alert(1)", "https://", "https://[::1", "http://\ud83d", "//x", "https://x:99999/", "a" * 5_000),
        *("' OR 1=1 --", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "%00", "%s%n", "../../etc/passwd"),
        *("Purchase", "purchase", "MAD", "EUR", "+212612345678", "٠٦١٢٣٤٥٦٧٨", "amina@shop.example"),
    ]
)
odd_number = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**53, 2**53 - 1, -(2**63), 2**63, 2**64, 10**400, -1, -0.0, 1e308, 5e-324, 0.1 + 0.2])
)
leaf = st.none() | st.booleans() | odd_number | odd_text
any_json = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_text, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int) -> Any:
    told: Any = {}
    for _ in range(depth):
        told = {"a": [told]}
    return told


odd_value = any_json | st.integers(1, 300).map(nested)


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """``good`` with a few of its values replaced, removed or joined by strangers, at any depth."""
    chance = draw(st.sampled_from(range(40)))
    if chance == 7:
        return draw(odd_value)
    if isinstance(good, dict):
        told = {name: draw(changed(value)) for name, value in good.items()}
        if chance == 8:
            told.pop(draw(st.sampled_from(sorted(told))))
        return told | (draw(st.dictionaries(odd_text, leaf, max_size=1)) if chance < 7 else {})
    return [draw(changed(value)) for value in good] if isinstance(good, list) else good


@st.composite
def encoded(draw: st.DrawFn, told: st.SearchStrategy[Any]) -> bytes:
    """JSON as this or that program writes it: escaped or not, sloppy, in other encodings, with a name told twice."""
    escape = draw(st.booleans())
    text = json.dumps(draw(told), ensure_ascii=escape)
    spoil = draw(st.integers(0, 19))
    if spoil == 0:
        text = text.replace("{", '{"event":"Contact","event":"Contact",', 1)
    elif spoil == 1:
        text = text[: draw(st.integers(0, len(text)))]
    elif spoil == 2:
        text += draw(st.sampled_from([",", "//x", "/**/", "\0", "{}", "\ufeff"]))
    return text.encode(draw(st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-16"])), "surrogatepass")


def requests_like(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    near = changed(good)
    return st.one_of(
        st.binary(max_size=200),
        encoded(any_json),
        encoded(near),
        encoded(near),
        encoded(st.lists(near, min_size=1, max_size=4)),
    )


class Watcher:
    """Looks at the outbox's file from outside: has anything at all been written?"""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.connection = sqlite3.connect(shop.database, isolation_level=None)

    def version(self) -> int:
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def take_rows(self) -> list[Any]:
        """Everything stored, and the outbox emptied."""
        rows = all_rows(self._shop.outbox)
        with self._shop.outbox.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")
        return rows


@pytest.fixture
def watcher(shop: Shop) -> Iterator[Watcher]:
    made = Watcher(shop)
    with closing(made.connection):
        yield made


def told_ids(answer: Any) -> set[str]:
    """The ids that an answer of either door says are stored."""
    told = answer.json
    if answer.request.path == RELAY:
        return set(told["data"]["event_ids"]) if told["code"] == 0 else set()
    return {one["event_id"] for one in (told if isinstance(told, list) else [told]) if "event_id" in one}


def fuzz(
    good: dict[str, Any], most: int, post: Callable[[bytes], Any], watcher: Watcher, is_long: bool
) -> Counter[int]:
    """Post what comes; the answers by status, of which those with anything stored count as 0 as well."""
    seen: Counter[int] = Counter()
    whole = json.dumps(good).encode()
    count = LONG if is_long else SHORT

    @seed(SEED)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @example(body=whole.ljust(most - 1))
    @example(body=whole.ljust(most))
    @example(body=whole.ljust(most + 1))
    @example(body=b"[" * 100_000)
    @example(body=b'{"a":' * 10_000)
    @example(body=b"1" * 5_000)
    @example(body=b"")
    @given(body=requests_like(good))
    def send(body: bytes) -> None:
        before = watcher.version()
        answer = post(body)
        seen[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        ids = told_ids(answer)
        rows = watcher.take_rows() if watcher.version() != before else []
        assert {row.event_id for row in rows} == ids
        for row in rows:
            item = json.loads(row.body)
            assert (item["event"], item["event_id"]) == (row.event, row.event_id)
            assert item["event"] in STANDARD
            assert "\0" not in row.body
            assert json.dumps(item, allow_nan=False, ensure_ascii=False).encode()
        seen[0] += bool(rows)
        if answer.status_code >= 400:
            assert not ids
            # The mistake is named, and nothing of the inside.
            assert "Traceback" not in answer.text
            assert answer.content_type == "application/json"

    send()
    print(f"seed {SEED}: {dict(seen)}")
    return seen


def test_fuzzed_reports(shop: Shop, watcher: Watcher, is_long: bool) -> None:
    def post(body: bytes) -> Any:
        return shop.post(body, X_Forwarded_For=None)  # no address, so no rate

    seen = fuzz(REPORT, 64 * 1024, post, watcher, is_long)
    assert seen.keys() >= {0, 202, 400, 413}
    assert min(seen[0], seen[400]) > SHORT // 10


def test_fuzzed_requests_of_back_ends(shop: Shop, watcher: Watcher, is_long: bool) -> None:
    def post(body: bytes) -> Any:
        headers = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"], "Content-Type": "application/json"}
        return shop.client.post(RELAY, headers=headers, data=body)

    seen = fuzz(TRACK, 4 * 1024 * 1024, post, watcher, is_long)
    assert seen.keys() >= {0, 200, 400, 413}
    assert min(seen[0], seen[400]) > SHORT // 10
