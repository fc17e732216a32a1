"""What an order's later event takes over from its first one: who the shopper is, and from which click and page.

A courier is paid a week after the shopper's browser was there, so the back end that tells of it knows the order and not
the click. It only fills what the later report lacks: what the back end says wins.
"""

import json
from typing import Any


def kept(body: str) -> str:
    """What of a data[] item is worth keeping for later events of the same order, as JSON text; "" for nothing."""
    item = json.loads(body)
    parts = {name: item[name] for name in ("user", "page") if item.get(name)}
    return _text(parts) if "user" in parts else ""


def inherit(body: str, kept: str) -> str:
    """The data[] item of a back end with what it lacks of user data, and its page if it has none."""
    item: dict[str, Any] = json.loads(body)
    known = json.loads(kept)
    item["user"] = {**known.get("user", {}), **item.get("user", {})}
    if not item.get("page") and known.get("page"):
        item["page"] = known["page"]
    return _text(item)


def limit(body: str) -> str:
    """The data[] item with limited data use: the order's shopper has asked for it."""
    return _text({**json.loads(body), "limited_data_use": True})


def _text(item: dict[str, Any]) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
