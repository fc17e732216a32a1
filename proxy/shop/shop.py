"""The parts that the pages share: the store, the folder of pictures and the clock, found through the running app."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from proxy.shop.store import Store


@dataclass(frozen=True, slots=True)
class Shop:
    """What a page needs from outside."""

    store: Store
    pictures: Path
    clock: Callable[[], float]


def shop() -> Shop:
    """The parts of the app that answers the current request."""
    parts = current_app.extensions["shop"]
    assert isinstance(parts, Shop)
    return parts
