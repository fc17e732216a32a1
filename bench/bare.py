"""The baseline: a Flask route that stores nothing. gunicorn takes ``app``; run as a module it is on waitress."""

import sys
import threading

from flask import Flask, Response

app = Flask(__name__)


@app.post("/t/e")
def nothing() -> Response:
    """Answer as a tracker does that keeps nothing."""
    return Response(status=204)


if __name__ == "__main__":
    from proxy.serving import Server

    Server(app, "127.0.0.1", int(sys.argv[1])).start()
    threading.Event().wait()
