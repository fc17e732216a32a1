"""Reads from a trace of Chromium what one script cost the page's main thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CATEGORIES = ("devtools.timeline", "v8.execute", "disabled-by-default-devtools.timeline")
_RUNS = {"EvaluateScript", "FunctionCall"}


@dataclass(frozen=True)
class Cost:
    """Milliseconds of the main thread: by the clock, of its CPU time, and of the longest task in which the script ran.

    That task is counted whole, with what the browser itself did in it.
    """

    wall: float
    cpu: float
    longest_task: float


@dataclass(frozen=True)
class _Slice:
    name: str
    start: float
    end: float
    cpu: float
    data: Mapping[str, Any]

    def holds(self, other: "_Slice") -> bool:
        return self.start <= other.start and other.end <= self.end


def cost(events: Iterable[Mapping[str, Any]], script: str, during: str = "", at_first: bool = False) -> Cost:
    """What the script at the address ``script`` cost: its evaluation, its callbacks, and the promises they left.

    ``during``: only in the tasks that dispatched an event of this type; ``at_first``: only in the one that evaluated
    it. Promises of a task in which only scripts of others ran are theirs; those of a task without any script (an answer
    arrived) are taken for this one's.
    """
    slices = _main_thread(events, script)
    tasks = [one for one in slices if one.name == "RunTask"]
    tasks = [one for one in tasks if not any(other is not one and other.holds(one) for other in tasks)]
    wall = cpu = longest = 0.0
    for task in tasks:
        inside = [one for one in slices if one is not task and task.holds(one)]
        if during and not any(one.name == "EventDispatch" and one.data.get("type") == during for one in inside):
            continue
        if at_first and not any(one.name == "EvaluateScript" and one.data.get("url") == script for one in inside):
            continue
        mine = _outermost(_of(script, inside))
        if mine:
            wall += sum(one.end - one.start for one in mine)
            cpu += sum(one.cpu for one in mine)
            # Of a task without a script only the promises: the browser ends tasks of its own with none.
            ran = any(one.name in _RUNS for one in mine)
            longest = max(
                [longest, task.end - task.start] if ran else [longest, *(one.end - one.start for one in mine)]
            )
    return Cost(wall / 1000, cpu / 1000, longest / 1000)


def _of(script: str, inside: list[_Slice]) -> list[_Slice]:
    runs = [one for one in inside if one.name in _RUNS]
    mine = [one for one in runs if one.data.get("url") == script]
    if mine or not runs:
        mine += [one for one in inside if one.name == "RunMicrotasks"]
    return mine


def _outermost(slices: list[_Slice]) -> list[_Slice]:
    return [one for one in slices if not any(other is not one and other.holds(one) for other in slices)]


def _main_thread(events: Iterable[Mapping[str, Any]], script: str) -> list[_Slice]:
    """The finished slices of the thread that ran the script; none if none did."""
    events = [event for event in events if event["ph"] == "X"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] in _RUNS and event["args"].get("data", {}).get("url") == script
    }
    return [
        _Slice(
            event["name"],
            event["ts"],
            event["ts"] + event.get("dur", 0),
            event.get("tdur", 0),
            event["args"].get("data", {}),
        )
        for event in events
        if (event["pid"], event["tid"]) in threads
        and event["name"] in _RUNS | {"RunTask", "RunMicrotasks", "EventDispatch"}
    ]
