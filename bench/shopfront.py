"""A shop's own server: pages from a folder, the proxy under ``/t``, and an answer for what other trackers send.

``python -m bench.shopfront PORT FOLDER PROXY``.
"""

import sys
import threading

import urllib3
from flask import Flask, request, send_from_directory
from werkzeug import Response

from e2e.passing_on import pass_on


def create_app(folder: str, proxy: str) -> Flask:
    """The shop at one address; what is asked below ``/t`` comes from ``proxy``."""
    app = Flask(__name__, static_folder=None)
    pool = urllib3.PoolManager(maxsize=20)

    @app.route("/t/<path:path>", methods=["GET", "POST"])
    def forward(path: str) -> Response:  # noqa: ARG001 - the query counts too
        return pass_on(pool, proxy, request)

    @app.get("/<path:path>")
    def page(path: str) -> Response:
        return send_from_directory(folder, path)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status=204)

    @app.post("/<path:path>")
    def collect(path: str) -> Response:  # noqa: ARG001
        return Response(status=202)

    return app


if __name__ == "__main__":
    from proxy.serving import Server

    Server(create_app(sys.argv[2], sys.argv[3]), "127.0.0.1", int(sys.argv[1])).start()
    threading.Event().wait()
