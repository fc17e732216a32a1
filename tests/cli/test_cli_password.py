"""``pixelpair password``: the line it prints is a setting that works, and what was typed is shown nowhere."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.operator.password import matches
from proxy.settings import load
from tests.program import CEILING, PIXELPAIR, Running

PASSWORD = "correct horse battery staple é"
NAME = "PIXELPAIR_OPERATOR_PASSWORD_HASH"
SITE = {"PIXELPAIR_PIXEL_CODE": "COQDA8RC77U2TMR44LI0", "PIXELPAIR_ACCESS_TOKEN": "token"}


def piped(told: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([PIXELPAIR, "password"], input=told, capture_output=True, timeout=CEILING)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"", b"\nmore"])
def test_its_line_in_dotenv_is_a_setting_that_knows_the_password(tmp_path: Path, end: bytes) -> None:
    ran = piped(PASSWORD.encode() + end)
    assert ran.returncode == 0
    [line] = ran.stdout.decode().splitlines()
    (tmp_path / ".env").write_text(f"{line}\n")
    # As a shell reads it, too: the hash is full of dollar signs.
    shell = subprocess.run(["sh", "-c", f'. ./.env; printf %s "${NAME}"'], cwd=tmp_path, capture_output=True)
    kept = load(None, SITE, tmp_path / ".env").operator_password_hash
    assert kept is not None
    assert kept.get_secret_value() == shell.stdout.decode()
    assert matches(kept.get_secret_value(), PASSWORD)
    assert not matches(kept.get_secret_value(), PASSWORD[:-1])
    assert b"horse" not in ran.stdout + ran.stderr


def test_its_line_for_the_toml_file_works_too(tmp_path: Path) -> None:
    told = piped(PASSWORD.encode()).stderr.decode()
    (tmp_path / "pixelpair.toml").write_text(told[told.index("operator_password_hash") :])
    kept = load(tmp_path / "pixelpair.toml", SITE, None).operator_password_hash
    assert kept is not None
    assert matches(kept.get_secret_value(), PASSWORD)


def test_two_hashes_of_one_password_differ() -> None:
    assert piped(PASSWORD.encode()).stdout != piped(PASSWORD.encode()).stdout


@pytest.mark.parametrize(("told", "says"), [(b"14 letters not", b"15"), (b"", b"15"), (b"\xff" * 20, b"UTF-8")])
def test_what_is_too_short_or_no_text_is_wrong_usage(told: bytes, says: bytes) -> None:
    ran = piped(told + b"\n")
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert says in ran.stderr
    assert b"14 letters" not in ran.stderr


def test_on_a_terminal_it_asks_twice_and_shows_nothing() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(PIXELPAIR, [str(PIXELPAIR), "password"])
    seen = b""
    for question, typed in ((b"Password", b"one thing or another"), (b"more", PASSWORD.encode()), (b"Password", b"")):
        seen = until(terminal, question)
        assert b"horse" not in seen
        assert b"another" not in seen
        if typed:
            os.write(terminal, typed + b"\n")
    for question in (b"", b"more"):  # the two differed, so it asks anew
        if question:
            assert b"horse" not in until(terminal, question)
        os.write(terminal, PASSWORD.encode() + b"\n")
    seen = until(terminal, b"operator_password_hash")
    os.close(terminal)
    os.waitpid(child, 0)
    assert NAME.encode() in seen
    assert b"horse" not in seen


def until(terminal: int, words: bytes) -> bytes:
    """What the terminal shows, up to these words."""
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 1_024)
    return seen


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "ops.shop.example", "", "2130706433"])
def test_serve_shows_the_page_to_other_machines_only_with_a_password(tmp_path: Path, host: str) -> None:
    running = Running(tmp_path, "serve", "--operator-host", host, **SITE)
    assert running.process.wait(CEILING) == 2
    assert running.log().startswith(f"pixelpair: {NAME}: ")
    assert "pixelpair password" in running.log()
    assert sorted(path.name for path in tmp_path.iterdir()) == [running.log_path.name]


def test_any_name_of_this_machine_needs_none(served: Callable[..., bool]) -> None:
    assert served("--operator-host", "localhost")
    assert served("--operator-host", "0.0.0.0", **{NAME: piped(PASSWORD.encode()).stdout.decode().split("'")[1]})


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., bool]:
    """Whether ``serve`` with these options shows the operator's page, and ends well."""
    import requests

    from tests.program import free_ports, wait_for

    def run(*options: str, **environ: str) -> bool:
        port, operator_port = free_ports(2)
        where = ("--port", str(port), "--operator-port", str(operator_port))
        away = {"PIXELPAIR_TIKTOK_URL": "http://127.0.0.1:9"}
        running = Running(tmp_path, "serve", *where, *options, **SITE, **away, **environ)
        try:
            page = f"http://127.0.0.1:{operator_port}/"
            answer = wait_for(lambda: requests.get(page, timeout=5), running.log)
        finally:
            code = running.end()
        return bool(answer.status_code == 200 and code == 0)

    return run
