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


def check_origin(site: Site, origin: str | None, host: str) -> str | None:
    """Let a report pass only from one of the site's pages. Returns the origin to allow by CORS, if it needs that."""
    if origin is None or origin == "null":
        if site.allow_no_origin:
            return origin
        raise Rejected("origin", "Origin", "Reports come from the site's own pages; this one names no origin.", 403)
    scheme, _, netloc = origin.partition("://")
    if scheme in ("http", "https") and _is_home(site, netloc, host):
        return None if netloc == host else origin
    raise Rejected("origin", "Origin", "This page's host is not one of the site's domains.", 403)


def _is_home(site: Site, netloc: str, host: str) -> bool:
    if not site.domains:
        return netloc == host
    name = host_name(netloc)
    return name in site.domains and (netloc == name or is_loopback(name))


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
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._now: Counter[tuple[str, str]] = Counter()
        self._before: Counter[tuple[str, str]] = Counter()

    def check(self, site: Site, address: str | None, reports: int) -> None:
        """Count ``reports``. Addresses that are not public are many shoppers behind one proxy: never limited."""
        if address is None:
            return
        if ":" in address:
            address = str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
        who = (site.name, address)
        minute, second = divmod(self._clock(), 60)
        with self._lock:
            self._turn_to(int(minute))
            sent = self._now[who] + self._before[who] * (1 - second / 60)
            if sent + reports > self._per_minute:
                raise Rejected("too_many", "", "Too many reports from this address: slow down.", 429, retry_after=60)
            self._now[who] += reports

    def _turn_to(self, minute: int) -> None:
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else Counter()
            self._now = Counter()
            self._minute = minute


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
