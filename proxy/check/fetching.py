"""Fetches a page whose address came from a person, so that the asking cannot be turned against this machine's network.

Only http and https; only public addresses, judged after the name is looked up and for that very connection (no second
look-up can lead elsewhere), and so after each of at most two redirects; one deadline for all of it (looking a name up
alone keeps the resolver's own, see ``cutoff``); at most 2 MiB are read. Nothing is sent but the question: no cookies,
no token, no proxy of the environment.
"""

import ipaddress
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

import certifi
import urllib3
from urllib3.exceptions import HTTPError

from proxy.tiktok.client import causes, in_a_word
from proxy.tiktok.cutoff import POOLS, cutoff

SECONDS = 5.0
MOST_BYTES = 2 * 2**20
MOST_REDIRECTS = 2

_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; pixelpair-check)",
    "Accept": "text/html,*/*;q=0.8",
    "Accept-Encoding": "identity",
}
_REDIRECTS = (301, 302, 303, 307, 308)

_WORDS = {
    "dns": "its name leads to no address",
    "tls": "no safe connection: its TLS is broken",
    "timeout": f"no whole answer within {SECONDS:g} seconds",
    "refused": "nothing listens there",
    "reset": "the connection was cut",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came from ``url``, the last of the way there; ``left`` are the addresses that redirected.

    Either a ``status``, or None and a ``failure`` in words. ``cut``: the body was longer than what is read.
    """

    url: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    cut: bool = False
    left: tuple[str, ...] = ()
    failure: str = ""

    def all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for told, value in self.headers if told.lower() == name]

    def header(self, name: str) -> str:
        """The headers of this name, joined; "" if there is none."""
        return ", ".join(self.all(name))


class _NotPublic(OSError):
    """This address must not be connected to."""


def unfit(url: str) -> str:
    """Why this address cannot be fetched, as the end of a sentence; "" if it can."""
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        return "an address has no spaces and only ASCII: write it as the browser's address bar copies it"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host or port cannot be read"
    if parts.scheme not in ("http", "https"):
        return "only http:// and https:// addresses are fetched"
    if "@" in parts.netloc:
        return "addresses with a user name or password are not fetched"
    return "" if parts.hostname and port != 0 else "it names no host"


def fetch(url: str, allow_local: bool = False, redirects: int = MOST_REDIRECTS) -> Answer:
    """GET ``url``, following at most so many redirects (with 0 the redirect itself is the answer). Never raises.

    ``allow_local``: this machine's own addresses (127.0.0.0/8, ::1) may be connected to as well.
    """
    left: tuple[str, ...] = ()

    def admit(address: str) -> None:
        if not is_public(address) and not (allow_local and _is_loopback(address)):
            raise _NotPublic(address)

    with cutoff(SECONDS, admit) as call, _pools() as pools:
        while True:
            if reason := unfit(url):
                return Answer(url, left=left, failure=reason)
            try:
                answer = _get(pools, url, left)
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                return Answer(url, left=left, failure=_WORDS["timeout"] if call.expired else _words(error))
            if call.expired:  # a body that ends with the connection looks whole when it was cut
                return Answer(url, left=left, failure=_WORDS["timeout"])
            target = answer.header("location")
            if answer.status not in _REDIRECTS or not target or redirects == 0:
                return answer
            if len(left) == redirects:
                return Answer(url, left=left, failure=f"it leads on after {redirects} redirects")
            left = (*left, url)
            try:
                url = urljoin(url, target)
            except ValueError:
                return Answer(url, left=left, failure="its redirect names no address")


def is_public(address: str) -> bool:
    """Whether this IP address is of the internet at large; also the IPv4 address that an IPv6 one may carry."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    carried = _carried(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    if carried is not None:
        return is_public(str(carried))
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address to which a gateway would pass on what is sent to this one."""
    if ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):  # the second form: ::a.b.c.d, long out of use
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


@contextmanager
def _pools() -> Iterator[urllib3.PoolManager]:
    # What the system trusts, and what browsers do where the system has no list.
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    pools = urllib3.PoolManager(num_pools=1 + MOST_REDIRECTS, ssl_context=trusted)
    pools.pool_classes_by_scheme = POOLS
    try:
        yield pools
    finally:
        pools.clear()


def _get(pools: urllib3.PoolManager, url: str, left: tuple[str, ...]) -> Answer:
    response = pools.request(
        "GET", url, headers=_HEADERS, redirect=False, retries=False, preload_content=False, timeout=SECONDS
    )
    try:
        headers = tuple(response.headers.items())
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return Answer(url, left=left, failure="it answers compressed although that was not asked for")
        body = b""
        while part := response.read(MOST_BYTES + 1 - len(body), decode_content=False):
            body += part
    finally:
        response.close()
    return Answer(url, response.status, headers, body[:MOST_BYTES], len(body) > MOST_BYTES, left)


def _words(error: BaseException) -> str:
    for cause in causes(error):
        if isinstance(cause, _NotPublic):
            return f"its name leads to {cause}, which is no public address"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"browsers do not trust its certificate ({cause.verify_message})"
    return _WORDS.get(in_a_word(error), "what it answers is no HTTP")
