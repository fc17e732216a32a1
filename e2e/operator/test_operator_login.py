"""The log-in in real browsers, over https as behind a reverse proxy: with and without JavaScript, to its end."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug import Request, Response

from e2e.passing_on import pass_on
from e2e.serving import serve
from proxy.events.merging import merge
from proxy.operator.app import create_app
from proxy.operator.password import make_hash
from proxy.operator.sessions import IDLE_SECONDS
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from proxy.serving import Server
from proxy.settings import Destination, Settings, Site
from tests.listener import make_certificate, server_tls

pytestmark = pytest.mark.one_engine

PASSWORD = "correct horse battery staple"
PIXEL = "COQDA8RC77U2TMR44LI0"


class Operator:
    """The operator's page at ``url`` over https, and its clock."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ahead = 0.0

    def seconds(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator("")
    outbox = Outbox(Sqlite(tmp_path / "outbox.db"), merge)
    outbox.remember("heartbeat", str(time.time_ns() // 1_000_000))
    site = Site(name="demo", destinations=(Destination(name=f"demo/{PIXEL}", site="demo", pixel_code=PIXEL),))
    known = {"sites": {"demo": site.model_dump()}, "trusted_hops": 1, "operator_password_hash": make_hash(PASSWORD)}
    app = create_app(outbox, Settings.model_validate(known), secret_keys=("k" * 32,), seconds=made.seconds)
    server = Server(app, "127.0.0.1", 0, threads=4)
    behind = f"http://127.0.0.1:{server._listeners[0].effective_port}"
    server.start()
    with urllib3.PoolManager(maxsize=20) as pool:

        @Request.application
        def front(request: Request) -> Response:
            """What nginx does by the lines in docs/operate.md: the Host as it came, address and scheme told."""
            told = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
            return pass_on(pool, behind, request, **told)

        with serve(front, server_tls(make_certificate(tmp_path / "both.pem"))) as made.url:
            yield made
    server.stop()
    outbox.close()


@pytest.fixture
def context(new_context: Callable[..., BrowserContext]) -> BrowserContext:
    return new_context(ignore_https_errors=True)


def log_in(page: Page, operator: Operator, password: str = PASSWORD) -> None:
    page.goto(f"{operator.url}/event/1")
    expect(page).to_have_url(f"{operator.url}/login")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_in_and_out_again(page: Page, context: BrowserContext, operator: Operator) -> None:
    log_in(page, operator, "not the password at all")
    expect(page.get_by_role("alert")).to_have_text("This is not the password.")
    log_in(page, operator)
    expect(page.get_by_role("heading", name="Test Events")).to_be_visible()
    found = {cookie["name"]: cookie for cookie in context.cookies()}
    assert set(found) == {"__Host-pixelpair-login", "__Host-pixelpair-operator"}
    cookie = found["__Host-pixelpair-operator"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{operator.url}/login")
    assert [one["name"] for one in context.cookies()] == ["__Host-pixelpair-login"]
    context.add_cookies([cookie])
    page.goto(operator.url)
    expect(page).to_have_url(f"{operator.url}/login")


def test_a_page_left_open_goes_to_the_log_in_when_its_session_ends(page: Page, operator: Operator) -> None:
    log_in(page, operator)
    expect(page.get_by_role("heading", name="Test Events")).to_be_visible()
    operator.ahead = IDLE_SECONDS
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=60_000)
    assert page.url == f"{operator.url}/login"


def test_without_javascript_on_a_narrow_screen(browser: Browser, operator: Operator) -> None:
    context = browser.new_context(
        java_script_enabled=False, ignore_https_errors=True, viewport={"width": 360, "height": 640}
    )
    try:
        page = context.new_page()
        log_in(page, operator, "wrong")
        expect(page.get_by_text("This is not the password.")).to_be_visible()
        box = page.locator("form.login").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        log_in(page, operator)
        expect(page.get_by_role("heading", name="Test Events")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    finally:
        context.close()


def test_the_policy_lets_the_form_through_and_nothing_is_wider_than_the_screen(page: Page, operator: Operator) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective));"
    )
    log_in(page, operator, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("[document.documentElement.scrollWidth <= 360, window.violations]") == [True, []]
    log_in(page, operator)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    assert page.evaluate("[document.documentElement.scrollWidth <= 360, window.violations]") == [True, []]


def test_a_form_on_another_site_cannot_log_out(page: Page, operator: Operator) -> None:
    log_in(page, operator)
    expect(page.get_by_role("heading", name="Test Events")).to_be_visible()
    form = f"<form method=post action='{operator.url}/logout'><input name=token value=x><button>Go</button></form>"
    page.route("https://evil.example/", lambda route: route.fulfill(content_type="text/html", body=form))
    page.goto("https://evil.example/")
    page.get_by_role("button", name="Go").click()
    page.wait_for_url(f"{operator.url}/**")
    page.goto(operator.url)
    expect(page.get_by_role("heading", name="Test Events")).to_be_visible()
