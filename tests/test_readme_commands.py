"""The README's commands are run as a newcomer would run them: in a clean copy of the tree, with an empty home."""

import fnmatch
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from e2e.stack import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent
# Installing some sixty packages with an empty cache, on a slow line.
SETUP_SECONDS = 600
STOP_SECONDS = 10

pytestmark = pytest.mark.timeout(2 * SETUP_SECONDS + 120)


def commands_of(markdown: str) -> list[list[str]]:
    """Every ``./dev …`` line of the code blocks, as words without its comment, each once."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    found = [shlex.split(line, comments=True) for line in lines if line.startswith("./dev ")]
    return [words for number, words in enumerate(found) if words not in found[:number]]


def commands_named(name: str) -> list[list[str]]:
    return [words for words in commands_of((ROOT / "README.md").read_text(encoding="utf-8")) if words[1] == name]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree without what .gitignore names: no .venv, no caches, no data."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]

    def leave_out(_folder: str, names: list[str]) -> list[str]:
        return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in [".git", *ignored])]

    copy = tmp_path_factory.mktemp("clone") / "pixelpair"
    shutil.copytree(ROOT, copy, ignore=leave_out)
    return copy


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment with an empty home and nothing of the running tests, but with the caches of downloads."""
    home = Path.home()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "VIRTUAL_ENV", "PYTHONPATH") and not name.startswith(("PIXELPAIR_", "PYTEST_"))
    }
    caches = {"PIP_CACHE_DIR": str(home / ".cache/pip"), "UV_CACHE_DIR": str(home / ".cache/uv")}
    return {**caches, **kept, "HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture
def demo(clone: Path, environment: dict[str, str], request: pytest.FixtureRequest) -> Iterator[tuple[int, Path]]:
    """The README's ``./dev run …`` on a free port: the port and the log. It must stop within 10 s of SIGTERM."""
    port = free_port(neighbours=2)
    log = clone.parent / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*request.param, "--port", str(port)],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return requests.get(f"http://127.0.0.1:{port}/", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(answers, SETUP_SECONDS, lambda: f"./dev run answers on port {port}:\n{log.read_text()}")
        yield port, log
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0, log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_readme_names_both_commands() -> None:
    assert ["./dev", "run"] in commands_named("run")
    assert ["./dev", "test"] in commands_named("test")


@pytest.mark.parametrize("demo", commands_named("run"), ids=shlex.join, indirect=True)
def test_dev_run_answers_and_dev_test_collects_the_suite(
    demo: tuple[int, Path], clone: Path, environment: dict[str, str]
) -> None:
    """In one test, since each process of the tests would set a clone up for itself."""
    port, log = demo
    addresses = [f"http://127.0.0.1:{port + offset}" for offset in range(3)]
    wait_until(lambda: all(address in log.read_text() for address in addresses), STOP_SECONDS, log.read_text)
    for command in commands_named("test"):
        done = run([*command, "--collect-only", "-q"], clone, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^\d+(/\d+)? tests collected", done.stdout, re.MULTILINE)


def run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SETUP_SECONDS,
    )


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["help"], 0), (["nonsense"], 2)])
def test_dev_tells_its_commands(arguments: list[str], code: int, clone: Path, environment: dict[str, str]) -> None:
    done = run(["./dev", *arguments], clone, environment)
    assert done.returncode == code
    assert "usage: ./dev COMMAND" in done.stdout + done.stderr
    named = {words[1] for words in commands_of((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert all(re.search(rf"^  {name}\b", done.stdout + done.stderr, re.MULTILINE) for name in named)
