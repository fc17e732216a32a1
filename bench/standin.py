"""TikTok for the bench: answers every batch with code 0 after a fixed time and remembers when each event_id came.

The product's own sandbox judges every item as TikTok would and is the bottleneck at 10,000 events/s; this one only
looks for the ids. ``python -m bench.standin PORT SECONDS``; ``GET /`` shows what came, ``DELETE /`` forgets it.
"""

import asyncio
import json
import re
import sys
import time

EVENT_ID = re.compile(rb'"event_id":"([^"]+)"')
OK = b'{"code":0,"message":"OK","request_id":"20260101000000BENCH","data":{}}'


class StandIn:
    """One asyncio server; waiting costs nothing, so any number of calls may be under way."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.requests: list[dict[str, float]] = []
        self.ids: dict[str, list[float]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(_length(head))
                writer.write(_http(await self.answer(head.split(b" ", 1)[0], body)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, method: bytes, body: bytes) -> bytes:
        """The body of the answer to one request."""
        if method == b"GET":
            return json.dumps({"requests": self.requests, "ids": self.ids}).encode()
        if method == b"DELETE":
            self.requests, self.ids = [], {}
            return b"{}"
        came = time.time()
        found = EVENT_ID.findall(body)
        for name in found:
            self.ids.setdefault(name.decode(), []).append(came)
        await asyncio.sleep(self.seconds - (time.time() - came))
        self.requests.append({"came": came, "answered": time.time(), "events": len(found)})
        return OK


def _length(head: bytes) -> int:
    found = re.search(rb"content-length: *(\d+)", head.lower())
    return int(found[1]) if found else 0


def _http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def main(port: int, seconds: float) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(StandIn(seconds).serve, "127.0.0.1", port, limit=2**20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
