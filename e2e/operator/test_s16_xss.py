"""S16 and H6: what strangers write is text on the operator's pages, in every field, whichever door it came through."""

import html
import json
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from e2e.operator.watching import Watch
from e2e.stack import Stack, wait_until
from proxy.events.merging import merge
from proxy.operator.app import POLICY, create_app
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.serving import Server
from proxy.settings import Destination, Settings, Site

PIXEL = "COQDA8RC77U2TMR44LI0"
NAME = f"demo/{PIXEL}"
PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\"><img src=x onerror=alert(4)>",
    "'><img src=x onerror=alert(5)>",
    "<svg onload=alert(6)>",
    "<svg><script>alert(7)</script></svg>",
    "<svg><animate onbegin=alert(8) attributeName=x dur=1s>",
    "<iframe srcdoc='<script>alert(9)</script>'></iframe>",
    "<iframe src=javascript:alert(10)></iframe>",
    "javascript:alert(11)",
    "JaVaScRiPt:alert(12)",
    "data:text/html,<script>alert(13)</script>",
    "<a href=javascript:alert(14)>click</a>",
    "\" autofocus onfocus=alert(15) x=\"",
    "' autofocus onfocus=alert(16) x='",
    "\" onmouseover=alert(17) style=\"position:fixed;inset:0",
    "</title><script>alert(18)</script>",
    "</textarea><script>alert(19)</script>",
    "</pre></code><script>alert(20)</script>",
    "--><script>alert(21)</script><!--",
    "<![CDATA[<script>alert(22)</script>]]>",
    "<math><mi xlink:href=javascript:alert(23)>x</mi></math>",
    "<details open ontoggle=alert(24)>",
    "<object data=javascript:alert(25)></object>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(26)'>",
    "<div hx-get=/static/icon.svg hx-trigger=load hx-on:load=alert(27) hx-vals=\"js:{a:alert(27)}\">x</div>",
    "{{ 7*7 }}{% raw %}{{ config }}${alert(28)}<%= 7*7 %>",
    "\u2028<scr\x00ipt>alert(29)</scr\x00ipt>+ADw-script+AD4-alert(29)",
]  # fmt: skip
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.fixture
def watch(context: BrowserContext, browser_name: str) -> Watch:
    if browser_name != "chromium":
        pytest.skip("counted in Chromium; the pages are the same in each browser")
    return Watch(context)


def test_there_are_thirty_payloads() -> None:
    assert len(set(PAYLOADS)) == 30


def test_the_watch_sees_what_it_is_there_for(watch: Watch, page: Page) -> None:
    """The same words, put into a page as HTML: without the policy they run, with it they are reported."""
    body = "".join(f"<div>{payload}</div>" for payload in PAYLOADS[:3])
    answer = {"content_type": "text/html", "body": f"<!doctype html><body>{body}"}
    page.route("http://pages.example/open", lambda route: route.fulfill(**answer))
    closed = {"Content-Security-Policy": POLICY.format(forms="'none'")}
    page.route("http://pages.example/closed", lambda route: route.fulfill(**answer, headers={**closed}))
    page.goto("http://pages.example/open")
    watch.look(page)
    assert sorted(watch.dialogs) == ["1", "2", "3"]
    assert len(watch.strange) >= 3
    page.goto("http://pages.example/closed")
    watch.look(page)
    assert sorted(watch.dialogs) == ["1", "2", "3"]
    assert len(watch.violations) >= 3


def test_through_the_real_doors_and_with_tiktoks_own_words_it_stays_text(
    watch: Watch, page: Page, stack: Stack
) -> None:
    page.goto(stack.operator)  # open all the while: it polls everything into itself
    _deliver_one(stack)
    taken = sum(_tell(stack, number, payload) for number, payload in enumerate(PAYLOADS))
    assert taken == 2 * len(PAYLOADS)
    for number, payload in enumerate(PAYLOADS):
        _die(stack, number, payload)
    seen: set[str] = set()
    last = max(_rows(stack))
    for number in range(1, last + 1):
        page.goto(f"{stack.operator}/event/{number}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        watch.look(page)
        shown = page.locator("main").text_content() or ""
        # Without the code points that no event may hold.
        seen |= {payload for payload in PAYLOADS if _in_json(payload) in shown or payload in shown}
    for query in ("", "?state=dead", "?state=delivered"):
        page.goto(f"{stack.operator}/{query}")
        page.locator("tbody tr").first.wait_for()
        for summary in page.locator("details summary").all():
            summary.click()
        watch.look(page)
        with page.expect_response(lambda answer: "/events" in answer.url):
            pass
        watch.look(page)
    assert last >= 3 * len(PAYLOADS)
    assert seen >= {payload for payload in PAYLOADS if "\x00" not in payload}
    assert watch.counts() == {"dialogs": [], "CSP": [], "nodes": [], "errors": []}


def test_a_reason_to_pause_stays_text(watch: Watch, page: Page, stack: Stack) -> None:
    words = " ".join(PAYLOADS)[:900]
    body = {"code": 40001, "message": words, "request_id": words, "data": {}}
    stack.behave(times=1_000, body=body)
    _track(stack, [{"event": "ViewContent", "event_id": "pauses"}])
    wait_until(lambda: "paused" in requests.get(stack.operator, timeout=5).text, 60, stack.log)
    page.goto(stack.operator)
    expect(page.get_by_text("Needs you")).to_be_visible()
    expect(page.locator(".destinations")).to_contain_text(PAYLOADS[0])
    watch.look(page)
    page.goto(f"{stack.operator}/event/{max(_rows(stack))}")
    watch.look(page)
    assert watch.counts() == {"dialogs": [], "CSP": [], "nodes": [], "errors": []}


def test_whatever_stands_in_any_column_stays_text(watch: Watch, page: Page, tmp_path: Path) -> None:
    """Past all doors, so that no rule of theirs is what keeps it harmless."""
    outbox = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    site = Site(name="demo", destinations=(Destination(name=NAME, site="demo", pixel_code=PIXEL),))
    server = Server(create_app(outbox, Settings(sites={"demo": site})), "127.0.0.1", 0, threads=4)
    address = f"http://127.0.0.1:{server._listeners[0].effective_port}"
    server.start()
    try:
        now = time.time_ns() // 1_000_000
        entries = [_filled(payload, now, state) for payload in PAYLOADS for state in ("waiting", "dead")]
        with outbox.write() as connection:
            outbox.add(connection, entries, now)
        for number in range(1, len(entries) + 1):
            page.goto(f"{address}/event/{number}")
            payload = PAYLOADS[(number - 1) // 2]
            assert page.get_by_role("heading", level=1).text_content() == _read_back(payload)
            watch.look(page)
        for query in ("", "?state=dead"):
            page.goto(f"{address}/{query}")
            page.locator("tbody tr").first.wait_for()
            watch.look(page)
        for payload in PAYLOADS:
            Destinations(outbox).pause(NAME, now, "tiktok", payload)
            page.goto(f"{address}/?state=waiting")
            assert _read_back(payload) in (page.locator(".destinations").text_content() or "")
            watch.look(page)
        assert watch.counts() == {"dialogs": [], "CSP": [], "nodes": [], "errors": []}
    finally:
        server.stop()
        outbox.close()


def _filled(payload: str, now: int, state: str) -> Entry:
    """An entry with the payload wherever text can stand."""
    user = dict.fromkeys(("email", "phone", "external_id", "ttclid", "ttp", "ip", "user_agent", payload), payload)
    contents = [{"content_id": payload, "content_name": payload, payload: payload}]
    item: dict[str, Any] = {"event": payload, "event_id": payload, "user": user, payload: [payload]}
    item |= {"page": {"url": payload, "referrer": payload}, "properties": {"contents": contents, payload: payload}}
    facts: dict[str, Any] = dict.fromkeys(("event", "key", "reason", "request_id", "test_code", "currency"), payload)
    return Entry(
        destination=NAME,
        event_id=f"{state} {payload}",
        site="demo",
        body=json.dumps(item),
        seen_at=now,
        due_at=now,
        browser=True,
        pixel="sent",
        warnings=(payload, f"properties.{payload}: dropped"),
        state=state,
        **facts,
    )


def _read_back(payload: str) -> str:
    """As a browser has it in the page: HTML knows no NUL."""
    return payload.replace("\x00", "")


def _in_json(payload: str) -> str:
    return json.dumps(payload, ensure_ascii=False)[1:-1]


def _tell(stack: Stack, number: int, payload: str) -> int:
    """The payload in all that a browser and a back end may say; how many events were taken."""
    known = payload.replace("\x00", "").replace("\u2028", "")  # JSON with a NUL is no report at all
    part = known.replace(" ", "/")  # a space ends an address
    url = f"https://127.0.0.1/{part}?q={part}&ttclid={part}#{part}"
    content = {"content_id": known, "content_name": known, "content_type": known, "brand": known, known: known}
    properties = {"contents": [content], "description": known, "query": known, "currency": known, "status": known}
    properties |= {"value": known, "order_id": f"{number} {known}", "search_string": known, known: known}
    fields = dict.fromkeys(("consent", "ticket", "pixel", "ttclid", "ttp", "placed", "retry"), known)
    user = dict.fromkeys(("email", "phone", "external_id", "first_name", "last_name", "city", known), known)
    report = {
        "v": 1,
        "event": "PlaceAnOrder",
        "view": "mh5xk2ab" + f"{number:016d}",
        "n": 0,
        "key": f"{number}b{known}",
    }
    report |= {"url": url, "referrer": url, "properties": properties, "user": user, known: known, **fields}
    # Headers are bytes on the wire; what latin-1 cannot hold, nobody can send as itself.
    headers = {"Origin": stack.shop, "Content-Type": "text/plain", "User-Agent": f"{AGENT} {html.unescape(known)}"}
    headers |= {"X-Forwarded-For": "8.8.8.8", "Cookie": f"ttclid={known.replace(';', '')}", "Referer": url}
    told = requests.post(f"{stack.proxy}/e", json.dumps(report), headers=headers, timeout=30)
    assert told.status_code == 202, told.text
    item = {"event": "PlaceAnOrder", "event_id": f"{number}t{known}", "user": {"user_agent": known, "locale": known}}
    item |= {"page": {"url": url, "referrer": url}, "properties": {**properties, "value": 1, "currency": "MAD"}}
    told = _track(stack, [item])
    if told.status_code != 200:  # the relay is strict: once more without what it names
        item["properties"] = {"content_type": "product", "contents": [{"content_id": known, "content_name": known}]}
        item["properties"] |= {"description": known, "query": known, "value": 1, "currency": "MAD"}
        told = _track(stack, [item])
    assert told.status_code == 200, (payload, told.text)
    return 2


def _deliver_one(stack: Stack) -> None:
    """A destination that has delivered something kills what is refused; one that has not, pauses."""
    _track(stack, [{"event": "ViewContent", "event_id": "first"}])
    stack.wait_for(lambda received: received["server_events"])


def _die(stack: Stack, number: int, payload: str) -> None:
    """An event that TikTok refuses with the payload as its words and its request's id."""
    _settled(stack)
    words = {
        "code": 40002,
        "message": f"Invalid value for event_id: {payload} {number}",
        "request_id": f"{payload}{number}",
        "data": {},
    }
    stack.behave(times=1, body=words)
    before = _total(stack, "dead")
    _track(stack, [{"event": "ViewContent", "event_id": f"dies {number}"}])
    wait_until(lambda: _total(stack, "dead") > before, 60, lambda: _told(stack))


def _settled(stack: Stack) -> None:
    wait_until(lambda: not _total(stack, "waiting") and not _total(stack, "sending"), 60, lambda: _told(stack))


def _track(stack: Stack, items: list[dict[str, Any]]) -> requests.Response:
    body = {"event_source": "web", "event_source_id": PIXEL, "data": items}
    door = f"{stack.proxy}/open_api/v1.3/event/track/"
    return requests.post(door, json=body, headers={"Access-Token": "demo-key"}, timeout=30)


def _told(stack: Stack) -> str:
    overview = requests.get(f"{stack.operator}/events.json", timeout=10).json()
    return json.dumps({name: overview[name] for name in ("totals", "destinations")})


def _total(stack: Stack, state: str) -> int:
    return int(requests.get(f"{stack.operator}/events.json", timeout=10).json()["totals"][state])


def _rows(stack: Stack) -> list[int]:
    told = requests.get(f"{stack.operator}/events.json", timeout=10).json()
    return [int(story["id"]) for story in told["stories"]]
