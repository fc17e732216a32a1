"""What of a shopper a page may show: addresses masked, hashes shortened, and never what should be a hash and is not."""

import ipaddress
import json
import re
from typing import Any

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASHED = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
NOT_A_HASH = "(hidden: not a hash)"
_IPV4_SHOWN, _IPV6_SHOWN = 24, 48  # bits: the last octet and the last 80 bits stay hidden


def mask_ip(text: object) -> str:
    """The address without the part that names one household: ``203.0.113.*``, ``2001:db8:1:*``."""
    try:
        address = ipaddress.ip_address(str(text))
    except ValueError:
        return "*"
    if isinstance(address, ipaddress.IPv4Address):
        return ".".join(str(address).split(".")[: _IPV4_SHOWN // 8]) + ".*"
    groups = address.exploded.split(":")[: _IPV6_SHOWN // 16]
    return ":".join(f"{int(group, 16):x}" for group in groups) + ":*"


def short_hash(value: object) -> str:
    """The two ends of a hash; of a list the first, and how many more."""
    if isinstance(value, list):
        more = f" (+{len(value) - 1})" if len(value) > 1 else ""
        return short_hash(value[0]) + more if value else ""
    text = str(value)
    return f"{text[:8]}…{text[-4:]}" if _SHA256.fullmatch(text) else NOT_A_HASH


def shown_item(body: str) -> dict[str, Any]:
    """The data[] item in ``body`` as a page may show it: hashes as they are, the address masked."""
    item: dict[str, Any] = json.loads(body or "{}")
    user = dict(item.get("user", {}))
    for name in _HASHED:
        if name in user:
            user[name] = _hashes_only(user[name])
    if "ip" in user:
        user["ip"] = mask_ip(user["ip"])
    return {**item, "user": user} if user else item


def _hashes_only(value: object) -> object:
    if isinstance(value, list):
        return [_hashes_only(one) for one in value]
    return value if _SHA256.fullmatch(str(value)) else NOT_A_HASH
