"""A shop's own server: pages from a folder, the proxy under ``/t``, and an answer for what other trackers send.

``python -m bench.shopfront PORT FOLDER PROXY``.
"""

import sys
import threading

import urllib3
from flask import Flask, Response, request, send_from_directory

# They concern one connection only (RFC 9110, section 7.6.1); the length is that of the new body.
OWN = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


def create_app(folder: str, proxy: str) -> Flask:
    """The shop at one address; what is asked below ``/t`` comes from ``proxy``."""
    app = Flask(__name__, static_folder=None)
    pool = urllib3.PoolManager(maxsize=20)

    @app.route("/t/<path:path>", methods=["GET", "POST"])
    def forward(path: str) -> Response:  # noqa: ARG001 - the query counts too
        answer = pool.request(
            request.method,
            proxy + request.environ["REQUEST_URI"],
            body=request.get_data(),
            headers={name: value for name, value in request.headers if name.lower() not in OWN},
            redirect=False,
            retries=False,
            decode_content=False,
        )
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in OWN]
        return Response(answer.data, answer.status, kept)

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
