"""S23: every secret can be changed without a gap, and the old one opens nothing afterwards."""

from pathlib import Path

import pytest

from proxy.outbox import keys
from proxy.settings import load
from proxy.tickets import BadTicket, Ticket, read_ticket, sign_order
from tests.web.conftest import NOW, Shop

OLD, NEW = "old-" + "k" * 40, "new-" + "k" * 40
PIXEL = {"PIXELPAIR_PIXEL_CODE": "COQDA8RC77U2TMR44LI0"}


def test_s23_a_signing_key() -> None:
    order = Ticket("shop", "Purchase", "wc_order_1", 10.0, "MAD")
    of_before = sign_order(order, [OLD], NOW / 1000)
    assert read_ticket(of_before, [NEW, OLD], NOW / 1000) == order
    assert read_ticket(sign_order(order, [NEW, OLD], NOW / 1000), [NEW], NOW / 1000) == order
    with pytest.raises(BadTicket):
        read_ticket(of_before, [NEW], NOW / 1000)


def test_s23_an_api_key(shop: Shop) -> None:
    made, old = keys.make(shop.outbox, next(iter(shop.doors.settings.sites)), NOW)
    _, new = keys.make(shop.outbox, next(iter(shop.doors.settings.sites)), NOW)

    def status(key: str) -> int:
        doors = type(shop.doors.keys)(shop.doors.settings, shop.outbox)  # as a process that looks anew
        object.__setattr__(shop.doors, "keys", doors)
        answer = shop.client.post("/t/open_api/v1.3/event/track/", headers={"Access-Token": key}, json={})
        return int(answer.status_code)

    assert (status(old), status(new)) == (400, 400), "both are let in, to be told what their body lacks"
    keys.revoke(shop.outbox, made.number, NOW)
    assert (status(old), status(new)) == (401, 400)


def test_s23_tiktoks_token_is_read_afresh_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("the-old-one\n")
    [destination] = load(None, {**PIXEL, "PIXELPAIR_ACCESS_TOKEN_FILE": str(file)}, None).destinations
    assert destination.token() == "the-old-one"
    file.write_text("the-new-one\n")
    assert destination.token() == "the-new-one"
