"""S12 (and H8): nothing raw that any door is told stays anywhere or goes out, and no secret either.

A canary is a piece of text that stands nowhere else. One is put into every field of every door of the running program;
then everything that the program wrote, sent and shows is searched for it.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from proxy.outbox.entry import Entry
from tests.faults.conftest import TOKEN, Proxy, running_sandbox
from tests.faults.ledger import fresh_view
from tests.program import PIXEL, PIXELPAIR, wait_for
from tests.web.conftest import SHOP, Shop, open_shop

__all__ = ["open_shop"]

MARK = "cnry"
# The sandbox knows one access token only; it too may stand nowhere.
SECRET = re.compile(rb"cnry[0-9a-f]{16}|" + TOKEN.encode(), re.IGNORECASE)
ORDINARY = "told-in-plain-words"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"

TEXTS = ("content_id", "content_type", "content_name", "description", "order_id", "query", "status", "brand")
FIELDS = ("currency", "value", "quantity", "num_items", "email", "phone", "phone_number", "note", "a.b")
USER = ("email", "phone", "external_id", "first_name", "last_name", "city", "state", "country", "zip_code", "locale")
TOP = ("v", "key", "placed", "time", "sent", "url", "referrer", "ttclid", "ttp", "consent", "ticket", "pixel", "retry")
ODD_TOP = ("event", "view", "n", "site", "properties", "user", "email", "test_event_code")


def token() -> str:
    return MARK + secrets.token_hex(8)


def email() -> str:
    return f"{token()}@leak.example"


class Phones:
    """Moroccan mobile numbers, each told once; their last nine digits are the canary."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def __call__(self) -> str:
        number = f"6{secrets.randbelow(10**8):08}"
        self.told.add(number)
        return f"+212 {number[:3]}-{number[3:6]} {number[6:]}"

    def found_in(self, content: bytes) -> list[str]:
        """Those that stand in it as they were told, or as digits alone."""
        plain = re.sub(rb"[ -]", b"", content).decode("utf-8", "replace")
        numbers = {match[-9:] for match in re.findall(r"(?<![0-9a-f])(?:\+?212|0)?(6[0-9]{8})(?![0-9a-f])", plain)}
        return sorted(numbers & self.told)


def urls() -> Iterator[str]:
    """Every place of an address in which someone's data can ride."""
    shop = "http://localhost"
    for one in (email(), quote(email()), quote(quote(email(), safe=""), safe="")):
        yield f"{shop}/reset?email={one}"
        yield f"{shop}/reset?utm_content={one}"
        yield f"{shop}/of/{one}/orders"
        yield f"{shop}/#{one}"
    yield f"http://{token()}:{token()}@localhost/"
    yield f"{shop}/pay?token={token()}&name={token()}#access_token={token()}"


def reports(phone: Callable[[], str]) -> Iterator[dict[str, Any]]:
    """Reports of a browser, each with a canary in one field."""
    for name in TOP + ODD_TOP:
        yield {name: email()}
        yield {name: [email()]}
        yield {name: {email(): email()}}
    for url in urls():
        yield {"url": url}
    for url in urls():
        yield {"referrer": url}
    for name in TEXTS + FIELDS:
        yield {"properties": {name: email()}}
        yield {"properties": {"contents": [{"content_id": "1", name: email()}]}}
        yield {"properties": {"deep": [{"er": {name: [email()]}}]}}
    for name in ("email", "phone", "phone_number"):
        yield {"properties": {name: phone(), "deep": {name: phone()}, "contents": [{"content_id": "1", name: phone()}]}}
    yield {"properties": {"content_ids": [email(), email()]}}
    yield {"properties": {email(): "1", "deep": {email(): "1"}, "contents": [{"content_id": "1", email(): 1}]}}
    for name in (*USER, "phone_number", "password", email()):
        yield {"user": {name: email()}}
        yield {"user": {name: [email(), email()]}}
        yield {"user": {name: phone()}}
    yield {"user": {"external_id": token(), "first_name": token(), "last_name": [token()], "zip_code": token()}}
    yield {"event": "CompletePayment", "key": email(), "properties": {"order_id": email(), "value": 1}}


def items(phone: Callable[[], str]) -> Iterator[dict[str, Any]]:
    """The same for the relay: what it cannot take it refuses as a whole, so each item is a request of its own."""
    for report in reports(phone):
        page = {name: report.pop(name) for name in ("url", "referrer") if name in report}
        item: dict[str, Any] = {**report, "page": {"url": "http://localhost/", **page}}
        signals = {name: item.pop(name) for name in ("ttclid", "ttp") if name in item}
        if signals:
            item["user"] = signals
        yield item
    for name in ("event_id", "event_time", "limited_data_use", "page", "device", "context"):
        yield {name: email()}
    for name in ("ip", "user_agent", "ttclid", "ttp"):
        yield {"user": {name: email()}}
    yield {"device": {"device_model": email(), email(): "1", "phone": phone()}}


def headers() -> dict[str, str]:
    """What a browser may send along, with a canary in each that an honest one can carry."""
    return {
        "User-Agent": f"{BROWSER} {email()}",
        "Cookie": f"session={token()}; ttclid={email()}; _ttp={email()}; pixelpair_ttclid={email()}",
        "Referer": f"http://localhost/reset?token={token()}",
        "Authorization": f"Bearer {token()}",
        "X-Forwarded-For": email(),
        "X-Request-Id": token(),
    }


class Told:
    """The doors of one running proxy, and every answer they gave."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.answers: list[bytes] = []
        self.statuses: list[int] = []

    def keep(self, answer: requests.Response) -> requests.Response:
        self.answers.append(f"{answer.headers}".encode() + answer.content)
        self.statuses.append(answer.status_code)
        return answer

    def browser(self, report: dict[str, Any], **more: str) -> None:
        base = {
            "v": 1,
            "event": "ViewContent",
            "view": fresh_view(),
            "n": 1,
            "url": "http://localhost/",
            "pixel": "sent",
        }
        sent = {"Origin": self.proxy.address, "Content-Type": "text/plain", "User-Agent": BROWSER, **more}
        body = json.dumps({**base, **report})
        self.keep(requests.post(f"{self.proxy.address}/t/e?email={email()}", body, headers=sent, timeout=30))

    def back_end(self, key: str, item: dict[str, Any], **request: Any) -> None:
        base = {"event": "ViewContent", "event_id": secrets.token_hex(8), "page": {"url": "http://localhost/"}}
        body = {"event_source": "web", "event_source_id": PIXEL, "data": [{**base, **item}], **request}
        address = f"{self.proxy.address}/t/open_api/v1.3/event/track/?access_token={token()}"
        self.keep(requests.post(address, json=body, headers={"Access-Token": key}, timeout=30))

    def get(self, address: str, **how: Any) -> None:
        self.keep(requests.get(address, timeout=30, **how))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A proxy all of whose secrets are canaries, with its temporary files in its own folder."""
    with running_sandbox(tmp_path / "sandbox") as sandbox:
        folder = tmp_path / "proxy"
        (folder / "tmp").mkdir(parents=True)
        own = {"PIXELPAIR_API_KEYS": token(), "PIXELPAIR_SECRET_KEYS": token() + token() + token()}
        rules = {"PIXELPAIR_DEFAULT_REGION": "MA", "PIXELPAIR_REPORTS_PER_MINUTE": "100000"}
        one = Proxy(folder, sandbox, (PIXELPAIR,), {**own, **rules, "TMPDIR": str(folder / "tmp")})
        yield one.start()
        one.kill()


def everything(proxy: Proxy) -> dict[str, bytes]:
    """All that the proxy wrote, sent and shows, by where it stands."""
    found = {str(path): path.read_bytes() for path in proxy.folder.rglob("*") if path.is_file()}
    page = f"http://127.0.0.1:{proxy.operator_port}"
    listed = requests.get(f"{page}/events.json", timeout=30).content
    found |= {"/events.json": listed, "/": requests.get(page, timeout=30).content}
    for row in re.findall(rb'"id":\s*(\d+)', listed):
        address = f"{page}/event/{row.decode()}"
        found[address] = requests.get(address, timeout=30).content
    received = proxy.sandbox.server_events()
    found |= {f"outgoing {event['number']}": json.dumps(event).encode() for event in received}
    found["requests"] = json.dumps(proxy.sandbox.requests()).encode()
    for words in (("status", "--json"), ("events", "--key", ORDINARY, "--json"), ("dead", "list", "--json")):
        found[" ".join(words)] = proxy.run(*words).encode()
    for letter in json.loads(found["dead list --json"])["dead"]:
        found[f"dead show {letter['id']}"] = proxy.run("dead", "show", str(letter["id"]), "--json").encode()
    return found


def test_s12_nothing_raw_stays_goes_out_or_is_shown(proxy: Proxy) -> None:
    told, phone, key = Told(proxy), Phones(), proxy.environ["PIXELPAIR_API_KEYS"]
    proxy.sandbox.behave(refuse_ids=["to-be-refused"], times=None)
    known = email()
    told.browser({"user": {"email": known}, "properties": {"description": ORDINARY}})
    told.back_end(key, {"event_id": "to-be-refused", "user": {"email": email(), "phone": phone()}})
    told.back_end(key, {"event": "CompletePayment", "event_id": ORDINARY, "user": {"email": email()}})
    for report in reports(phone):
        told.browser(report)
    told.browser({}, **headers())
    told.browser({}, Origin=f"http://{token()}.example")
    told.browser({}, **{"Content-Type": f"text/{token()}"})
    for item in items(phone):
        told.back_end(key, item)
    for name in ("event_source", "event_source_id", "test_event_code", "data", "other"):
        told.back_end(key, {}, **{name: email()})
    told.back_end(token(), {"user": {"email": email()}})
    for path in (f"tag.js?site={email()}", f"{token()}?e={email()}", f"e?token={token()}", f"readyz?e={email()}"):
        told.get(f"{proxy.address}/t/{path}", headers=headers())
    for body in (f'{{"email": "{email()}"', f'{{"a": NaN, "e": "{email()}"}}', f'{{"{email()}": 1, "{email()}": 2}}'):
        told.keep(requests.post(f"{proxy.address}/t/e", body, headers={"Origin": proxy.address}, timeout=30))
    page = f"http://127.0.0.1:{proxy.operator_port}"
    for path in (f"?site={email()}", f"?state={email()}", f"events?seen={email()}", f"event/{token()}", token()):
        told.get(f"{page}/{path}", headers={"Referer": f"http://localhost/{token()}"})
    assert max(told.statuses) < 500, proxy.log()
    assert told.statuses.count(202) > 150, "most reports of browsers are repaired, not refused"
    assert told.statuses.count(200) > 60, "the relay took most of what is no wrong type"
    wait_for(lambda: b"to-be-refused" in proxy.run("dead", "list", "--json").encode())
    proxy.drain()

    found = everything(proxy)
    database = b"".join(content for place, content in found.items() if "outbox.db" in place)
    outgoing = b"".join(content for place, content in found.items() if place.startswith("outgoing"))
    for content in (database, outgoing):
        assert ORDINARY.encode() in content, "what may be told is found by the same search"
        assert hashlib.sha256(known.encode()).hexdigest().encode() in content, "and so is what was hashed"
    assert [place for place in found if place.startswith("dead show")]
    found |= {f"answer {number}": content for number, content in enumerate(told.answers)}
    leaks = {place: sorted(set(SECRET.findall(content))) + phone.found_in(content) for place, content in found.items()}
    shown = {place: (leak[:3], _around(found[place], leak[0])) for place, leak in leaks.items() if leak}
    assert shown == {}


def _around(content: bytes, leak: bytes | str) -> bytes:
    at = content.find(leak if isinstance(leak, bytes) else leak.encode())
    return content[max(at - 80, 0) : at + 60] if at >= 0 else b""


def test_s12_a_failure_inside_tells_nobody_what_was_told(
    open_shop: Callable[..., Shop],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = open_shop()

    def fail(rows: list[Entry]) -> None:
        raise RuntimeError(f"could not store {known} of {rows!r}")

    known = email()
    monkeypatch.setattr(shop.commit, "store", fail)
    report = {"v": 1, "event": "Lead", "view": fresh_view(), "n": 1, "url": f"https://shop.example/?e={known}"}
    item = {"event": "Lead", "event_id": "1", "user": {"email": known, "ip": "8.8.8.8"}}
    body = {"event_source": "web", "event_source_id": PIXEL, "data": [item]}
    keys = {"Access-Token": SHOP["PIXELPAIR_API_KEYS"]}
    answers = [
        shop.post(report),
        shop.post([report, {**report, "n": 2}]),
        shop.client.post("/t/open_api/v1.3/event/track/", headers=keys, json=body),
    ]
    assert [answer.status_code for answer in answers] == [500, 202, 500]
    assert "RuntimeError" in caplog.text
    told = caplog.text.encode() + b"".join(answer.data for answer in answers)
    assert SECRET.findall(told) == []
    assert SHOP["PIXELPAIR_API_KEYS"].encode() not in told
