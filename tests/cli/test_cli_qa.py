"""``pixelpair qa-token``: made for one site, with a code for each of its pixels, or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from proxy.cli.opening import now_ms
from proxy.outbox.store import Outbox
from proxy.tickets import BadTicket, QaToken, read_qa

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def there(outbox: Outbox) -> None:
    """An outbox, as `serve` has made it."""


def keys(folder: Path) -> list[str]:
    return (folder / "outbox.secret").read_text().split()


def test_it_prints_the_token_alone(pixelpair: Run, folder: Path) -> None:
    done = pixelpair("qa-token", "--site", "shop", "--code", "TEST123")
    token = read_qa(done.stdout.strip(), keys(folder), now_ms() / 1000)
    assert (token.site, token.codes) == ("shop", {"COQDA8RC77U2TMR44LI0": "TEST123"})
    assert "pixelpair_qa" in done.stderr


def test_it_is_good_for_as_many_days_as_asked(told: Callable[..., Any], folder: Path) -> None:
    answer = told("qa-token", "--site", "shop", "--code", "TEST123", "--days", "2")
    until = answer["until"] / 1000
    assert 2 * 86_400 - 60 < until - now_ms() / 1000 <= 2 * 86_400
    assert isinstance(read_qa(answer["token"], keys(folder), until), QaToken)
    with pytest.raises(BadTicket, match="days are over"):
        read_qa(answer["token"], keys(folder), until + 1)


def test_each_pixel_has_its_code(told: Callable[..., Any]) -> None:
    codes = ("--code", "C4EXAMPLE0PIXEL0COD2=T2", "--code", "C4EXAMPLE0PIXEL0COD3=T3")
    answer = told("qa-token", "--site", "uk", *codes)
    assert answer["codes"] == {"C4EXAMPLE0PIXEL0COD2": "T2", "C4EXAMPLE0PIXEL0COD3": "T3"}


def test_a_code_of_the_settings_stands_in(pixelpair: Run, told: Callable[..., Any], folder: Path) -> None:
    path = folder / "pixelpair.toml"
    path.write_text(path.read_text().replace('token"\n[sites.uk]', 'token"\ntest_event_code = "SET1"\n[sites.uk]'))
    assert told("qa-token", "--site", "shop")["codes"] == {"COQDA8RC77U2TMR44LI0": "SET1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--code", "T"), "There are several sites"),
        (("--site", "shop"), "its events would count"),
        (("--site", "nowhere", "--code", "T"), "No site is named"),
        (("--site", "uk", "--code", "T"), "PIXEL=CODE"),
        (("--site", "uk", "--code", "C4EXAMPLE0PIXEL0COD2=T"), "C4EXAMPLE0PIXEL0COD3 has no test event code"),
        (("--site", "shop", "--code", "C4EXAMPLE0PIXEL0COD2=T"), "a pixel of this site"),
        (("--site", "shop", "--code", "T", "--days", "0"), "1<=x<=90"),
        (("--site", "shop", "--code", "T", "--days", "91"), "1<=x<=90"),
    ],
)
def test_what_is_missing_or_wrong_is_said(pixelpair: Run, words: tuple[str, ...], said: str) -> None:
    done = pixelpair("qa-token", *words, code=2)
    assert said in done.stderr
    assert done.stdout == ""
