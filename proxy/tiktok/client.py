"""Sends a batch of finished events to TikTok and brings back what came of it, judging nothing.

The one importer of requests. Whatever goes wrong on the way becomes a ``Reply`` too, so nothing here raises for the
sake of the network.
"""

import ipaddress
import json
import re
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from proxy.errors import SettingsError
from proxy.tiktok.cutoff import POOLS, Cutoff, cutoff

PATH = "/open_api/v1.3/event/track/"  # with its last slash: without it TikTok redirects

# TikTok's answers are a few hundred bytes; anything longer is another server's page.
LONGEST_REPLY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call: an HTTP answer, or a ``failure`` in a word and no status.

    ``headers`` have lower-case names. ``sent`` is false only when the request certainly never reached TikTok.
    Body and headers stay out of the repr, and so out of logs, since a server may echo what it was sent.
    """

    status: int | None
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    failure: str | None = None
    sent: bool = True


class Client:
    """TikTok's Events API at one address. Safe to share: each thread has its own session and connection."""

    def __init__(self, base_url: str, deadline: float = 10.0, idle: float = 60.0) -> None:
        """``deadline`` is the limit of a whole call, ``idle`` the longest a connection is kept unused, in seconds.

        Raises SettingsError for an address to which a token must not be sent.
        """
        self._url = _checked(base_url) + PATH
        self._deadline = deadline
        self._idle = idle
        self._mine = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Client({self._url!r})"

    def track(self, pixel_code: str, token: str, items: Sequence[str], test_event_code: str | None = None) -> Reply:
        """Send 1 to 1,000 ``items``, each the JSON text of one ``data[]`` entry, as one request of ``pixel_code``.

        Returns within the deadline (see ``cutoff`` for the one exception). No redirect is followed and nothing is
        tried twice: what to do next is the caller's to decide.
        """
        if not _usable_as_header(token):
            return Reply(None, failure="bad token", sent=False)
        body = _envelope(pixel_code, items, test_event_code)
        with cutoff(self._deadline) as call:
            reply = self._exchange(call, token, body)
        return _without(token, reply)

    def close(self) -> None:
        """Close all threads' idle connections. Calls under way end by themselves, within their deadline."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _exchange(self, call: Cutoff, token: str, body: bytes) -> Reply:
        headers = {"Access-Token": token, "Content-Type": "application/json", "Accept-Encoding": "identity"}
        try:
            with self._session().post(
                self._url, data=body, headers=headers, timeout=self._deadline, stream=True, allow_redirects=False
            ) as response:
                content = _read(response)
                answered = {name.lower(): value for name, value in response.headers.items()}
                status = response.status_code
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            failure = "timeout" if call.expired else in_a_word(error)
            return Reply(None, failure=failure, sent=call.sent)
        if call.expired:  # a body that ends with the connection looks whole when it was cut
            return Reply(None, failure="timeout", sent=True)
        if len(content) > LONGEST_REPLY:
            return Reply(None, failure="too large", sent=True)
        return Reply(status, content, answered)

    def _session(self) -> requests.Session:
        """This thread's session. A long idle connection is dropped: routers forget them, often without a word, and
        a request on it would wait for nobody until its deadline."""
        now = time.monotonic()
        session: _Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = _Session()
            with self._lock:
                self._sessions.add(session)
        elif now - self._mine.used > self._idle:
            session.close()
        self._mine.used = now
        return session


def _read(response: requests.Response) -> bytes:
    """The body, up to one byte more than the limit; ``response.content`` has none. Raises when it was cut short.

    A compressed body stays compressed: it was not asked for, and unpacking is where a small reply becomes a large one.
    """
    content = b""
    # A cut shows only when reading goes on past it: the read that meets it just returns less.
    while part := response.raw.read(LONGEST_REPLY + 1 - len(content), decode_content=False):
        content += part
        if len(content) > LONGEST_REPLY:
            break
    return content


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = POOLS


class _Session(requests.Session):
    """A session that takes nothing from the environment and carries nothing from one call to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(pool_connections=1, pool_maxsize=1, max_retries=0))

    def get_redirect_target(self, resp: object) -> None:
        """None, always. requests would take the token along to another host; and even with ``allow_redirects=False``
        it prepares the next request, for which it reads the whole body without a limit."""


def _envelope(pixel_code: str, items: Sequence[str], test_event_code: str | None) -> bytes:
    test = f'"test_event_code":{json.dumps(test_event_code)},' if test_event_code else ""
    head = f'{{"event_source":"web","event_source_id":{json.dumps(pixel_code)},{test}"data":['
    return f"{head}{','.join(items)}]}}".encode()


def _usable_as_header(token: str) -> bool:
    """Printable ASCII without spaces. Anything else is a slip of copying, and requests would show it in an error."""
    return re.fullmatch(r"[!-~]{1,4096}", token) is not None


def _without(token: str, reply: Reply) -> Reply:
    """The reply with any echo of the token blacked out: replies end up in dead letters and on screens."""
    if reply.status is None or len(token) < 8:  # so short a text is no secret, and may be part of any word
        return reply
    body = reply.body.replace(token.encode(), b"[token]")
    headers = {name: value.replace(token, "[token]") for name, value in reply.headers.items()}
    return Reply(reply.status, body, headers, reply.failure, reply.sent)


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),
)


def in_a_word(error: BaseException) -> str:
    """The failure behind the wrappings of requests and urllib3."""
    for cause in causes(error):
        for kind, word in _WORDS:
            # urllib3's own errors subclass nothing of the standard library; requests' all are OSErrors and no more.
            if isinstance(cause, kind):
                return word
    return "broken"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what was behind it, the outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _checked(base_url: str) -> str:
    """The address without a trailing slash. Refusals never show it: it may hold a password."""
    parts = _split(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise _refusal("http is for loopback only, since the access token would travel unprotected; use https")
    if parts.scheme not in ("http", "https"):
        raise _refusal("must begin with https://")
    if "@" in parts.netloc:
        raise _refusal("must not hold a user name or password")
    if parts.path not in ("", "/") or "?" in base_url or "#" in base_url:
        raise _refusal("must be scheme, host and port alone, as in https://business-api.tiktok.com")
    return f"{parts.scheme}://{parts.netloc}"


def _split(base_url: str) -> SplitResult:
    # urlsplit drops tabs and line breaks in silence, and reads backslashes as no browser does.
    if not re.fullmatch(r"[!-\[\]-~]+", base_url):
        raise _refusal("must be an address such as https://business-api.tiktok.com, in ASCII and without spaces")
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise _refusal("has a host or port that cannot be read") from error
    if not _HOST.fullmatch(parts.hostname or "") or port == 0:
        raise _refusal("has no usable host and port")
    return parts


# Names by RFC 1123 (a label is at most 63 characters; longer ones make the name lookup raise), or an IPv6 address.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*|[0-9a-f:.]*:[0-9a-f:.]*")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(message: str) -> SettingsError:
    return SettingsError("PIXELPAIR_TIKTOK_URL", message)
