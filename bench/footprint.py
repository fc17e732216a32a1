"""What an idle ``serve`` takes of the machine's memory."""

import time

import requests

from bench import machine, servers
from bench.rows import Row

SETTLE_SECONDS = 5.0


def memory(rounds: int) -> list[Row]:
    """Resident memory, after every door and page was opened once."""
    found: list[float] = []
    for _ in range(rounds):
        with servers.proxy() as proxy:
            requests.get(proxy.url.removesuffix("/e") + "/tag.js", timeout=20)
            headers = {"Content-Type": "text/plain", "Origin": "http://127.0.0.1"}
            report = {"v": 1, "event": "ViewContent", "view": "mfabc123" + "a" * 16, "n": 1, "pixel": "sent"}
            requests.post(proxy.url, json=report, headers=headers, timeout=20).raise_for_status()
            proxy.drain()
            time.sleep(SETTLE_SECONDS)
            found.append(machine.memory_mib(proxy.pid))
    return [Row("memory", "resident memory of an idle serve", "MiB", 120, found, most=True)]
