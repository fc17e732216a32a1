"""What the browser tag costs a shopper, beside other trackers: bytes, and the main thread of a phone."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench import servers, trace, trackers, weight
from bench.rows import Row
from bench.trackers import Tracker
from e2e.browsers import BrowserMissing, launch_options
from e2e.tag.watching import WATCH

THROTTLE = 6
# After the load event, and after a click: TikTok's script and the answers are there by then, and what waited for an
# idle moment has had it. Nothing tells when a page is done: a report whose answer nobody reads never counts as ended.
SETTLE_MS = 2500
# In TikTok's script's place, by its array protocol.
SILENT = "ttq.instance = () => ({track() {}, identify() {}}); Object.values(ttq._i).forEach(queue => queue.length = 0)"
MOST_GZIP = {"core": 2_300, "whole": 3_200}
OURS = tuple(MOST_GZIP)
# name: what, unit, goal of our own tag
FIGURES: dict[str, tuple[str, str, float | None]] = {
    "evaluation": ("the task that evaluates it", "ms", 30),
    "evaluation-cpu": ("the same, CPU time", "ms", None),
    "load": ("that and its callbacks", "ms", None),
    "load-cpu": ("the same, CPU time", "ms", None),
    "button": ("a button's click", "ms", 15),
    "button-cpu": ("the same, CPU time", "ms", None),
    "button-own": ("less TikTok's script", "ms", None),
    "link": ("a leaving link's click", "ms", 15),
    "link-cpu": ("the same, CPU time", "ms", None),
    "link-own": ("less TikTok's script", "ms", None),
    "keyed": ("a click that must be kept first", "ms", 15),
    "keyed-cpu": ("the same, CPU time", "ms", None),
    "keyed-own": ("less TikTok's script", "ms", None),
    "task": ("longest it runs in", "ms", 50),
    "layout": ("layout reads", "count", 0),
    "shift": ("cumulative layout shift", "score", 0),
    "requests": ("beside it and TikTok's script", "count", 1),
}


@dataclass
class Found:
    """The figures of one tracker, round by round; ``sound`` unless a click was not reported."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    sound: bool = True


def tag(rounds: int) -> list[Row]:
    """The rows of our tag, each followed by those of the others."""
    stand, skipped = [*trackers.ours(), trackers.nothing()], ""
    try:
        stand[2:2] = trackers.of_others()
    except trackers.Unreachable as reason:
        skipped = str(reason)
    rows = _weights(stand)
    with _shop(stand) as port, _chromium() as browser:
        found = {tracker.name: Found() for tracker in stand}
        # The first page of a browser pays for the browser.
        _costs(browser, port, stand[0], Found())
        for _ in range(rounds):
            for tracker in stand:
                _costs(browser, port, tracker, found[tracker.name])
                _counts(browser, port, tracker, found[tracker.name])
    for figure, (what, unit, goal) in FIGURES.items():
        for tracker in stand:
            values, sound = found[tracker.name].values[figure], found[tracker.name].sound
            if values:
                told = goal if tracker.name in OURS else None
                name = f"{figure} {tracker.name}"
                rows.append(Row(name, what, unit, told, values, most=True, sound=sound))
    if skipped:
        rows += [Row(name, "", "", None, [], skipped=skipped) for name in ("umami", "plausible", "web-vitals")]
    return rows


def _weights(stand: list[Tracker]) -> list[Row]:
    rows = []
    for tracker in stand:
        if tracker.name == "empty":
            continue
        sizes: dict[str, int | None] = {"raw": len(tracker.text.encode()), "gzip": weight.gzipped(tracker.text)}
        sizes["brotli"] = weight.brotlied(tracker.text)
        for name, size in sizes.items():
            goal = MOST_GZIP.get(tracker.name) if name == "gzip" else None
            values, skipped = ([], "apt-get install nodejs")
            if size is not None:
                values, skipped = [size], ""
            row = Row(f"{name} {tracker.name}", tracker.what, "bytes", goal, values, most=True, skipped=skipped)
            rows.append(row)
    return sorted(rows, key=lambda row: ("raw", "gzip", "brotli").index(row.name.split()[0]))


@contextmanager
def _shop(stand: list[Tracker]) -> Iterator[int]:
    """The port of a shop with a page for each tracker."""
    parts = trackers.parts()
    switched_on = {"tag_parts": parts} if parts else {}
    sites: dict[str, dict[str, object]] = {one.name: {"domains": [one.host]} for one in stand if one.name in OURS}
    sites["whole"] |= switched_on
    with servers.folder() as pages:
        (pages / "next.html").write_text("<!doctype html><title>Shop</title>Next")
        for tracker in stand:
            (pages / f"{tracker.name}.html").write_text(tracker.page())
            if tracker.served is not None:
                script = pages / tracker.path.removeprefix("/")
                script.parent.mkdir(exist_ok=True)
                script.write_text(tracker.served)
        with servers.shop(pages, sites) as port:
            yield port


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            options = launch_options("chromium", Path(playwright.chromium.executable_path))
        except BrowserMissing as missing:
            raise SystemExit(f"bench: {missing}") from None
        browser = playwright.chromium.launch(**options)  # type: ignore[arg-type]
        yield browser
        browser.close()


# ---- Time ----


def _costs(browser: Browser, port: int, tracker: Tracker, found: Found) -> None:
    """One page of a new shopper loaded, and one more for each kind of click, all on a slow processor."""
    script = _shop_of(tracker, port) + tracker.path
    tasks = []
    with _visit(browser) as page, _traced(browser, page) as events:
        _load(page, port, tracker)
    load = trace.cost(events, script)
    _take(found, "evaluation", trace.cost(events, script, at_first=True))
    _take(found, "load", load)
    tasks.append(load.longest_task)
    for element in tracker.clicks():
        events = _click(browser, port, tracker, element, found)
        _take(found, element, trace.cost(events, script, during="click"))
        tasks.append(trace.cost(events, script).longest_task)
        if tracker.name in OURS:
            events = _click(browser, port, tracker, element, found, is_silent=True)
            found.values[f"{element}-own"].append(trace.cost(events, script, during="click").wall)
    found.values["task"].append(max(tasks))


def _click(
    browser: Browser, port: int, tracker: Tracker, element: str, found: Found, is_silent: bool = False
) -> list[dict[str, object]]:
    """The trace of a click on a page of its own; ``is_silent``: TikTok's script does nothing of what it is told."""
    with _visit(browser) as page:
        if is_silent:
            page.route("**/events.js*", lambda route: route.fulfill(content_type="text/javascript", body=SILENT))
        _load(page, port, tracker)
        box = page.locator(f"#{element}").bounding_box()
        assert box is not None
        methods: list[str] = []
        page.on("request", lambda request: methods.append(request.method))
        with _traced(browser, page) as events:
            # Not page.click(): it looks first whether the element can be clicked, with scripts of its own.
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.wait_for_timeout(SETTLE_MS)
    found.sound = found.sound and "POST" in methods
    return events


def _take(found: Found, name: str, cost: trace.Cost) -> None:
    found.values[name].append(cost.wall)
    found.values[f"{name}-cpu"].append(cost.cpu)


@contextmanager
def _visit(browser: Browser) -> Iterator[Page]:
    """A new shopper's page on a slow processor."""
    with browser.new_context() as context:
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
        yield page


@contextmanager
def _traced(browser: Browser, page: Page) -> Iterator[list[dict[str, object]]]:
    """The events of the trace, once the block has ended."""
    events: list[dict[str, object]] = []
    browser.start_tracing(page=page, categories=["-*", *trace.CATEGORIES])
    yield events
    events += json.loads(browser.stop_tracing())["traceEvents"]


def _shop_of(tracker: Tracker, port: int) -> str:
    return f"http://{tracker.host}:{port}"


def _load(page: Page, port: int, tracker: Tracker) -> None:
    page.goto(f"{_shop_of(tracker, port)}/{tracker.name}.html", wait_until="load")
    page.wait_for_timeout(SETTLE_MS)


# ---- Counts ----


def _counts(browser: Browser, port: int, tracker: Tracker, found: Found) -> None:
    """What the page asked for, and what its script asked of the layout, while it loaded and was clicked."""
    asked: list[str] = []
    with browser.new_context() as context:
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        _load(page, port, tracker)
        own = [url for url in asked if url.startswith(_shop_of(tracker, port) + "/")]
        found.values["requests"].append(len(own) - 2)  # the page and the script
        page.locator("#button").dispatch_event("click")
        watched = page.evaluate("watched")
    found.values["layout"].append(len(watched["reads"]))
    found.values["shift"].append(sum(watched["shifts"]))
