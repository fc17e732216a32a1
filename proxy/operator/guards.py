"""Who may see the operator's pages while there is no password: a browser on this machine that came here directly.

Behind a reverse proxy every visitor looks like loopback, so a header that only a proxy adds is a refusal; and a page
elsewhere can make a browser call this port under a name of its own (DNS rebinding), so the Host must be loopback too.
"""

import ipaddress
import re
from collections.abc import Iterable

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
    if not _is_loopback_host(host or ""):
        return NO_HOST
    if not _is_loopback_address(address or ""):
        return NO_ADDRESS
    return None


def _is_loopback_host(host: str) -> bool:
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
