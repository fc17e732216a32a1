"""A shop of a few pages that serves the tag and records the reports it gets, with the sandbox as TikTok beside it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask, Response, request

from e2e.serving import serve
from e2e.stack import wait_until
from proxy.assets import asset_dir
from proxy.events import event_id
from proxy.sandbox.app import create_app as create_sandbox

PIXEL = "COQDA8RC77U2TMR44LI0"
FOREIGN = "CFOREIGN0000000000XX"
PIXELS = {PIXEL: "sandbox-token", FOREIGN: "foreign-token"}
TAG = asset_dir("static") / "tag"
CLICK_ID = "E.C.P." + "Ab9-_" * 60
PATIENCE = 60  # seconds; a loaded machine with two cores needs many times the usual
STUB = "window.pixelpair=window.pixelpair||function(){(pixelpair.q=pixelpair.q||[]).push(arguments)};"


class Recorder:
    """The shop's side. ``reports`` are the bodies that arrived at ``/t/e``; ``answer`` is the status they get.

    ``answer_headers`` go with it, and it is given only while ``may_answer`` is set. ``pages`` are told by path; one
    that is a function makes its own response. Set ``tasks_done`` to end what ``/slow`` keeps in flight.
    """

    def __init__(self, sandbox: str) -> None:
        self.url = ""
        self.sandbox = sandbox
        self.reports: list[dict[str, Any]] = []
        self.pages: dict[str, str | Callable[[], Response]] = {}
        self.answer = 202
        self.answer_headers: dict[str, str] = {}
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.tasks_begun = threading.Event()
        self.tasks_done = threading.Event()
        # In the order of core.js's parameters.
        self.settings: dict[str, Any] = {
            "site": "main",
            "domains": ["127.0.0.1"],
            "pixels": [PIXEL],
            "pixelScript": f"{sandbox}/i18n/pixel/events.js",
            "mount": "/t/",
            "orderEvents": ["PlaceAnOrder", "CompletePayment", "Purchase"],
            "consent": "granted",
            "privateConsent": "limited",
            "pageViewLegs": 2,
            "cookieRules": "; Path=/; SameSite=Lax",
        }
        # The optional parts by file name, each with its setting.
        self.parts: dict[str, Any] = {}

    def app(self) -> Flask:
        app = Flask("recorder", static_folder=None)

        @app.get("/t/tag.js")
        def tag() -> Response:
            return script(self.tag())

        @app.get("/t/debug.js")
        def debug() -> Response:
            return script((TAG / "built" / "debug.js").read_text("utf-8"))

        @app.get("/t/source.js")
        def source() -> Response:
            """The source with its inner functions laid open as ``window.inner``."""
            text = (TAG / "core.js").read_text("utf-8")
            assert text.count("/* test-hook */") == 1
            hook = "window.inner = {orderEvents, repair, keyOf, idOf, newViewId};"
            text = text.replace("/* test-hook */", hook)
            return script(text.replace("__PIXELPAIR__", f"...{json.dumps(list(self.settings.values()))}"))

        @app.post("/t/e")
        def report() -> Response:
            told = json.loads(request.get_data())
            told["_type"] = request.content_type
            told["_cookie"] = dict(request.cookies)
            told["_referer"] = request.headers.get("Referer", "")
            self.reports.append(told)
            self.may_answer.wait(60)
            body = json.dumps({"event_id": "x"})
            answer = Response(body, self.answer, self.answer_headers, mimetype="application/json")
            origin = request.headers.get("Origin", "")
            if urlsplit(origin).hostname in self.settings["domains"]:  # as the proxy does
                answer.access_control_allow_origin = origin
                answer.access_control_allow_credentials = True
            return answer

        @app.post("/slow")
        def slow() -> Response:
            """Another script's door, which does not answer before the test is done with it."""
            self.tasks_begun.set()
            self.tasks_done.wait(60)
            return Response(status=204)

        @app.get("/favicon.ico")
        def icon() -> Response:
            return Response(status=204)

        @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
        @app.route("/<path:path>", methods=["GET", "POST"])
        def page(path: str) -> Response:
            shown = self.pages.get("/" + path, document())
            return shown() if callable(shown) else Response(shown, mimetype="text/html")

        return app

    def tag(self) -> str:
        """The tag as the proxy puts it together."""
        arguments = [f"...{json.dumps(list(self.settings.values()))}"]
        for part, setting in self.parts.items():
            text = (TAG / "built" / f"{part}.js").read_text("utf-8").rstrip()
            arguments.append(text.replace("__PIXELPAIR__", json.dumps(setting)))
        core = (TAG / "built" / "core.js").read_text("utf-8").rstrip()
        return f";{core.replace('__PIXELPAIR__', ','.join(arguments))};\n"

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The reports, all or those of one event, in the order the tag made them."""
        reports = sorted(self.reports, key=lambda report: (report["time"], report["n"]))
        return [report for report in reports if name in (None, report["event"])]

    def pixel_events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What the Pixel posted to the sandbox."""
        session = requests.Session()
        session.trust_env = False
        received = session.get(f"{self.sandbox}/sandbox/received", timeout=10).json()["pixel_events"]
        return [event for event in received if name in (None, event["event"])]

    def behave(self, **behaviour: Any) -> None:
        """Tells the sandbox to answer otherwise."""
        session = requests.Session()
        session.trust_env = False
        session.post(f"{self.sandbox}/sandbox/behave", json=behaviour, timeout=10).raise_for_status()

    def wait_for_reports(self, name: str | None, count: int) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.events(name)) >= count, PATIENCE, lambda: f"{count} x {name} among {self.reports}")
        return self.events(name)

    def wait_for_pixel(self, name: str | None, count: int) -> list[dict[str, Any]]:
        wait_until(
            lambda: len(self.pixel_events(name)) >= count,
            PATIENCE,
            lambda: f"{count} x {name} among {self.pixel_events()}",
        )
        return self.pixel_events(name)

    def ids(self, name: str | None = None) -> list[str]:
        """The event_ids of the reports, as the proxy builds them; those told again are there again."""
        return [id_of(report) for report in self.events(name)]

    def use_up_keepalive(self, page: Any) -> None:
        """Has the page's own script keep all 64 KiB of keepalive requests in flight, until ``tasks_done``."""
        while not self.tasks_begun.wait(0.5):  # it is refused while anything else is on its way
            page.evaluate(
                "void fetch('/slow', {method: 'POST', keepalive: true, body: 'x'.repeat(65536)}).catch(() => {})"
            )

    def settle(self, page: Any, count: int) -> None:
        """Sends one last event on both legs and waits for it, so that what came before it has had its chance to come.

        Asserts that then there are ``count`` reports besides.
        """
        page.evaluate("pixelpair('Last', {at: Date.now()})")
        self.wait_for_reports("Last", 1)
        self.wait_for_pixel("Last", 1)
        time.sleep(0.2)
        others = [report["event"] for report in self.events() if report["event"] != "Last"]
        assert len(others) == count, others


@contextmanager
def recorder() -> Iterator[Recorder]:
    with serve(create_sandbox(PIXELS)) as sandbox:
        it = Recorder(sandbox)
        with serve(it.app()) as url:
            it.url = url
            try:
                yield it
            finally:
                it.may_answer.set()
                it.tasks_done.set()


def id_of(report: dict[str, Any]) -> str:
    """The event_id of a report."""
    return event_id.build(report["view"], report["n"], event_id.usable_key(report.get("key")))


def wait_for_start(page: Any) -> None:
    """The tag is there and has begun its view: a little after the page's load, or before."""
    page.wait_for_function("window.pixelpair?.log?.length")


def wait_for_pixel_script(page: Any) -> None:
    """TikTok's script is there. An order told before is told once more when it is."""
    page.wait_for_function("window.ttq && ttq._sandbox")


def assert_pairs(shop: Recorder, *names: str) -> None:
    """Each of these events arrives once on either leg, as one event."""
    for name in names:
        (report,) = shop.wait_for_reports(name, 1)
        (event,) = shop.wait_for_pixel(name, 1)
        assert event["event_id"] == id_of(report)
        assert event["context"]["pixel"]["code"] == PIXEL
        assert event["properties"] == report["properties"]


def script(text: str) -> Response:
    """A script that no cache keeps."""
    return Response(text, mimetype="text/javascript", headers={"Cache-Control": "no-store"})


def document(body: str = "", head: str = "", tag: str = '<script src="/t/tag.js" defer></script>') -> str:
    """A page of the shop."""
    return f"<!doctype html><html><head><title>Shop</title>{head}{tag}</head><body>{body}</body></html>"
