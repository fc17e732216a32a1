"""Reports coming in: from browsers one by one, and from back ends in batches of 1,000; each beside the bare route."""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench import servers, wrk
from bench.rows import Row
from bench.servers import Bare, Proxy

CONNECTIONS = (1, 8, 32, 128, 256)
WARM_CONNECTIONS = 8
BATCH = 1_000
SERVERS = ("waitress", "granian")
RELAY_CONNECTIONS = (2, 8)

Rates = dict[str, dict[int, list[wrk.Load]]]


def accepted(rounds: int, seconds: float) -> list[Row]:
    """Accepted reports/s at its best concurrency, and the tail at 32 connections, against the bare route's."""
    loads: Rates = defaultdict(lambda: defaultdict(list))
    sound = True
    for _ in range(rounds):
        for name, starter in _contenders().items():
            with starter as server:
                warm = wrk.reports(server.url, WARM_CONNECTIONS, 1.0)  # imports, caches, first connections
                runs = {connections: _measure(server, connections, seconds) for connections in CONNECTIONS}
                sound &= _is_sound(server, [warm, *runs.values()], WARM_CONNECTIONS + sum(CONNECTIONS))
            for connections, load in runs.items():
                loads[name][connections].append(load)
    return [row for name in loads if name.startswith("serve") for row in _against_bare(name, loads, rounds, sound)]


def _contenders() -> dict[str, AbstractContextManager[Any]]:
    """In the order in which each round takes them; a fresh process and a fresh outbox every time."""
    return {
        "bare gunicorn": servers.bare_gunicorn(),
        "serve waitress": servers.proxy("waitress"),
        "bare waitress": servers.bare_waitress(),
        "serve granian": servers.proxy("granian"),
        "bare granian": servers.bare_granian(),
    }


def _measure(server: Bare | Proxy, connections: int, seconds: float) -> wrk.Load:
    load = wrk.reports(server.url, connections, seconds)
    if isinstance(server, Proxy):
        server.drain()  # the next run does not pay for this one's deliveries
    return load


def _is_sound(server: Bare | Proxy, loads: Sequence[wrk.Load], connections: int, each: int = 1) -> bool:
    """Was nothing refused, and is every accepted event stored and no other?

    wrk hangs up in the end of a run, so one request of each connection may be stored that it never saw answered.
    """
    if any(load.refused + load.broken for load in loads):
        return False
    accepted = sum(load.accepted for load in loads)
    return not isinstance(server, Proxy) or accepted * each <= server.count() <= (accepted + connections) * each


def _against_bare(name: str, loads: Rates, rounds: int, sound: bool) -> list[Row]:
    rates, tails = [], []
    for number in range(rounds):
        best = {who: max(each[number].rate for each in mine.values()) for who, mine in loads.items()}
        rates.append(best[name] / best["bare gunicorn"])
        tails.append(loads[name][32][number].p99_ms / loads["bare gunicorn"][32][number].p99_ms)
    server = name.removeprefix("serve ")
    table = {who: _table(mine) for who, mine in loads.items() if who == name or who.startswith("bare")}
    return [
        Row(f"accepted {server}", "accepted reports/s / bare route's", "ratio", 1.0, rates, sound=sound, details=table),
        Row(f"p99 {server}", "p99 at 32 connections / bare route's", "ratio", 2.0, tails, most=True, sound=sound),
    ]


def _table(mine: dict[int, list[wrk.Load]]) -> dict[str, dict[str, list[float]]]:
    return {
        str(connections): {
            "per_second": [round(load.rate) for load in each],
            "p99_ms": [round(load.p99_ms, 1) for load in each],
            "refused": [load.refused for load in each],
        }
        for connections, each in mine.items()
    }


def relay(rounds: int, seconds: float) -> list[Row]:
    """Accepted events/s by the relay in batches of 1,000, on both servers, against the bare route's requests/s."""
    ratios: dict[str, list[float]] = defaultdict(list)
    details: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    sound = dict.fromkeys(SERVERS, True)
    with servers.folder() as folder:
        template = folder / "batch.json"
        template.write_text(json.dumps(_batch(), separators=(",", ":")))
        for _ in range(rounds):
            with servers.bare_gunicorn() as bare:
                wrk.reports(bare.url, WARM_CONNECTIONS, 1.0)
                baseline = max(wrk.reports(bare.url, connections, seconds).rate for connections in (32, 128))
            for server in SERVERS:
                with servers.proxy(server) as proxy:
                    best, stored = _relay_best(proxy, template, seconds)
                sound[server] &= stored
                ratios[server].append(best / baseline)
                details[server]["events_per_second"].append(round(best))
                details[server]["bare_per_second"].append(round(baseline))
    what = f"relay's events/s in batches of {BATCH:,} / bare route's requests/s"
    return [
        Row(f"relay {one}", what, "ratio", 5.0, ratios[one], sound=sound[one], details=dict(details[one]))
        for one in SERVERS
    ]


def _relay_best(proxy: Proxy, template: Path, seconds: float) -> tuple[float, bool]:
    loads = [
        wrk.batches(proxy.relay, connections, seconds, template, servers.API_KEY) for connections in RELAY_CONNECTIONS
    ]
    best = BATCH * max(load.rate for load in loads)
    return best, best > 0 and _is_sound(proxy, loads, sum(RELAY_CONNECTIONS), BATCH)


def _batch() -> dict[str, Any]:
    """A back end's batch in TikTok's shape: four kinds of events, one of them orders."""
    names = ("ViewContent", "AddToCart", "InitiateCheckout", "Purchase")
    items = [_item(names[number % len(names)], number) for number in range(BATCH)]
    return {"event_source": "web", "event_source_id": servers.PIXEL, "data": items}


def _item(event: str, number: int) -> dict[str, Any]:
    item = {"content_id": "1077218", "content_type": "product", "content_name": "Shirt", "price": 120, "quantity": 1}
    properties = {"contents": [item], "content_type": "product", "value": 120, "currency": "MAD"}
    if event == "Purchase":
        properties["order_id"] = f"@@-{number}"
    return {
        "event": event,
        "event_id": f"@@-{number}",
        "user": {
            "email": f"{number:064x}",
            "external_id": f"{number + BATCH:064x}",
            "ip": "8.8.8.8",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
        },
        "page": {"url": "https://127.0.0.1/products/linen-shirt"},
        "properties": properties,
    }
