"""What the bench reads from a trace is the script's own time: nothing of its neighbours, nothing twice."""

from typing import Any

from bench.trace import Cost, cost

MINE, THEIRS = "http://shop.test/t/tag.js", "http://tiktok.test/events.js"


def _slice(name: str, start: float, ms: float, data: dict[str, Any] | None = None, tid: int = 1) -> dict[str, Any]:
    """A finished slice whose CPU time is half its length."""
    times = {"ts": start * 1000, "dur": ms * 1000, "tdur": ms * 500}
    return {"name": name, "ph": "X", "pid": 7, "tid": tid, "args": {"data": data or {}}, **times}


def _run(url: str, start: float, ms: float, name: str = "FunctionCall") -> dict[str, Any]:
    return _slice(name, start, ms, {"url": url})


def test_a_call_inside_a_call_counts_once() -> None:
    events = [_slice("RunTask", 0, 40), _run(MINE, 5, 20, "EvaluateScript"), _run(MINE, 6, 10)]
    assert cost(events, MINE) == Cost(wall=20, cpu=10, longest_task=40)


def test_what_others_ran_is_theirs_with_the_promises_they_left() -> None:
    events = [
        *(_slice("RunTask", 0, 10), _run(MINE, 0, 4), _slice("RunMicrotasks", 5, 1)),
        *(_slice("RunTask", 20, 90), _run(THEIRS, 20, 80), _slice("RunMicrotasks", 101, 5)),
    ]
    assert cost(events, MINE) == Cost(wall=5, cpu=2.5, longest_task=10)


def test_the_promises_of_an_answer_count_but_not_the_task_around_them() -> None:
    events = [_run(MINE, 0, 4), _slice("RunTask", 0, 5), _slice("RunTask", 20, 90), _slice("RunMicrotasks", 30, 6)]
    assert cost(events, MINE) == Cost(wall=10, cpu=5, longest_task=6)


def test_only_the_tasks_of_a_click_count_as_its_handler() -> None:
    events = [
        *(_slice("RunTask", 0, 30), _run(MINE, 0, 30, "EvaluateScript")),
        *(_slice("RunTask", 50, 20), _slice("EventDispatch", 51, 12, {"type": "click"}), _run(MINE, 52, 8)),
        *(_slice("RunTask", 80, 9), _slice("EventDispatch", 81, 5, {"type": "pageshow"}), _run(MINE, 82, 3)),
    ]
    assert cost(events, MINE, during="click") == Cost(wall=8, cpu=4, longest_task=20)


def test_its_evaluation_is_that_of_its_first_task_and_what_it_put_off_is_not() -> None:
    events = [
        *(_slice("RunTask", 0, 9), _run(THEIRS, 0, 9, "EvaluateScript")),
        *(_slice("RunTask", 10, 30), _run(MINE, 10, 20, "EvaluateScript"), _slice("RunMicrotasks", 30, 2)),
        *(_slice("RunTask", 50, 20), _run(MINE, 52, 8)),
    ]
    assert cost(events, MINE, at_first=True) == Cost(wall=22, cpu=11, longest_task=30)


def test_other_threads_and_tasks_inside_tasks_do_not_add_up() -> None:
    events = [
        *(_slice("RunTask", 0, 30), _slice("RunTask", 1, 10), _run(MINE, 2, 5)),
        *(_slice("RunTask", 0, 500, tid=2), _slice("RunMicrotasks", 3, 400, tid=2)),
    ]
    assert cost(events, MINE) == Cost(wall=5, cpu=2.5, longest_task=30)


def test_a_script_that_never_ran_cost_nothing() -> None:
    assert cost([_slice("RunTask", 0, 30), _run(THEIRS, 0, 30)], MINE) == Cost(0, 0, 0)
