"""How full the disk seems to be, for tests that cannot fill one; tests/faults fills real ones."""

import os
from types import SimpleNamespace

import pytest

MIB = 2**20


def set_room(monkeypatch: pytest.MonkeyPatch, free: int, total: int = 100 * 1024 * MIB) -> None:
    """From now on every disk has ``free`` bytes of ``total`` left, and every look at it is a fresh one."""
    disk = SimpleNamespace(f_bavail=free // 4096, f_blocks=total // 4096, f_frsize=4096, f_flag=0)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    monkeypatch.setattr("proxy.outbox.place.LOOK_SECONDS", 0.0)
