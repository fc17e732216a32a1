"""The operator's page in real browsers: it shows what comes in by itself, and keeps still otherwise."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from proxy.events.merging import merge
from proxy.operator.app import create_app
from proxy.outbox.entry import Entry
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.serving import Server
from proxy.settings import Destination, Settings, Site

PIXEL = "COQDA8RC77U2TMR44LI0"
PAYLOAD = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><svg onload=alert(3)>"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    yield opened
    opened.close()


@pytest.fixture
def put(outbox: Outbox) -> Callable[..., None]:
    """Stores one event that a browser told just now; every fact can be named."""

    def store(event_id: str, **facts: object) -> None:
        known = {
            "destination": f"demo/{PIXEL}",
            "event": "ViewContent",
            "event_id": event_id,
            "site": "demo",
            "body": "{}",
            "seen_at": now_ms(),
            "due_at": now_ms(),
            "browser": True,
            "pixel": "sent",
        }
        with outbox.write() as connection:
            outbox.add(connection, [Entry(**{**known, **facts})], now_ms())  # type: ignore[arg-type]

    return store


@pytest.fixture
def address(outbox: Outbox) -> Iterator[str]:
    """The operator's app, served as the program serves it."""
    outbox.remember("heartbeat", str(now_ms()))
    site = Site(name="demo", destinations=(Destination(name=f"demo/{PIXEL}", site="demo", pixel_code=PIXEL),))
    server = Server(create_app(outbox, Settings(sites={"demo": site})), "127.0.0.1", 0, threads=4)
    port = server._listeners[0].effective_port
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def quiet_page(page: Page) -> Iterator[Page]:
    """A page that must log no error, throw nothing, violate no policy and open no dialog."""
    wrong: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective));"
    )
    yield page
    assert page.evaluate("window.violations") == []
    assert wrong == []


def test_a_new_event_appears_by_itself(quiet_page: Page, address: str, put: Callable[..., None]) -> None:
    quiet_page.goto(address)
    expect(quiet_page.get_by_text("Open the shop and click a product")).to_be_visible()
    put("first-event")
    row = quiet_page.get_by_role("row").filter(has_text="first-event")
    expect(row).to_contain_text("waiting", timeout=10_000)
    expect(row).to_contain_text("ttp not yet set")
    expect(quiet_page.get_by_role("status")).to_contain_text("1 waiting")


@pytest.mark.one_engine
def test_a_states_change_appears_and_opened_warnings_stay_open(
    quiet_page: Page, address: str, outbox: Outbox, put: Callable[..., None]
) -> None:
    put("told", warnings=("properties.value: read as 89",))
    quiet_page.goto(address)
    quiet_page.get_by_text("1 warning").click()
    expect(quiet_page.get_by_text("properties.value: read as 89")).to_be_visible()
    [claimed] = outbox.claim(f"demo/{PIXEL}", now_ms(), 1, "token", 60_000)
    outbox.settle("token", [claimed.id], now_ms(), code=0, request_id="REQ-1")
    row = quiet_page.get_by_role("row").filter(has_text="told")
    expect(row).to_contain_text("REQ-1", timeout=10_000)
    expect(row).to_contain_text("Server & Browser")
    expect(quiet_page.get_by_text("properties.value: read as 89")).to_be_visible()


@pytest.mark.one_engine
def test_when_nothing_is_new_nothing_is_replaced_but_ages_tick(
    quiet_page: Page, address: str, put: Callable[..., None]
) -> None:
    put("still")
    quiet_page.goto(address)
    row = quiet_page.locator("tbody tr")
    row.evaluate("(element) => { element.dataset.same = 'yes'; }")
    with quiet_page.expect_response(lambda answer: "/events" in answer.url) as polled:
        pass
    assert polled.value.status == 204
    expect(row.locator("time").first).to_have_text("5 s ago", timeout=10_000)
    assert row.get_attribute("data-same") == "yes"


@pytest.mark.one_engine
def test_what_happened_before_the_clock_was_set_back_is_never_ahead(
    quiet_page: Page, address: str, outbox: Outbox, put: Callable[..., None]
) -> None:
    outbox.remember("heartbeat", str(now_ms() + 3_600_000))
    put("early", seen_at=now_ms() + 3_600_000)
    quiet_page.goto(address)
    # Once the script has ticked, ages are its own words; the mark shows that it has.
    age = quiet_page.locator("tbody tr time[data-past]").first
    age.evaluate("(element) => { element.textContent = 'not ticked yet'; }")
    expect(age).to_have_text("now", timeout=10_000)
    expect(quiet_page.locator("#heartbeat time")).to_have_text("now")
    quiet_page.wait_for_function("document.querySelector('#heartbeat time').dataset.past === ''")


def test_a_hidden_tab_rests_and_looks_at_once_when_it_is_seen_again(
    quiet_page: Page, address: str, put: Callable[..., None]
) -> None:
    quiet_page.goto(address)
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); }"
    quiet_page.evaluate(hide, True)
    quiet_page.evaluate(
        "document.body.addEventListener('htmx:beforeRequest', ({target}) => { target.dataset.rested = 'yes'; })"
    )
    put("while-away")
    expect(quiet_page.locator("#live")).to_have_attribute("data-rested", "yes", timeout=10_000)
    expect(quiet_page.get_by_text("while-away")).to_have_count(0)
    quiet_page.evaluate(hide, False)
    quiet_page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(quiet_page.get_by_text("while-away")).to_be_visible()


@pytest.mark.one_engine
def test_a_strangers_html_stays_text(quiet_page: Page, address: str, put: Callable[..., None]) -> None:
    put(PAYLOAD, event=PAYLOAD, warnings=(PAYLOAD,), reason=PAYLOAD, test_code=PAYLOAD)
    quiet_page.goto(address)
    expect(quiet_page.locator("tbody code").first).to_have_text(PAYLOAD)
    put("next")
    expect(quiet_page.get_by_text("next", exact=True)).to_be_visible(timeout=10_000)
    quiet_page.get_by_role("link", name=PAYLOAD).click()
    expect(quiet_page.get_by_role("heading", level=1)).to_have_text(PAYLOAD)
    assert quiet_page.locator("img[onerror], svg[onload]").count() == 0


def test_on_a_phone_nothing_is_wider_than_the_screen(quiet_page: Page, address: str, put: Callable[..., None]) -> None:
    quiet_page.set_viewport_size({"width": 390, "height": 844})
    put("x" * 128, event="CompletePayment", state="delivered", code=0, request_id="9" * 64, warnings=("w" * 200,))
    quiet_page.goto(address)
    quiet_page.get_by_text("1 warning").click()
    assert quiet_page.evaluate("document.documentElement.scrollWidth") <= 390
    quiet_page.get_by_role("link", name="CompletePayment").click()
    expect(quiet_page.get_by_role("heading", level=1)).to_be_visible()
    assert quiet_page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.one_engine
def test_a_program_that_stopped_is_told_and_so_is_its_return(page: Page, address: str) -> None:
    page.goto(address)
    page.route("**/events*", lambda route: route.abort())
    lost = page.get_by_text("Pixelpair does not answer")
    expect(lost).to_be_visible(timeout=10_000)
    page.unroute("**/events*")
    expect(lost).to_be_hidden(timeout=10_000)


def test_without_javascript_the_page_is_complete(browser: Browser, address: str, put: Callable[..., None]) -> None:
    put("plain")
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_text("plain", exact=True)).to_be_visible()
        page.get_by_role("link", name="1 waiting").click()
        page.get_by_role("link", name="ViewContent").click()
        expect(page.get_by_text("What to do")).to_be_visible()
    finally:
        context.close()
