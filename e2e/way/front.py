"""A reverse proxy before the demo, as a shop has one: it tells the proxy behind it the shopper's public address."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

# They concern one connection only (RFC 9110, section 7.6.1); the length is that of the new body.
_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        pass


@contextmanager
def front(behind: str, address: str) -> Iterator[str]:
    """Serves what is at ``behind``, with ``address`` as the client's; gives its own base address."""
    with urllib3.PoolManager(maxsize=20) as pool:

        @Request.application
        def app(request: Request) -> Response:
            headers = {name: value for name, value in request.headers if name.lower() not in _OWN}
            answer = pool.request(
                request.method,
                behind + request.environ["REQUEST_URI"],
                body=request.get_data(),
                headers={**headers, "X-Forwarded-For": address},
                redirect=False,
                retries=False,
                decode_content=False,
            )
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
            return Response(answer.data, answer.status, kept)

        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
