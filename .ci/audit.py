"""Are there known vulnerabilities in what constraints.txt pins? A part of ``./dev check``.

A found one fails the check. Advisories that cannot be reached (no network, a mirror without them) only say so: whether
somebody else's service answers is no property of this code.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

SECONDS = 5  # for one package to be looked up
MOST_SECONDS = 90  # for all of them
COMMAND = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]


def ask(requirements: Path) -> str:
    """What pip-audit prints as JSON; nothing that is JSON if it could not ask."""
    audit = [Path(sys.executable).with_name("pip-audit"), *COMMAND, "--timeout", str(SECONDS), "--requirement"]
    try:
        return subprocess.run([*audit, requirements], capture_output=True, text=True, timeout=MOST_SECONDS).stdout
    except subprocess.TimeoutExpired:
        return ""


def first_of(requirements: str) -> str:
    """The first package alone, with its hashes: where nothing is known of it, the others need not be asked about."""
    lines = [line for line in requirements.splitlines(keepends=True) if not line.startswith("#")]
    rest = next(number for number, line in enumerate(lines[1:], 1) if not line.startswith(" "))
    return "".join(lines[:rest])


def answered(told: str) -> bool:
    """Did pip-audit look anything up?"""
    return '"vulns"' in told


def judge(told: str) -> tuple[int, list[str]]:
    """Exit code and lines to print for pip-audit's JSON."""
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
    except ValueError:
        packages = []
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return 0, ["pip-audit: skipped: advisories cannot be reached"]
    found = [
        f"pip-audit: {package['name']} {package['version']} has {flaw['id']}; mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in asked
        for flaw in package["vulns"]
    ]
    skipped = len(packages) - len(asked)
    unknown = f", {skipped} more could not be looked up" if skipped else ""
    return int(bool(found)), found or [f"pip-audit: no known vulnerability in {len(asked)} packages{unknown}"]


def main() -> int:
    """Print what is found; 1 if it is a vulnerability."""
    constraints = Path("constraints.txt")
    with NamedTemporaryFile("w", suffix=".txt") as probe:
        probe.write(first_of(constraints.read_text()))
        probe.flush()
        told = ask(Path(probe.name))
    code, lines = judge(ask(constraints) if answered(told) else "")
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
