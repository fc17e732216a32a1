"""What a disk holds after the power went: the log of ``shim.c``, replayed up to some point.

A write that a later sync of the same file covers is there. Of the others any part may be: none, all, some, or some of
their sectors. What is not modelled: names in the folder (a file made or removed counts as so at once). The file of
shared memory (``-shm``) is never restored; SQLite makes it anew.
"""

import os
import random
import re
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

SECTOR = 512
HEAD = struct.Struct("<c3xIqQ")
NO_COMPILER = "A C compiler is missing. Run: {}apt-get install gcc libc6-dev"

_EVENT_ID = re.compile(rb'"event_id": ?"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Step:
    """One call: W write, S sync, T truncate, U unlink of a file, > a send."""

    what: str
    name: str
    offset: int
    data: bytes


def build_shim(folder: Path) -> Path:
    """The shim, compiled. Without a compiler the test is skipped, and fails where everything has to be there."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/usr/include/dlfcn.h").exists():
        missing = NO_COMPILER.format("" if os.geteuid() == 0 else "sudo ")
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    source, shim = Path(__file__).with_name("shim.c"), folder / "shim.so"
    command = [compiler, "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", shim, source, "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return shim


def read_log(path: Path) -> list[Step]:
    """Every step, in the order in which they were made."""
    data, at, steps = path.read_bytes(), 0, []
    while at < len(data):
        what, name_length, offset, length = HEAD.unpack_from(data, at)
        name_at = at + HEAD.size
        data_at = name_at + name_length
        at = data_at + length
        steps.append(Step(what.decode(), data[name_at:data_at].decode(), offset, data[data_at:at]))
    return steps


@dataclass
class Disk:
    """The files of one database, step by step: what is synced, and what only was written."""

    database: str
    synced: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return self.database, f"{self.database}-wal", f"{self.database}-journal"

    def take(self, step: Step) -> None:
        if step.name not in self._names:
            return
        if step.what == "U":
            self.synced.pop(step.name, None)
            self.pending.pop(step.name, None)
        elif step.what == "S":
            image = self.synced.setdefault(step.name, bytearray())
            for waiting in self.pending.pop(step.name, ()):
                _apply(image, waiting)
        else:
            self.pending[step.name].append(step)

    def cut(self, how: str, rng: random.Random) -> dict[str, bytes]:
        """The files as they may be found; ``how``: none, all, some or torn."""
        found = {name: bytearray(image) for name, image in self.synced.items()}
        for name, steps in self.pending.items():
            for step in steps:
                for part in _survivors(step, how, rng):
                    _apply(found.setdefault(name, bytearray()), part)
        return {name: bytes(image) for name, image in found.items()}


def _survivors(step: Step, how: str, rng: random.Random) -> Iterator[Step]:
    if how == "torn" and step.what == "W":
        for start in range(0, len(step.data), SECTOR):
            if rng.random() < 0.5:
                yield Step("W", step.name, step.offset + start, step.data[start : start + SECTOR])
    elif how == "all" or (how != "none" and rng.random() < 0.5):
        yield step


def _apply(image: bytearray, step: Step) -> None:
    end = step.offset + len(step.data)  # of a truncation: its new size
    if len(image) < end:
        image.extend(bytes(end - len(image)))
    if step.what == "T":
        del image[end:]
    else:
        image[step.offset : end] = step.data


def accepted(step: Step) -> list[str]:
    """The event_ids that a shopper was answered with: such a body follows upon a 202 alone."""
    return _ids(step, b'{"event_id"')


def posted(step: Step) -> list[str]:
    """The event_ids of what was sent to TikTok."""
    return _ids(step, b'{"event_source"')


def _ids(step: Step, start: bytes) -> list[str]:
    body = step.data.rpartition(b"\r\n\r\n")[2]  # sent with its head, or alone
    if step.what != ">" or not body.startswith(start):
        return []
    return [name.decode() for name in _EVENT_ID.findall(body)]


def cut_points(steps: Sequence[Step], cuts: int, rng: random.Random) -> list[int]:
    """After how many steps the power goes, in order."""
    return sorted(rng.randrange(len(steps) + 1) for _ in range(cuts))
