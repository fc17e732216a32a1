"""Who may see the operator's pages while there is no password: a browser on this machine that came here directly.

Behind a reverse proxy every visitor looks like loopback, so a header that only a proxy adds is a refusal; and a page
elsewhere can make a browser call this port under a name of its own (DNS rebinding), so the Host must be loopback too.
With a password neither is refused: a session belongs to the one host that the browser logged in on.

Also which page a form came from, by which scheme, and whose attempt it is.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_FORWARDING = re.compile(
    r"x-forwarded(-.*)?|forwarded(-.*)?|via|x-real-ip|x-(original|envoy|proxyuser|cluster|client|appengine)-.*"
    r"|x-(host|scheme|rewrite-url|proxied|proxy-id|arr-.*|remote-(ip|addr))"
    r"|(true-client|fastly-client|client|remote)-(ip|addr)|cf-.*|cdn-loop|x-amzn-trace-id|x-cloud-trace-context",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(:\d{1,5})?", re.IGNORECASE)

NO_PROXY = (
    "These pages are for this machine alone, and this request came through a proxy ({header}): "
    "open them directly, or through an SSH tunnel (ssh -L)."
)
NO_HOST = "These pages are for this machine alone: open them as http://127.0.0.1 or http://localhost with their port."
NO_ADDRESS = "These pages are for this machine alone: open them there, or through an SSH tunnel (ssh -L)."


def refusal(header_names: Iterable[str], host: str | None, address: str | None) -> str | None:
    """Why this request is refused, as a sentence; None when it may pass. ``host`` is the Host header as it came."""
    for name in header_names:
        if _FORWARDING.fullmatch(name):
            return NO_PROXY.format(header=name)
    if not is_loopback_host(host or ""):
        return NO_HOST
    if not _is_loopback_address(address or ""):
        return NO_ADDRESS
    return None


def came_directly(header_names: Iterable[str], address: str | None) -> bool:
    """Whether a program on this machine sent this itself, as far as headers tell."""
    return _is_loopback_address(address or "") and not any(map(_FORWARDING.fullmatch, header_names))


def is_own_page(origin: str | None, host: str | None, secure: bool) -> bool:
    """Whether a form was sent by a page of the very host that it was sent to; over https, by one that came so too."""
    try:
        parts = urlsplit(origin or "")
    except ValueError:
        return False
    return parts.scheme in (("https",) if secure else ("http", "https")) and parts.netloc == (host or "").lower() != ""


def hop(header: str | None, trusted_hops: int) -> str | None:
    """What the outermost of ``trusted_hops`` proxies wrote into a header that each adds to on the right, if it did."""
    values = [value.strip() for value in (header or "").split(",")]
    return (values[-trusted_hops] if 0 < trusted_hops <= len(values) else None) or None


def whose(address: str | None) -> str:
    """The address as attempts are counted: of IPv6 the /64, which one person has; "unknown" for what is none."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known.packed, 64), strict=False))
    return str(known)


def is_loopback_host(host: str) -> bool:
    """Whether a Host header, or the name of a machine, means this machine."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].lower()
    return name == "localhost" or _is_loopback_address(name.removeprefix("[").removesuffix("]"))


def _is_loopback_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
