"""A tester's pass: what it turns a report into, and what becomes of it when anything is wrong with it."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.tickets import QaToken, Ticket, sign_order, sign_qa
from tests.web.conftest import NOW, SECRET, Shop

Event = Callable[..., dict[str, Any]]
Open = Callable[..., Shop]

PIXEL = "COQDA8RC77U2TMR44LI0"
CRAWLER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36"
)
DAY = 86_400


def cookie(codes: dict[str, str] | None = None, site: str = "default", ago: int = 0, days: int = 7) -> str:
    made = NOW // 1000 - ago
    codes = {PIXEL: "TEST123"} if codes is None else codes
    return f"pixelpair_qa={sign_qa(QaToken(site, codes, made + days * DAY), (SECRET,), made)}"


def test_a_testers_event_passes_the_bot_filter_and_is_a_test(shop: Shop, event: Event) -> None:
    assert shop.post(event(), User_Agent=CRAWLER, Cookie=cookie()).status_code == 202
    (held,) = shop.stored()
    assert (held.state, held.test_code) == ("waiting", "TEST123")


def test_without_it_the_same_event_is_a_bots(shop: Shop, event: Event) -> None:
    shop.post(event(), User_Agent=CRAWLER)
    (held,) = shop.stored()
    assert (held.state, held.test_code) == ("withheld", "")


def test_a_code_of_the_settings_stands_where_the_token_has_none(open_shop: Open, event: Event) -> None:
    shop = open_shop(PIXELPAIR_TEST_EVENT_CODE="SET1")
    shop.post(event(n=1), Cookie=cookie({}))
    shop.post(event(n=2), Cookie=cookie())
    assert [(held.state, held.test_code) for held in shop.stored()] == [("waiting", "SET1"), ("waiting", "TEST123")]


def test_each_pixel_has_its_own_code_and_one_without_sends_nothing(open_shop: Open, event: Event) -> None:
    pixel = '[[sites.one.pixels]]\npixel_code = "C{0}"\naccess_token = "a"\n'
    site = '[sites.one]\ndomains = ["shop.example"]\n'
    shop = open_shop(site + "".join(pixel.format(str(number) * 19) for number in (1, 2, 3)))
    token = cookie({f"C{'1' * 19}": "T1", f"C{'3' * 19}": "T3"}, "one")
    shop.post(event(), Cookie=token)
    held = shop.stored()
    assert [(row.state, row.test_code) for row in held] == [("waiting", "T1"), ("withheld", ""), ("waiting", "T3")]
    assert "no test event code for the pixel C2222" in (held[1].reason or "")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (cookie(ago=7 * DAY + 1), "its days are over"),
        (cookie(ago=-301), "signed in the future"),
        (cookie(site="another"), "for another site"),
        (cookie({}), "no test event code"),
        (cookie()[:-5], "its signature is not ours"),
        ("pixelpair_qa=", "its signature is not ours"),
        (f"pixelpair_qa={'x' * 5_000}", "too long"),
        (
            f"pixelpair_qa={sign_order(Ticket('default', 'Contact', 'k', 1, 'USD'), (SECRET,), NOW / 1000)}",
            "its signature is not ours",
        ),
    ],
)
def test_a_test_never_counts_whatever_is_wrong_with_its_token(
    shop: Shop, event: Event, wrong: str, reason: str
) -> None:
    ticket = sign_order(Ticket("default", "Purchase", "k1", 250.0, "MAD"), (SECRET,), NOW / 1000)
    assert shop.post(event(), Cookie=wrong).status_code == 202
    assert shop.post(event(event="Purchase", key="k1", ticket=ticket), Cookie=wrong).status_code == 202
    assert [held.state for held in shop.stored()] == ["withheld"] * 2
    assert all(reason in (held.reason or "") for held in shop.stored())
    assert shop.refused() == {"qa": 2, "ticket_differs": 1}


def test_a_demanded_ticket_is_demanded_of_testers_too(open_shop: Open, event: Event) -> None:
    shop = open_shop(PIXELPAIR_REQUIRE_TICKET="Purchase")
    shop.post(event(event="Purchase", key="k1"), Cookie=cookie())
    assert [(held.state, held.test_code) for held in shop.stored()] == [("withheld", "TEST123")]
