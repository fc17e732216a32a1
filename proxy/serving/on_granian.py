"""One WSGI app on granian, in this process: what a worker does until it is told to stop.

granian's supervisor is not used: it gives each worker a listening socket of its own, so that a killed worker takes its
queue of connections with it, and it ends when a worker dies twice in a row. Its worker is; that is the same in all
of 2.8, and pyproject.toml asks for just that.

granian gives a request to a thread as soon as its head is there, and the thread waits for the body. So that slow
senders hold nobody up, there may be a thread for every connection.
"""

import asyncio
import io
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from granian._futures import _new_cbscheduler
from granian._granian import SocketHolder, WorkerSignal, WSGIWorker
from granian.http import HTTP1Settings

CONNECTIONS = 1_000  # of one worker; what comes beyond waits in the listening socket's queue
BACKLOG = 1_024
IDLE_SECONDS = 30
HEAD_SECONDS = 30
FINISH_SECONDS = 1.5
# A body larger than the doors take is read to its end, so that its sender gets the door's answer, not a reset.
MOST_READ = 64 * 1024 * 1024
CHUNK = 64 * 1024


def run(app: Any, listener: socket.socket, ready: Callable[[], None], wait: Callable[[], None]) -> None:
    """Answer what comes in at ``listener`` until ``wait`` returns; then finish, for ``FINISH_SECONDS`` at most.

    ``ready`` is called once connections are answered. Afterwards threads may still be at work, or wait for the body of
    a slow sender: end the process without waiting for them.
    """
    stop, stopped = WorkerSignal(), threading.Event()
    stop.add_cb(stopped.set)
    worker = WSGIWorker(
        1,
        (None, SocketHolder(listener.detach(), False, BACKLOG)),
        None,  # no metrics
        1,  # thread for the network
        1,  # and one for files, of which it serves none
        CONNECTIONS,  # threads at most
        IDLE_SECONDS,
        CONNECTIONS,
        "1",
        HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1_000),
        None,
        None,
        *(False, None, None, None, "tls1.3", None, [], False),  # no TLS
        (None, None),
    )
    loop = asyncio.new_event_loop()  # granian wants one; no WSGI app runs on it
    worker.serve_mtr(_new_cbscheduler(loop, _Answering(app), impl_asyncio=True), loop, stop)
    ready()
    wait()
    stop.set()
    stopped.wait(FINISH_SECONDS)
    loop.close()


class _Answering:
    """Calls a WSGI app for granian, whose own caller puts the process's environment, tokens and all, into requests."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._environ = {
            "SCRIPT_NAME": "",
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multiprocess": True,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.version": (1, 0),
        }

    def __call__(self, connection: Any, request: dict[str, Any]) -> int:
        said: list[Any] = []
        answer = self._app(self._environ | request, lambda status, headers, _=None: said.extend((status, headers)))
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        _read_off(request["wsgi.input"])
        status = int(said[0][:3])
        connection.response_bytes(status, said[1], body)
        return status


def _read_off(body: io.BytesIO) -> None:
    left = MOST_READ
    while left > 0 and (chunk := body.read(CHUNK)):
        left -= len(chunk)
