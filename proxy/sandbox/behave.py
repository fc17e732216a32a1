"""How the sandbox is told to misbehave, to see what a sender does then: one behaviour for a path, until used up."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from http.client import responses
from typing import Any

from flask import Response

from . import rules

PATHS = ("track", "pixel", "events.js")
MAX_DELAY_MS = 600_000


class BadBehaviour(ValueError):
    """The behaviour asked for is none; the message is one sentence that names the field."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a path does instead. With status 200, code 0 and no body it judges as ever, only later (``delay_ms``).

    ``times`` is the number of requests it is for (None: until reset), ``pixel_code`` limits it to one pixel. Any other
    answer keeps no event, unless ``accept`` says that TikTok took them before it failed. ``refuse_ids`` are event_ids
    for which a batch gets 40002. A header ``Content-Length`` above the body's cuts the connection in mid-answer.
    """

    path: str
    status: int = 200
    code: int = 0
    delay_ms: int = 0
    times: int | None = 1
    body: str | dict[str, Any] | list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    accept: bool = False
    refuse_ids: tuple[str, ...] = ()
    pixel_code: str | None = None

    @property
    def answers_itself(self) -> bool:
        """Whether the answer is fixed here, not made by the rules."""
        return self.status != 200 or self.code != rules.OK or self.body is not None

    def answer(self, envelope: Mapping[str, object] | None) -> Response:
        """The fixed answer: the body if there is one, else TikTok's ``envelope`` for a code, else a gateway's HTML."""
        if self.body is not None:
            text = self.body if type(self.body) is str else json.dumps(self.body)
            return Response(text, self.status, mimetype="text/html" if text is self.body else "application/json")
        if envelope is not None and (self.code != rules.OK or self.status < 300):
            return Response(json.dumps(envelope), self.status, mimetype="application/json")
        title = f"{self.status} {responses.get(self.status, 'Unknown')}"
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return Response(page, self.status, mimetype="text/html")


NORMAL = Behaviour(path="track", times=None)


class Behaviours:
    """The behaviours in force, at most one for each path and pixel code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str | None], Behaviour] = {}
        self.version = 0

    def put(self, behaviour: Behaviour) -> None:
        """Replace the behaviour of a path (of one pixel there, if it names one)."""
        with self._lock:
            self.version += 1
            self._all[behaviour.path, behaviour.pixel_code] = behaviour

    def reset(self) -> None:
        """Behave as TikTok again, on every path."""
        with self._lock:
            self.version += 1
            self._all.clear()

    def take(self, path: str, pixel_code: str) -> Behaviour:
        """The behaviour for one request, which uses it up by one; a pixel's own goes before the path's."""
        with self._lock:
            for key in ((path, pixel_code), (path, None)):
                behaviour = self._all.get(key)
                if behaviour is not None:
                    self._use_up(key, behaviour)
                    return behaviour
        return NORMAL

    def _use_up(self, key: tuple[str, str | None], behaviour: Behaviour) -> None:
        if behaviour.times is None:
            return
        self.version += 1
        if behaviour.times > 1:
            self._all[key] = replace(behaviour, times=behaviour.times - 1)
        else:
            del self._all[key]

    def in_force(self) -> list[dict[str, Any]]:
        """The behaviours in force as JSON, with the ``times`` still left."""
        with self._lock:
            return [asdict(behaviour) for behaviour in self._all.values()]


def read_behaviour(told: object) -> Behaviour:
    """The behaviour that a JSON object describes; fields left out have the defaults. Raises BadBehaviour."""
    if not isinstance(told, dict):
        raise BadBehaviour('the body must be a JSON object such as {"path": "track", "status": 503}.')
    unknown = sorted(told.keys() - Behaviour.__dataclass_fields__.keys())
    if unknown:
        raise BadBehaviour(f"{unknown[0]}: no such field; there are {', '.join(Behaviour.__dataclass_fields__)}.")
    for name, (good, words) in _FIELDS.items():
        if (name in told or name == "path") and not good(told.get(name)):
            raise BadBehaviour(f"{name}: must be {words}.")
    return Behaviour(**{**told, "refuse_ids": tuple(told.get("refuse_ids") or ())})


def _between(low: int, high: int) -> Any:
    return lambda value: type(value) is int and low <= value <= high


def _is_headers(value: object) -> bool:
    return type(value) is dict and all(
        type(text) is str and text.isprintable() and text.isascii() for pair in value.items() for text in pair
    )


_FIELDS: dict[str, tuple[Any, str]] = {
    "path": (lambda value: value in PATHS, f"one of {', '.join(PATHS)}"),
    "status": (_between(200, 599), "an HTTP status from 200 to 599"),
    "code": (_between(0, 99_999), "one of TikTok's codes, such as 40100"),
    "delay_ms": (_between(0, MAX_DELAY_MS), f"an integer from 0 to {MAX_DELAY_MS}"),
    "times": (lambda value: value is None or (type(value) is int and value > 0), "a positive integer, or null"),
    "body": (lambda value: value is None or type(value) in (str, dict, list), "a string, an object, an array or null"),
    "headers": (_is_headers, "an object of printable ASCII strings"),
    "accept": (lambda value: type(value) is bool, "true or false"),
    "refuse_ids": (lambda value: type(value) is list and all(type(one) is str for one in value), "an array of strings"),
    "pixel_code": (lambda value: value is None or type(value) is str, "a pixel code, or null"),
}
