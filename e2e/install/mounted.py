"""A shop's web server with the proxy mounted under ``/t``, as the page's rules for nginx and Caddy do it."""

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from flask import Flask, request
from werkzeug import Response

from e2e.passing_on import pass_on
from e2e.serving import serve


@contextmanager
def mounted(shop: str, proxy: str) -> Iterator[str]:
    """Serves ``proxy`` under ``/t`` and ``shop`` everywhere else; gives the address of both."""
    app = Flask("mounted", static_folder=None)
    with urllib3.PoolManager(maxsize=20) as pool:

        @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
        @app.route("/<path:path>", methods=["GET", "POST"])
        def passed(path: str) -> Response:
            return pass_on(pool, proxy if path.startswith("t/") else shop, request)

        with serve(app) as url:
            yield url
