"""The baseline: a Flask route that stores nothing. gunicorn takes ``app``.

Run as a module it is on one of our servers, set up as ``serve`` sets it up: ``waitress PORT``, or ``granian PORT
WORKERS``, or one of the latter's workers.
"""

import os
import sys
import threading

from flask import Flask, Response

app = Flask(__name__)


@app.post("/t/e")
def nothing() -> Response:
    """Answer as a tracker does that keeps nothing."""
    return Response(status=204)


def _on_waitress(port: int) -> None:
    from proxy.serving import Server

    Server(app, "127.0.0.1", port).start()
    threading.Event().wait()


def _on_granian(port: int, count: int) -> None:
    from proxy.cli.ending import End
    from proxy.serving.workers import Workers, listen

    end = End()
    workers = Workers("bench.bare", None, listen("127.0.0.1", port), count, lambda: None, end.fail)
    workers.start()
    end.wait()
    workers.stop()


def _worker() -> None:
    from proxy.cli.ending import End
    from proxy.serving import on_granian
    from proxy.serving.workers import Parent

    end = End()
    parent = Parent()
    on_granian.run(app, parent.listener, parent.tell, end.wait)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "waitress":
        _on_waitress(int(sys.argv[2]))
    elif sys.argv[1] == "granian":
        _on_granian(int(sys.argv[2]), int(sys.argv[3]))
    else:
        _worker()
