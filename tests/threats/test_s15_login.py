"""S15: nobody sees the operator's pages from elsewhere without the password, nor guesses it, nor outlives a session."""

import logging
import math
from pathlib import Path

import pytest

from proxy.operator import password
from proxy.operator.app import create_app
from proxy.operator.sessions import IDLE_SECONDS, LONGEST_SECONDS, MOST, Sessions
from proxy.operator.throttle import ADDRESS_SECONDS, DIRECT, IN_ALL, PER_ADDRESS, Throttle
from tests.operator.conftest import settings
from tests.threats.operator_door import HTTPS, KEY, PASSWORD, SECURE, VISITOR, Browser, Door

PAGES = ["/", "/?state=dead", "/event/1", "/nowhere", "/vendor/nothing.js"]
POLLED = ["/events", "/events?seen=1", "/events.json"]
OTHER_KEY = "another-key-that-is-long-enough-0123456789ab"


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_every_page_leads_to_the_log_in(person: Browser, path: str) -> None:
    answer = person.ask(path)
    assert (answer.status_code, answer.headers["Location"], answer.data) == (303, "/login", b"")


@pytest.mark.parametrize("path", POLLED)
def test_without_a_session_what_polls_gets_401_and_is_sent_to_the_log_in(person: Browser, path: str) -> None:
    answer = person.ask(path)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")
    assert "demo" not in answer.text


def test_every_route_but_the_named_ones_asks_for_a_session(door: Door) -> None:
    public = set()
    for rule in door.app.url_map.iter_rules():
        path = rule.build({"row_id": 1, "name": "htmx.min.js", "filename": "operator.css"})
        assert path is not None
        if "GET" in rule.methods and door.browser().ask(path[1]).status_code == 200:  # type: ignore[operator]
            public.add(rule.endpoint)
    assert public == {"static", "vendored", "log_in_form"}


def test_the_password_opens_every_page_and_log_out_closes_them_for_copies_of_the_cookie_too(person: Browser) -> None:
    answer = person.log_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    for path in ["/", *POLLED]:
        assert person.ask(path).status_code == 200, path
    assert person.ask("/login").headers["Location"] == "/"
    copy = dict(person.cookies)
    assert person.post("/logout", {"token": person.token("/")}).headers["Location"] == "/login"
    assert SECURE not in person.cookies
    person.cookies = copy
    assert person.ask("/").headers["Location"] == "/login"
    assert person.ask("/events").status_code == 401


def test_wrong_input_of_any_kind_gets_one_sentence_and_the_same_work(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = password.matches
    monkeypatch.setattr(password, "matches", lambda kept, given: compared.append(given) or real(kept, given))
    tried = ["", " ", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper(), "\x00", "é" * 500, "%s{}"]
    told = set()
    for wrong in tried:
        person = door.browser()
        answer = person.log_in(wrong)
        assert answer.status_code == 403
        assert person.ask("/").status_code == 303
        told.add(answer.text.replace(person.token(), ""))
    assert len(told) == 1
    assert compared == tried


def test_a_form_too_large_is_refused_before_it_is_read(person: Browser) -> None:
    assert person.log_in("x" * 10_000).status_code == 413


def test_one_password_typed_on_two_systems_is_one() -> None:
    kept = password.make_hash("caf\u00e9 caf\u00e9 caf\u00e9 caf\u00e9")
    assert password.matches(kept, "cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301")
    assert not password.matches(kept, "cafe cafe cafe cafe")


def test_after_some_wrong_passwords_an_address_waits_and_nobody_else_does(door: Door) -> None:
    person = door.browser()
    for _ in range(PER_ADDRESS):
        assert person.log_in("wrong").status_code == 403
    refused = person.log_in()  # the right one tells nothing either
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(ADDRESS_SECONDS))
    assert person.ask("/").status_code == 303
    # An address invented on the left of the header is none.
    assert person.log_in(X_Forwarded_For="198.51.100.9, 203.0.113.7").status_code == 429
    assert door.browser(X_Forwarded_For="203.0.113.8").log_in().status_code == 303
    door.seconds += ADDRESS_SECONDS
    assert person.log_in().status_code == 303


def test_one_home_with_many_addresses_of_ipv6_is_one_address(door: Door) -> None:
    for number in range(PER_ADDRESS):
        assert door.browser(X_Forwarded_For=f"2001:db8:1:2::{number:x}").log_in("wrong").status_code == 403
    assert door.browser(X_Forwarded_For="2001:db8:1:2:ffff::1").log_in("wrong").status_code == 429
    assert door.browser(X_Forwarded_For="2001:db8:1:3::1").log_in("wrong").status_code == 403


def test_a_right_password_forgives_the_slips_before_it(door: Door) -> None:
    for _ in range(3):
        person = door.browser()
        for _ in range(PER_ADDRESS - 1):
            assert person.log_in("wrong").status_code == 403
        assert person.log_in().status_code == 303
        door.seconds += 60  # what is let pass in all is another rule


def test_many_addresses_together_wait_too_but_do_not_lock_out_this_machine(door: Door) -> None:
    for number in range(IN_ALL):
        assert door.browser(X_Forwarded_For=f"198.51.100.{number}").log_in("wrong").status_code == 403
    assert door.browser(X_Forwarded_For="192.0.2.1").log_in().status_code == 429
    assert door.direct().log_in().status_code == 303
    door.seconds += 60
    assert door.browser(X_Forwarded_For="192.0.2.1").log_in().status_code == 303


def test_the_throttle_remembers_no_more_than_it_lets_pass() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    most = 0
    for number in range(50_000):
        now += 0.05
        throttle.wait(DIRECT if number % 7 == 0 else f"198.51.{number % 65_536}")
        most = max(most, len(throttle))
    assert most == math.ceil(ADDRESS_SECONDS / 60) * IN_ALL + PER_ADDRESS


def test_a_session_ends_after_half_an_hour_without_use(door: Door, person: Browser) -> None:
    person.log_in()
    for _ in range(5):
        door.seconds += IDLE_SECONDS - 1
        assert person.ask("/").status_code == 200
    door.seconds += IDLE_SECONDS
    assert person.ask("/").status_code == 303
    assert person.ask("/").status_code == 303


def test_a_page_that_only_polls_does_not_keep_its_session_open(door: Door, person: Browser) -> None:
    person.log_in()
    for _ in range(29):
        door.seconds += 60
        assert [person.ask(path).status_code for path in POLLED] == [200] * len(POLLED)
    door.seconds += 60
    assert [person.ask(path).status_code for path in POLLED] == [401] * len(POLLED)


def test_a_session_in_use_ends_after_twelve_hours(door: Door, person: Browser) -> None:
    person.log_in()
    for _ in range(LONGEST_SECONDS // 600 - 1):
        door.seconds += 600
        assert person.ask("/").status_code == 200
    door.seconds += 600
    assert person.ask("/").status_code == 303


def test_a_log_in_has_an_id_of_its_own_that_nobody_set_before(person: Browser) -> None:
    person.ask("/login")
    before = person.cookies[f"__Host-{VISITOR}"]
    person.cookies[SECURE] = before
    person.log_in()
    first = person.cookies[SECURE]
    person.post("/logout", {"token": person.token("/")})
    person.log_in()
    assert len({before, first, person.cookies[SECURE]}) == 3
    person.cookies = {SECURE: before}
    assert person.ask("/").status_code == 303
    assert len(first.partition(".")[0]) >= 43  # 256 bits


def test_a_link_from_another_site_does_not_end_the_session(person: Browser) -> None:
    """Browsers follow it without the strict cookies, but keep what its answer sets."""
    person.log_in()
    kept = dict(person.cookies)
    person.cookies = {}
    assert person.ask("/login").status_code == 200
    person.cookies = {**kept, **person.cookies}
    assert person.ask("/").status_code == 200


def test_cookies_that_are_not_ours_open_nothing(door: Door, person: Browser) -> None:
    person.log_in()
    good = person.cookies[SECURE]
    forged = Sessions((OTHER_KEY,), lambda: door.seconds).begin()
    strange = ["", ".", "x", good[:-1], good[1:], f"{good}x", good.swapcase(), forged, "é", "a" * 5_000, "%00", '"\\']
    strange += [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good) - 1, 3)]
    for cookie in strange:
        person.cookies = {SECURE: cookie}
        assert person.ask("/").status_code == 303, cookie
        assert person.ask("/login").status_code == 200, cookie
    person.cookies = {SECURE: good}
    assert person.ask("/").status_code == 200


def test_a_new_signing_key_in_front_takes_the_cookies_and_forms_of_the_old_one() -> None:
    old = Sessions((OTHER_KEY,), lambda: 0.0)
    cookie = old.visitor()
    token = old.token(cookie)
    rotated = Sessions((KEY, OTHER_KEY), lambda: 0.0)
    assert rotated.is_ours(cookie)
    assert rotated.is_token(cookie, token)
    assert rotated.visitor() != cookie
    assert not old.is_ours(rotated.visitor())
    dropped = Sessions((KEY,), lambda: 0.0)
    assert not dropped.is_ours(cookie)
    assert not dropped.is_token(cookie, token)


def test_only_so_many_sessions_are_open_and_the_one_unused_longest_ends() -> None:
    now = 0.0
    sessions = Sessions((KEY,), lambda: now)
    cookies = [sessions.begin() for _ in range(MOST)]
    now = 1.0
    assert sessions.is_open(cookies[0], used=True)
    assert sessions.is_open(cookies[1], used=False)
    newest = sessions.begin()
    opened = [sessions.is_open(cookie, used=False) for cookie in [*cookies, newest]]
    assert opened == [True, False] + [True] * (MOST - 1)


def test_with_a_password_the_page_is_seen_from_elsewhere_and_without_one_it_is_not(door: Door, tmp_path: Path) -> None:
    assert door.browser().log_in().status_code == 303
    without = create_app(door.outbox, settings()).test_client()
    assert without.get("/", headers=HTTPS).status_code == 403
    assert without.get("/login").status_code == 404


def test_the_log_tells_of_log_ins_but_not_what_was_typed(person: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    person.log_in("a wrong password 12345")
    person.log_in()
    told = [record.getMessage() for record in caplog.records if record.name == "proxy.operator.login"]
    assert told == [
        "wrong password for the operator's page, from 203.0.113.7",
        "log-in to the operator's page, from 203.0.113.7",
    ]
    assert "12345" not in caplog.text
    assert PASSWORD not in caplog.text
