"""What the doors refuse or mark is counted by a word of ours, and none of it makes the disk work."""

from collections.abc import Callable
from typing import Any

from proxy.outbox.tally import Tally
from tests.web.conftest import NOW, Shop

RELAY = "/t/open_api/v1.3/event/track/"
Event = Callable[..., dict[str, Any]]


def test_each_reason_is_counted(open_shop: Callable[..., Shop], event: Event) -> None:
    shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="9", PIXELPAIR_REQUIRE_TICKET="Subscribe")
    shop.post(event(), Origin="https://evil.example")
    shop.post(event(), Origin="https://evil.example")
    shop.post(event(site="nowhere"))
    shop.post("x" * 70_000)
    shop.post(event(), Content_Type="text/html")
    shop.post("{")
    shop.post([event(event="Nonsense"), event(view="short"), event(n=1)])
    shop.post(event(n=2), User_Agent="curl/8")
    shop.post(event(n=3, event="Subscribe", ticket="a.b.c"))
    shop.post([event(n=number) for number in range(10)])
    shop.post({}, RELAY, Access_Token="wrong")
    shop.post({}, RELAY, Access_Token="the-shops-key", Content_Type="application/json")
    shop.client.get("/t/e")
    shop.client.get("/t/nowhere")
    assert shop.refused() == {
        "origin": 2,
        "unknown_site": 1,
        "too_large": 1,
        "unsupported_type": 1,
        "invalid_json": 1,
        "unknown_event": 1,
        "invalid": 2,
        "bot": 1,
        "ticket": 1,
        "no_ticket": 1,
        "too_many": 1,
        "token": 1,
    }


def test_a_flood_of_refused_reports_writes_nothing(shop: Shop, event: Event) -> None:
    def pages() -> tuple[int, int]:
        wal = shop.database.with_name(shop.database.name + "-wal")
        return shop.database.stat().st_size, wal.stat().st_size

    shop.commit.refused = Tally(shop.outbox, lambda: NOW, lambda: 0.0)  # no time passes
    before = pages()
    for _ in range(300):
        assert shop.post(event(), Origin="https://evil.example").status_code == 403
    assert pages() == before
    assert shop.refused() == {"origin": 300}
    assert pages() != before


def test_no_reason_is_a_strangers_word(shop: Shop, event: Event) -> None:
    for number in range(60):
        shop.post(event(event=f"Event{number}", site=None))
        shop.post({f"name{number}": 1})
        shop.post(event(site=f"site{number}"))
    assert set(shop.refused()) == {"unknown_event", "missing", "unknown_site"}
