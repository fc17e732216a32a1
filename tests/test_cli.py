"""The command as its users run it: its own process, real ports, the sandbox in TikTok's place."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.program import CEILING, PIXEL, PIXELPAIR, Running, free_ports, wait_for


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(*arguments: str, **environ: str) -> Running:
        started.append(Running(tmp_path, *arguments, **environ))
        return started[-1]

    yield run
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def sandbox(start: Callable[..., Running]) -> str:
    (port,) = free_ports(1)
    start("sandbox", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: requests.get(f"{address}/sandbox/received", timeout=5).ok)
    return address


@pytest.fixture
def serve(start: Callable[..., Running], sandbox: str) -> Callable[..., tuple[Running, str]]:
    def run(**environ: str) -> tuple[Running, str]:
        port, operator_port = free_ports(2)
        running = start(
            "serve",
            *("--port", str(port), "--operator-port", str(operator_port)),
            **{
                "PIXELPAIR_PIXEL_CODE": PIXEL,
                "PIXELPAIR_ACCESS_TOKEN": "sandbox-token",
                "PIXELPAIR_DOMAINS": "localhost",
                "PIXELPAIR_BOTS": "send",
                "PIXELPAIR_TIKTOK_URL": sandbox,
                "PIXELPAIR_PIXEL_URL": sandbox,
                **environ,
            },
        )
        address = f"http://localhost:{port}"
        wait_for(lambda: running.process.poll() is not None or requests.get(f"{address}/t/readyz", timeout=5).ok)
        return running, address

    return run


def tell(address: str, number: int) -> requests.Response:
    report = {"event": "Contact", "view": "mfabc123" + "b" * 16, "n": number, "url": f"{address}/contact"}
    return requests.post(f"{address}/t/e", data=json.dumps(report), headers=browser(address), timeout=30)


def browser(address: str) -> dict[str, str]:
    return {"Origin": address, "Content-Type": "text/plain"}


def received(sandbox: str) -> list[str]:
    events = requests.get(f"{sandbox}/sandbox/received", timeout=10).json()["server_events"]
    return [event["event_id"] for event in events]


def behave(sandbox: str, **how: Any) -> None:
    assert requests.post(f"{sandbox}/sandbox/behave", json=how, timeout=10).ok


Serve = Callable[..., tuple[Running, str]]


class TestServe:
    def test_one_site_by_environment_alone_delivers(self, serve: Serve, sandbox: str) -> None:
        running, address = serve()
        told = tell(address, 1).json()["event_id"]
        wait_for(lambda: received(sandbox) == [told])
        assert running.end() == 0
        assert "Traceback" not in running.log()

    def test_what_is_in_flight_at_sigterm_is_finished(self, serve: Serve, sandbox: str) -> None:
        running, address = serve()
        behave(sandbox, path="track", delay_ms=2_000, times=1)
        told = tell(address, 1).json()["event_id"]
        wait_for(lambda: received(sandbox) == [told])  # the sandbox keeps it before it answers late
        began = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - began < 10
        again, address = serve()
        wait_for(lambda: requests.get(f"{address}/t/readyz", timeout=5).json()["keeper_seen_ms_ago"] is not None)
        marker = tell(address, 2).json()["event_id"]
        wait_for(lambda: marker in received(sandbox))
        assert sorted(received(sandbox)) == sorted([told, marker]), "nothing was sent a second time"
        assert again.end(signal.SIGINT) == 0

    def test_a_stop_during_an_outage_loses_nothing(self, serve: Serve, sandbox: str) -> None:
        running, address = serve()
        behave(sandbox, path="track", status=503, times=None)
        told = [tell(address, number).json()["event_id"] for number in range(5)]
        assert running.end() == 0
        requests.delete(f"{sandbox}/sandbox/behave", timeout=10)
        serve()
        wait_for(lambda: sorted(received(sandbox)) == sorted(told))

    def test_a_kill_loses_nothing(self, serve: Serve, sandbox: str) -> None:
        running, address = serve()
        behave(sandbox, path="track", status=503, times=None)
        told = [tell(address, number).json()["event_id"] for number in range(5)]
        running.end(signal.SIGKILL)
        requests.delete(f"{sandbox}/sandbox/behave", timeout=10)
        serve()
        wait_for(lambda: sorted(received(sandbox)) == sorted(told))

    def test_a_second_keeper_of_one_file_is_refused_with_a_sentence(self, serve: Serve) -> None:
        serve()
        second, _ = serve()
        assert second.process.wait(CEILING) == 1
        assert "Another keeper" in second.log()
        assert "Traceback" not in second.log()

    def test_a_taken_port_is_named(self, serve: Serve, start: Callable[..., Running]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            running = start("sandbox", "--port", str(port))
            assert running.process.wait(CEILING) == 1
        assert f"cannot listen on 127.0.0.1:{port}" in running.log()
        assert "Traceback" not in running.log()

    def test_ten_megabytes_get_a_sentence_too(self, serve: Serve) -> None:
        _, address = serve()
        answer = requests.post(f"{address}/t/e", data=b"x" * 10_000_000, headers=browser(address), timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "PIXELPAIR_PIXEL_CODE"),
        ({"PIXELPAIR_PIXEL_CODE": PIXEL}, "ACCESS_TOKEN"),
        ({"PIXELPAIR_PIXL_CODE": PIXEL}, "PIXELPAIR_PIXL_CODE"),
        ({"PIXELPAIR_PIXEL_CODE": PIXEL, "PIXELPAIR_ACCESS_TOKEN": "t", "PIXELPAIR_TIKTOK_URL": "http://x.example"},
         "PIXELPAIR_TIKTOK_URL"),
    ],
)  # fmt: skip
def test_a_bad_setting_stops_the_start_by_its_name(
    start: Callable[..., Running], environ: dict[str, str], words: str
) -> None:
    running = start("serve", **environ)
    assert running.process.wait(CEILING) == 2
    assert words in running.log()
    assert "Traceback" not in running.log()


def test_an_outbox_that_cannot_be_written_is_named(start: Callable[..., Running], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = start(
        "serve",
        PIXELPAIR_PIXEL_CODE=PIXEL,
        PIXELPAIR_ACCESS_TOKEN="t",
        PIXELPAIR_SECRET_KEYS="k9Xf2mQ7pLw4tRz8vBn1cHs6yJd3gEa5uToPiWqZ",
        PIXELPAIR_OUTBOX_URL=f"sqlite:///{tmp_path}/file/outbox.db",
    )
    assert running.process.wait(CEILING) == 1
    assert "PIXELPAIR_OUTBOX_URL" in running.log()
    assert "Traceback" not in running.log()


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["demo", "--help"], ["sandbox", "--help"]])
def test_help_is_there(arguments: list[str]) -> None:
    done = subprocess.run([PIXELPAIR, *arguments], capture_output=True, text=True, check=True, timeout=CEILING)
    assert "Usage:" in done.stdout


def test_a_wrong_option_is_wrong_usage() -> None:
    assert subprocess.run([PIXELPAIR, "serve", "--prot", "1"], capture_output=True, timeout=CEILING).returncode == 2
