"""The operator's commands as processes of their own, beside a running ``pixelpair demo``."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from e2e.stack import PROGRAM, Stack, wait_until
from proxy.cli import main

PIXEL = "COQDA8RC77U2TMR44LI0"
DESTINATION = f"demo/{PIXEL}"
CEILING = 60  # seconds; generous, only a hang reaches it


class Demo(Stack):
    """A running demo, what its back end tells, and the commands about it."""

    def tell(self, *event_ids: str) -> None:
        items = [
            {"event": "Contact", "event_id": one, "event_time": "", "user": {"email": "a@example.com"}}
            for one in event_ids
        ]
        answer = requests.post(
            f"{self.proxy}/open_api/v1.3/event/track/",
            json={"event_source": "web", "event_source_id": PIXEL, "data": items},
            headers={"Access-Token": "demo-key"},
            timeout=30,
        )
        assert answer.json()["code"] == 0, answer.text

    def arrived(self) -> list[str]:
        return sorted(event["event_id"] for event in self.received()["server_events"])

    def run(self, *words: str, code: int = 0) -> str:
        command = [PROGRAM, *words, "--demo", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CEILING)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def facts(self, *words: str, code: int = 0) -> Any:
        """The same, as JSON and in the test's own process: that also stands beside the demo's, and starts faster."""
        done = CliRunner().invoke(main, [*words, "--json", "--demo", str(self.data)])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def until(self, condition: Callable[[], Any]) -> Any:
        return wait_until(condition, CEILING, lambda: f"{self.arrived()}\n{self.log()}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    stack = Demo(tmp_path / "data")
    stack.start()
    yield stack
    assert stack.close() == []


def test_a_pause_holds_events_back_and_a_resume_lets_them_arrive(demo: Demo) -> None:
    demo.tell("first")
    demo.until(lambda: demo.arrived() == ["first"])
    demo.run("pause", DESTINATION)
    demo.tell("second", "third")
    demo.until(lambda: demo.facts("status", code=1)["sites"]["demo"]["waiting"] == 2)
    [trouble] = demo.facts("status", code=1)["needs_a_person"]
    assert f"pixelpair resume {DESTINATION}" in trouble["command"]
    assert demo.arrived() == ["first"]
    demo.run("resume", DESTINATION)
    demo.until(lambda: demo.arrived() == ["first", "second", "third"])
    demo.until(lambda: demo.facts("status")["ok"])


def test_what_tiktok_refused_is_delivered_by_a_replay_under_its_own_id(demo: Demo) -> None:
    demo.tell("good")
    demo.until(lambda: demo.arrived() == ["good"])
    demo.behave(times=None, refuse_ids=["bad-1", "bad-2"])
    demo.tell("fine", "bad-1", "bad-2")
    demo.until(lambda: demo.facts("dead", "list")["matched"] == 2)
    [reason] = {letter["reason"] for letter in demo.facts("dead", "list")["dead"]}
    assert [letters["reason"] for letters in demo.facts("status", code=1)["dead"]] == [reason]
    assert "bad-1" in demo.run("dead", "list", "--event", "Contact", "--newer", "1h")
    demo.behave(times=1)
    assert demo.facts("dead", "replay", "--dry-run")["replayed"] == 2
    assert demo.arrived() == ["fine", "good"]
    assert "2 of 2 dead letters" in demo.run("dead", "replay", "--reason", reason)
    demo.until(lambda: demo.arrived() == ["bad-1", "bad-2", "fine", "good"])
    [line] = demo.until(lambda: [one for one in demo.facts("events", "--key", "bad-1") if one["state"] == "delivered"])
    assert (line["event_id"], line["code"]) == ("bad-1", 0)
    assert demo.facts("status")["ok"]


def test_the_check_of_the_demo_passes_and_its_events_are_seen(demo: Demo) -> None:
    page = f"{demo.shop}/"
    shown = demo.run("check", page, "--allow-local", "--test-code", "TEST12345")
    assert "\nfail" not in shown
    assert "\nwarn" not in shown
    assert "The page: installed, no events yet." in shown
    [test] = demo.until(lambda: demo.received()["requests"])
    assert (test["test_event_code"], test["items"]) == ("TEST12345", 1)
    report = {"event": "Contact", "view": "mfabc123" + "b" * 16, "n": 1, "url": page}
    told = requests.post(f"{demo.proxy}/e", json=report, headers={"Origin": demo.shop}, timeout=30)
    assert told.status_code == 202, told.text
    found = demo.facts("check", page, "--allow-local", "--test-code", "TEST12345")
    assert found["standing"] == "installed and receiving"
    assert {line["level"] for line in found["lines"]} == {"pass"}
    assert {"this proxy", "visitors", "keeper"} <= {line["check"] for line in found["lines"]}
    assert demo.facts("check", page, code=1)["standing"] == "unreachable"
