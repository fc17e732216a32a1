"""S6: no page elsewhere acts in the operator's name, and the public door has no authority that could be borrowed."""

from pathlib import Path

import pytest

from proxy.operator.login import ELSEWHERE
from tests.threats.operator_door import HOST, PASSWORD, SECURE, Browser, Door
from tests.web.conftest import SHOP, Shop

FOREIGN = [
    "https://evil.example",
    f"https://{HOST}.evil.example",
    f"https://evil.example/{HOST}",
    f"https://evil@{HOST}",
    f"https://{HOST}:8443",
    f"http://{HOST}",
    f"{HOST}",
    f"https://{HOST}, https://evil.example",
    "null",
    "",
    "https://[",
    "file://",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_form_of_another_site_neither_logs_in_nor_out(person: Browser, origin: str) -> None:
    answer = person.log_in(Origin=origin)
    assert (answer.status_code, answer.text) == (403, f"{ELSEWHERE}\n")
    person.log_in()
    assert person.post("/logout", {"token": person.token("/")}, Origin=origin).status_code == 403
    assert person.ask("/").status_code == 200


def test_a_form_without_an_origin_is_refused(person: Browser) -> None:
    token = person.token()
    assert person.ask("/login", "POST", data={"token": token, "password": PASSWORD}).status_code == 403


def test_a_token_of_another_browser_is_none(door: Door, person: Browser) -> None:
    """What an attacker's own visit got him does not fit the operator's cookie."""
    stolen = door.browser().token()
    for token in (stolen, "", "x", person.token()[:-1], "é\x00"):
        answer = person.post("/login", {"token": token, "password": PASSWORD})
        assert answer.status_code == 403, token
        assert "open for too long" in answer.text
        assert person.ask("/").status_code == 303
    person.log_in()
    assert person.post("/logout", {"token": stolen}).status_code == 403
    assert person.ask("/").status_code == 200


def test_a_token_from_before_the_log_in_does_not_log_out(person: Browser) -> None:
    before = person.token()
    person.log_in()
    assert person.post("/logout", {"token": before}).status_code == 403


def test_nothing_is_done_by_get_or_by_a_form_without_its_own_type(person: Browser) -> None:
    token = person.token()
    assert person.ask(f"/login?token={token}&password={PASSWORD}").status_code == 200
    assert person.ask("/").status_code == 303
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        answer = person.post("/login", {"token": token, "password": PASSWORD}, Content_Type=kind)
        assert answer.status_code == 415, kind
    person.log_in()
    assert person.ask("/logout").status_code == 405
    assert person.ask("/").status_code == 200


def test_pages_take_no_method_that_writes(person: Browser) -> None:
    person.log_in()
    for path in ("/", "/events", "/events.json", "/event/1"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert person.ask(path, method).status_code == 405, (path, method)


def test_a_page_elsewhere_cannot_report_and_an_operators_cookie_gives_a_report_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path, SHOP)
    try:
        body = {"v": 1, "event": "ViewContent", "view": "mh5xk2ab" + "a" * 16, "n": 0, "url": "https://shop.example/"}
        cookie = f"{SECURE}=anything"
        assert shop.post(body, Origin="https://evil.example", Cookie=cookie).status_code == 403
        assert shop.post(body, Origin=None, Cookie=cookie).status_code == 403
        assert shop.stored() == []
        assert shop.post(body, Cookie=cookie).status_code == 202
        [entry] = shop.stored()
        assert not entry.proved
        assert "anything" not in entry.body
    finally:
        shop.close()
