"""S24: what others made comes in by its hash alone, and no page loads a script from elsewhere."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)[^\\]*\\$", re.MULTILINE)
CONSTRAINTS = (ROOT / "constraints.txt").read_text()


def test_every_pinned_version_stands_with_its_hashes_and_without_addresses() -> None:
    bare = "".join(line for line in CONSTRAINTS.splitlines(True) if not line.startswith("#"))
    entries = re.split(r"\n(?=[a-z])", bare.strip())
    assert len(entries) == len(PINNED.findall(bare)) > 60
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
    assert "://" not in CONSTRAINTS
    assert " @ " not in CONSTRAINTS


def test_every_requirement_is_pinned_to_a_version_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    told = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
    ]
    pinned = dict(PINNED.findall(CONSTRAINTS))
    for requirement in map(Requirement, told):
        assert pinned[requirement.name] in requirement.specifier


def test_dev_installs_nothing_without_a_hash() -> None:
    installs = re.findall(r"^\s+install (.*?)(?: &&)?$", (ROOT / "dev").read_text(), re.MULTILINE)
    assert installs == ["--require-hashes --requirement constraints.txt", "--no-deps --no-build-isolation --editable ."]


def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


SOUND = {"name": "flask", "version": "3.1.3", "vulns": []}
FLAWED = {"name": "jinja2", "version": "1.0", "vulns": [{"id": "PYSEC-2000-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "six", "skip_reason": "Dependency not found on PyPI and could not be audited: six (1.0)"}


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([SOUND], 0, "no known vulnerability in 1 packages"),
        ([SOUND, UNKNOWN], 0, "1 more could not be looked up"),
        ([SOUND, FLAWED, UNKNOWN], 1, "jinja2 1.0 has PYSEC-2000-1; mended in 1.1"),
        ([UNKNOWN, UNKNOWN], 0, "skipped"),
        ([], 0, "skipped"),
        (None, 0, "skipped"),
    ],
)
def test_a_known_vulnerability_fails_the_check_and_a_missing_network_does_not(
    packages: list[dict[str, Any]] | None, code: int, says: str
) -> None:
    told = "Traceback (most recent call last)" if packages is None else json.dumps({"dependencies": packages})
    assert audit().answered(told) == bool(packages and SOUND in packages)
    judged, lines = audit().judge(told)
    assert judged == code
    assert says in "\n".join(lines)


def test_the_audit_first_asks_about_one_package_alone() -> None:
    (name,) = re.findall(PINNED, audit().first_of(CONSTRAINTS))
    assert name == PINNED.findall(CONSTRAINTS)[0]


@pytest.mark.parametrize("page", sorted(ROOT.glob("templates/**/*.html")), ids=lambda page: page.name)
def test_no_page_of_ours_loads_anything_from_elsewhere(page: Path) -> None:
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page.read_text())
    assert [address for address in loaded if "//" in address] == []
