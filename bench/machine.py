"""The machine that is measured on, and what else it is doing."""

import os
import platform
import sqlite3
import time
from pathlib import Path


def describe() -> dict[str, object]:
    """What a reader needs to judge the figures."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}


def load(seconds: float = 1.0) -> dict[str, float]:
    """The load average of the last minute, and the share of all cores that others use while the bench rests."""
    busy, total = _ticks()
    time.sleep(seconds)
    busy_then, total_then = _ticks()
    return {"load_1m": round(os.getloadavg()[0], 2), "others": round((busy_then - busy) / (total_then - total), 3)}


def memory_mib(pid: int) -> float:
    """Resident memory of a process and all its children, in MiB; shared pages count once for each."""
    pids = [pid]
    for one in pids:
        pids += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    return sum(_resident(one) for one in pids) / 1024


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def _ticks() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)
