"""A shop's web server with the proxy mounted under ``/t``, as the page's rules for nginx and Caddy do it."""

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from flask import Flask, Response, request

from e2e.tag.recorder import serve

# They concern one connection only (RFC 9110, section 7.6.1); the length is that of the new body.
_OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@contextmanager
def mounted(shop: str, proxy: str) -> Iterator[str]:
    """Serves ``proxy`` under ``/t`` and ``shop`` everywhere else; gives the address of both."""
    app = Flask("mounted", static_folder=None)
    with urllib3.PoolManager(maxsize=20) as pool:

        @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
        @app.route("/<path:path>", methods=["GET", "POST"])
        def passed(path: str) -> Response:
            answer = pool.request(
                request.method,
                (proxy if path.startswith("t/") else shop) + request.environ["REQUEST_URI"],
                body=request.get_data(),
                headers={name: value for name, value in request.headers if name.lower() not in _OWN},
                redirect=False,
                retries=False,
                decode_content=False,
            )
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
            return Response(answer.data, answer.status, kept)

        with serve(app) as url:
            yield url
