"""Connections that obey one deadline for a whole call, from the connect to the last byte of the reply.

``requests`` has no such deadline: its ``timeout`` starts anew with every byte that arrives, so a peer that drips one
byte every few seconds holds a call for hours, and one that stops reading holds it while sending. Here a timer shuts
the call's socket down when its time is up, which wakes whatever waits on it.

One step is out of reach: looking up the host's name cannot be interrupted, so there the resolver's own limits hold
(``man resolv.conf``). A lookup that outlasts the deadline ends the call before anything is sent.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError


def _any_address(_address: str) -> None:
    """Every address may be connected to."""


class Cutoff:
    """The deadline of one call. ``sent`` turns true before its first byte leaves, ``expired`` when time ran out.

    ``admit`` raises OSError for an IP address that the call must not connect to."""

    def __init__(self, seconds: float, admit: Callable[[str], None] = _any_address) -> None:
        self.admit = admit
        self.sent = False
        self.expired = False
        self._ends = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._over = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the call's deadline has passed")
        return seconds

    def watch(self, sock: socket.socket) -> None:
        """Take charge of the socket that is about to carry the request. Raises TimeoutError when it is too late."""
        sock.settimeout(self.left())
        with self._lock:
            if self.expired:
                raise TimeoutError("the call's deadline has passed")
            self._socket = sock
            self.sent = True

    def finish(self) -> None:
        """The call is over: from here on the timer leaves the socket alone, which may serve the next call."""
        with self._lock:
            self._over = True
        self._timer.cancel()

    def _cut(self) -> None:
        with self._lock:
            if self._over:
                return
            self.expired = True
            if self._socket is None:
                return
            with suppress(OSError):  # the peer may have been faster
                # Not sock.shutdown(): an SSLSocket's own drops its encryption first, and another thread may be in
                # the middle of sending a token through it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_under_way: ContextVar[Cutoff] = ContextVar("_under_way")


@contextmanager
def cutoff(seconds: float, admit: Callable[[str], None] = _any_address) -> Iterator[Cutoff]:
    """Every call that this thread makes inside, over a pool of this module, ends within ``seconds``.

    ``admit`` judges each address that a name leads to, just before that very address is connected to: a name that is
    looked up twice may lead elsewhere the second time.
    """
    call = Cutoff(seconds, admit)
    token = _under_way.set(call)
    try:
        yield call
    finally:
        _under_way.reset(token)
        call.finish()


if TYPE_CHECKING:
    _Base = HTTPConnection
else:
    _Base = object


class _Watched(_Base):
    """What both connections below do differently from urllib3's."""

    connect_timeout = 3.0  # for each address, so that a dead one leaves time for the next

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, within the call's deadline and not one ``timeout`` an address."""
        call = _under_way.get()
        failure: OSError = OSError("the host has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                call.admit(str(address[0]))
                sock.settimeout(min(self.connect_timeout, call.left()))
                sock.connect(address)
                sock.settimeout(call.left())  # holds for a TLS handshake as a whole
                return sock
            except OSError as error:
                sock.close()
                failure = error
        # Not the bare error: urllib3 passes over a reset while sending, to read an answer given early, and counts as
        # sending what a plain connection does in here.
        raise NewConnectionError(self, "no connection") from failure

    def send(self, data: Any) -> None:
        """The first call comes just before the request's first byte leaves, on new and on kept connections alike."""
        if self.sock is None:
            self.connect()
        assert self.sock is not None
        _under_way.get().watch(self.sock)
        super().send(data)


class _WatchedHTTPConnection(_Watched, HTTPConnection):
    pass


class _WatchedHTTPSConnection(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HTTPPool, "https": _HTTPSPool}
"""For ``urllib3.PoolManager.pool_classes_by_scheme``. Their connections work inside ``cutoff`` only."""
