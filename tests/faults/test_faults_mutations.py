"""The promises' own tests, tried: each of these small wrongs, done to a copy of the program, must turn a test red.

A suite that stays green under one of them would not notice the same slip in a real change.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = ("proxy", "static", "templates", "tests", "e2e", "conftest.py", "pyproject.toml", "docs", "README.md")


@dataclass(frozen=True)
class Wrong:
    """In ``file`` each good text of ``changes`` becomes the bad one; ``tests`` are those that have to notice."""

    file: str
    changes: dict[str, str]
    tests: tuple[str, ...]


WRONGS = {
    "commits are not synced to disk": Wrong(
        "proxy/outbox/sqlite.py",
        {'synchronous: str = "FULL"': 'synchronous: str = "NORMAL"'},
        ("tests/faults/test_faults_power_cut.py",),
    ),
    "a report is answered before it is committed": Wrong(
        "proxy/outbox/group_commit.py",
        {"done.result(self._wait)": "done.cancelled()"},
        ("tests/outbox/test_group_commit.py",),
    ),
    "a further attempt has a new id": Wrong(
        "proxy/delivery/worker.py",
        {"event.body for event in": """event.body.replace('id":"', f'id":"{event.attempts}') for event in"""},
        ("tests/faults/test_faults_outage.py",),
    ),
    "an event is dropped on 403": Wrong(
        "proxy/tiktok/verdict.py",
        {'403: (_PAUSE, "no permission")': '403: (_REFUSED, "no permission")'},
        ("tests/tiktok/test_verdict.py",),
    ),
    "whoever comes may settle a claim": Wrong(
        "proxy/outbox/statements.py",
        {'events.c.claim == sa.bindparam("token")': 'sa.bindparam("token").is_not(None)'},
        ("tests/outbox/test_store.py",),
    ),
    "redirects are followed": Wrong(
        "proxy/tiktok/client.py",
        # Two locks on one door: requests is told not to, and our session knows no way to.
        {"allow_redirects=False": "allow_redirects=True", "def get_redirect_target(": "def no_redirect_target("},
        ("tests/tiktok/test_client.py",),
    ),
    "pages do not escape what they show": Wrong(
        "proxy/operator/app.py",
        {"@app.": "app.jinja_env.autoescape = False\n    @app."},
        ("tests/operator",),
    ),
}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", WRONGS)
def test_a_wrong_turns_a_test_red(name: str, tmp_path: Path) -> None:
    wrong = WRONGS[name]
    for part in COPIED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    before = _run(tmp_path, wrong.tests)
    assert before.returncode == 0, f"they are red without it:\n{before.stdout[-3000:]}"
    text = (tmp_path / wrong.file).read_text()
    for good, bad in wrong.changes.items():
        assert good in text, f"{wrong.file} has changed: say anew how to do wrong there"
        text = text.replace(good, bad, 1)
    (tmp_path / wrong.file).write_text(text)
    after = _run(tmp_path, wrong.tests)
    assert after.returncode == 1, f"no test noticed:\n{after.stdout[-3000:]}"
    assert " failed" in after.stdout, after.stdout[-3000:]


def _run(folder: Path, tests: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    """pytest in the copy, whose program then is the copy too, also in processes of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
