"""S24: what others made comes in by its hash alone, and no page loads a script from elsewhere."""

import re
import tomllib
from pathlib import Path

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


@pytest.mark.parametrize("page", sorted(ROOT.glob("templates/**/*.html")), ids=lambda page: page.name)
def test_no_page_of_ours_loads_anything_from_elsewhere(page: Path) -> None:
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)", page.read_text())
    assert [address for address in loaded if "//" in address] == []
