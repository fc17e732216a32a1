"""The load generator: Debian's ``wrk``, since one written in Python would eat the cores that it measures."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw. ``answered`` counts every answer, ``refused`` those of 400 and above."""

    seconds: float
    answered: int
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float

    @property
    def accepted(self) -> int:
        """Answers below 400; both the bare route and the proxy know only one of these."""
        return self.answered - self.refused

    @property
    def rate(self) -> float:
        """Accepted requests in a second."""
        return self.accepted / self.seconds


def reports(url: str, connections: int, seconds: float) -> Load:
    """Tell browsers' events, each in a request of its own."""
    return _run("report.lua", url, connections, seconds)


def batches(url: str, connections: int, seconds: float, template: Path, api_key: str) -> Load:
    """Tell a back end's events, ``template`` again and again under new ids."""
    return _run("batch.lua", url, connections, seconds, str(template), api_key)


def _run(script: str, url: str, connections: int, seconds: float, *told: str) -> Load:
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is missing. Run: sudo apt-get install wrk")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", str(HERE / script), url]
    done = subprocess.run([*command, "--", *told], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
    return Load(**json.loads(line.removeprefix("FIGURES ")))
