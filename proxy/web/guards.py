"""The doors' guards: how large a body, which site, which client address, which origin, how often.

Each either lets a request pass or raises ``Rejected`` with a sentence for whoever sent it.
"""

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import crawleruseragents
from flask import Request

from proxy.errors import Rejected
from proxy.settings import Site

JSON_TYPES = ("text/plain", "application/json")
# No address and no name of a host is longer; what is remembered of strangers must not grow with what they send.
LONGEST_NETLOC = 320
# Two minutes of 50,000 addresses of each kind take 31 MiB, and no shop has as many visitors in one.
MOST_ADDRESSES = 50_000
NETWORKS = 4_096
NETWORK_SHARE = 10

# A site with an address (of IPv6 the upper half, as a number); or 4 or 6 with the place of a network.
_Who = tuple[str, str] | tuple[str, int] | tuple[int, int]


def read_body(request: Request, most: int, types: Iterable[str] = JSON_TYPES) -> bytes:
    """The request's body, if it is JSON by name and at most ``most`` bytes."""
    environ = request.environ
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() not in types:
        raise Rejected("unsupported_type", "Content-Type", f"Send JSON as {' or '.join(types)}.", 415)
    if environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise Rejected("unsupported_type", "Content-Encoding", "Send the body uncompressed.", 415)
    length = request.content_length
    body = request.stream.read(most + 1) if length is None or length <= most else None
    if body is None or len(body) > most:
        raise Rejected("too_large", "", f"Send at most {most // 1024} KiB in one request.", 413)
    if len(body) < (length or 0):
        raise Rejected("incomplete", "", "The body ended before its Content-Length; send it again.")
    return body


def site_for(sites: Mapping[str, Site], named: str | None, host: str) -> Site:
    """The site a request speaks for: the one it names, else the one whose domain is its Host, else the only one."""
    if named is not None:
        if named not in sites:
            raise Rejected("unknown_site", "site", "No site of this name is set up here.", 404)
        return sites[named]
    bare = host_name(host)
    for site in sites.values():
        if bare in site.domains:
            return site
    if len(sites) == 1:
        return next(iter(sites.values()))
    raise Rejected(
        "unknown_site", "site", "Several sites are set up here: name one with ?site= in the tag's address.", 404
    )


def check_origin(site: Site, origin: str | None, host: str, fetch_site: str | None = None) -> str | None:
    """Let a report pass only from one of the site's pages. Returns the origin to allow by CORS, if it needs that.

    Browsers cannot lie here and programs can: this keeps out noise, and proves nothing. ``fetch_site`` is the header
    Sec-Fetch-Site, which counts only where no origin is told: a listed domain of the shop may well be another site.
    """
    if origin is None or origin == "null":
        if site.allow_no_origin and (origin or fetch_site != "cross-site"):
            return origin
        raise Rejected("origin", "Origin", "Reports come from the site's own pages; this one names no origin.", 403)
    scheme, _, netloc = origin.partition("://")
    if scheme in ("http", "https") and netloc and _is_home(site, netloc, host):
        return None if netloc == host else origin
    raise Rejected("origin", "Origin", "This page's host is not one of the site's domains.", 403)


def _is_home(site: Site, netloc: str, host: str) -> bool:
    if not site.domains:
        return netloc == host
    name = host_name(netloc)
    return name in site.domains and (netloc == name or (is_loopback(name) and _is_plain(netloc, name)))


def _is_plain(netloc: str, name: str) -> bool:
    """Whether ``netloc`` is the host, maybe in brackets, and at most a port: what browsers write, letter for letter."""
    port = netloc.removeprefix(f"[{name}]" if ":" in name else name)
    return port == "" or (port[0] == ":" and port[1:].isdecimal() and port.isascii())


def client_address(peer: str | None, forwarded_for: str | None, trusted_hops: int) -> str | None:
    """The shopper's public address, or ``None``: behind ``trusted_hops`` proxies, that many from the right."""
    text = peer
    if trusted_hops:
        hops = [hop.strip() for hop in (forwarded_for or "").split(",")]
        text = hops[-trusted_hops] if len(hops) >= trusted_hops else None
    return _public(text) if text and len(text) <= LONGEST_NETLOC else None


@lru_cache(maxsize=32_768)
def _public(text: str) -> str | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    # Multicast addresses count as global for ipaddress, but nobody shops from one.
    return str(address) if address.is_global and not address.is_multicast else None


class Rates:
    """How many reports one public address (a /64 of IPv6) may send for one site; memory of this process only.

    What it sent in this minute counts in full, what it sent in the last one by the share of it that a window of 60
    seconds still covers. Own code, because the memory storage of ``limits`` looks at every address it ever saw 100
    times a second: with 50,000 of them that took two thirds of the time of a report.

    Whoever owns a large network has more addresses than we have memory. IPv4 and IPv6 each remember the first
    ``MOST_ADDRESSES`` of a minute; further ones are counted together with all of their network (a /16, of IPv6 a /32),
    which may send ten times as much. So a flood fills no memory, and shuts out nobody but late-comers of its own
    network; shoppers who came before it, and those of the other kind of address, never notice. Networks are spread
    over ``NETWORKS`` places by a hash that nobody outside can foretell.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._now = _Minute()
        self._before = _Minute()

    def admit(self, site: Site, address: str | None, reports: int, times: int = 1) -> bool:
        """Count ``reports`` and return True, unless that would be more than ``times`` the limit.

        Addresses that are not public are many shoppers behind one proxy: never limited.
        """
        if address is None:
            return True
        minute, second = divmod(self._clock(), 60)
        with self._lock:
            self._turn_to(int(minute))
            who, most = self._place(site.name, address)
            sent = self._now.sent[who] + self._before.sent[who] * (1 - second / 60)
            if sent + reports > most * times:
                return False
            self._now.count(who, reports)
            return True

    def _place(self, site: str, address: str) -> tuple[_Who, int]:
        """Under which name ``address`` is counted, and how much that name may send."""
        if ":" not in address:
            who: _Who = (site, address)
            if self._now.has_room_for(who):
                return who, self._per_minute
            return (4, hash((site, *address.split(".")[:2])) % NETWORKS), self._per_minute * NETWORK_SHARE
        network = int(ipaddress.IPv6Address(address)) >> 64
        who = (site, network)
        if self._now.has_room_for(who):
            return who, self._per_minute
        return (6, hash((site, network >> 32)) % NETWORKS), self._per_minute * NETWORK_SHARE

    def _turn_to(self, minute: int) -> None:
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else _Minute()
            self._now = _Minute()
            self._minute = minute


class _Minute:
    """What was sent in one minute, by whom."""

    def __init__(self) -> None:
        self.sent: Counter[_Who] = Counter()
        self._addresses: dict[type, int] = {str: 0, int: 0}  # known of IPv4, whose addresses are text here, and of IPv6

    def has_room_for(self, who: _Who) -> bool:
        return who in self.sent or self._addresses[type(who[1])] < MOST_ADDRESSES

    def count(self, who: _Who, reports: int) -> None:
        if who not in self.sent and isinstance(who[0], str):
            self._addresses[type(who[1])] += 1
        self.sent[who] += reports


def is_bot(user_agent: str) -> bool:
    """Does this user agent name a program rather than a shopper's browser? An empty one does."""
    return not user_agent.strip() or _is_crawler(user_agent[:512])


@lru_cache(maxsize=4096)
def _is_crawler(user_agent: str) -> bool:
    return bool(crawleruseragents.is_crawler(user_agent))


def host_name(netloc: str) -> str:
    """The host of ``host:port``, in lower case, without brackets; "" when it is neither."""
    return _host_name(netloc) if len(netloc) <= LONGEST_NETLOC else ""


@lru_cache(maxsize=1024)
def _host_name(netloc: str) -> str:
    if set(netloc) & set("/?#@\\ "):
        return ""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Is this host name this very machine?"""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
