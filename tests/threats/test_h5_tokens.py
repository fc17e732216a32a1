"""H5: forged tokens, thousands of them, order tickets and QA tokens alike: none is believed, none breaks a door."""

import random
from collections.abc import Callable
from typing import Any

from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer

from proxy.tickets import (
    QA_SALT,
    SALT,
    SKEW_SECONDS,
    VALID_SECONDS,
    BadTicket,
    QaToken,
    Ticket,
    read_qa,
    read_ticket,
    sign_order,
    sign_qa,
)
from tests.web.conftest import NOW, SECRET, Shop

SECONDS = NOW // 1000
STRANGERS = "a-strangers-" + "z" * 40
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PIXEL = "COQDA8RC77U2TMR44LI0"
DAY = 86_400


def order(key: str, keys: tuple[str, ...] = (SECRET,), now: float = SECONDS, site: str = "default") -> str:
    return sign_order(Ticket(site, "Purchase", key, 250.0, "MAD"), keys, now)


def qa(key: str, keys: tuple[str, ...] = (SECRET,), now: float = SECONDS, site: str = "default") -> str:
    return sign_qa(QaToken(site, {PIXEL: f"TEST{key}"}, int(now) + 7 * DAY), keys, now)


class Forger:
    """Makes tokens that must not be believed, out of good ones; ``other`` is a good one of the other kind."""

    def __init__(self, chance: random.Random, good: Callable[..., str], other: Callable[..., str], salt: str) -> None:
        self.chance, self.good, self.other, self.salt = chance, good, other, salt

    def token(self, key: str) -> str:
        ways = [
            *(self.changed, self.changed, self.shortened, self.lengthened, self.shuffled, self.spliced, self.noise),
            *(self.stranger, self.old, self.early, self.elsewhere, self.wrong_kind, self.wrong_salt, self.wrong_way),
            *(self.untimed, self.wrong_facts),
        ]
        return self.chance.choice(ways)(key)

    def changed(self, key: str) -> str:
        """One character another one; not the last of the signature, whose lowest bits mean nothing."""
        text = self.good(key)
        place = self.chance.randrange(len(text) - 1)
        # Base64 skips what is not of its alphabet, so the other character is of it.
        return text[:place] + self.chance.choice([c for c in ALPHABET if c != text[place]]) + text[place + 1 :]

    def shortened(self, key: str) -> str:
        text = self.good(key)
        start, end = sorted(self.chance.sample(range(len(text)), 2))
        return text[start:end]

    def lengthened(self, key: str) -> str:
        more = "".join(self.chance.choices(ALPHABET + ".", k=self.chance.choice([4, 40, 3_000])))
        return self.chance.choice([self.good(key) + more, more + self.good(key)])

    def shuffled(self, key: str) -> str:
        return ".".join(reversed(self.good(key).split(".")))

    def spliced(self, key: str) -> str:
        """The facts of one with the signature of another."""
        facts, _, _ = self.good(key).partition(".")
        return f"{facts}.{self.good(key + 'x').partition('.')[2]}"

    def noise(self, key: str) -> str:
        return self.chance.choice(["", ".", "..", "...", "a", "=" * 50, ".".join(ALPHABET), "A" * 5_000, "null"])

    def stranger(self, key: str) -> str:
        return self.good(key, (STRANGERS,))

    def old(self, key: str) -> str:
        return self.good(key, now=SECONDS - VALID_SECONDS - self.chance.randint(1, 10**8))

    def early(self, key: str) -> str:
        return self.good(key, now=SECONDS + SKEW_SECONDS + self.chance.randint(1, 10**8))

    def elsewhere(self, key: str) -> str:
        return self.good(key, site="another")

    def wrong_kind(self, key: str) -> str:
        return self.other(key)

    def wrong_salt(self, key: str) -> str:
        salt = self.chance.choice(["", "itsdangerous", "cookie-session", self.salt.upper(), self.salt + " "])
        return str(URLSafeTimedSerializer(SECRET, salt=salt).dumps(self.facts(key)))

    def wrong_way(self, key: str) -> str:
        """SHA-1 and another derivation: the defaults of itsdangerous."""
        return str(URLSafeTimedSerializer(SECRET, salt=self.salt).dumps(self.facts(key)))

    def untimed(self, key: str) -> str:
        return str(URLSafeSerializer(SECRET, salt=self.salt).dumps(self.facts(key)))

    def wrong_facts(self, key: str) -> str:
        """Unsigned, as a JSON Web Token of the kind that asks to be believed."""
        return f"eyJhbGciOiJub25lIn0.{self.good(key).partition('.')[0]}."

    def facts(self, key: str) -> dict[str, Any]:
        return {"s": "default", "e": "Purchase", "k": key, "v": 250, "c": "MAD", "u": SECONDS + DAY}


def believed(read: Callable[..., Any], text: str) -> bool:
    try:
        return bool(read(text, (SECRET,), SECONDS).site == "default")
    except BadTicket:
        return False


def test_h5_the_good_ones_are_believed() -> None:
    assert believed(read_ticket, order("k"))
    assert believed(read_qa, qa("k"))
    assert not believed(read_ticket, order("k", site="another"))


def test_h5_no_forged_ticket_is_believed(
    open_shop: Callable[..., Shop], event: Callable[..., dict[str, Any]], chance: random.Random, is_long: bool
) -> None:
    shop = open_shop(PIXELPAIR_REQUIRE_TICKET="Purchase", PIXELPAIR_REPORTS_PER_MINUTE="1000000")
    forger = Forger(chance, order, qa, SALT)
    count = 2_500 if is_long else 150
    forged = {f"k{number}": forger.token(f"k{number}") for number in range(count)}
    assert [text for text in forged.values() if believed(read_ticket, text)] == []
    reports = [
        event(event="Purchase", key=key, n=number, ticket=text) for number, (key, text) in enumerate(forged.items())
    ]
    size = 12  # some are long, and a request holds 64 KiB
    for start in range(0, count, size):
        answer = shop.post(reports[start : start + size])
        assert answer.status_code == 202, answer.text
    rows = shop.stored()
    assert len(rows) == count
    assert {(row.state, row.proved) for row in rows} == {("withheld", False)}


def test_h5_no_forged_qa_token_is_believed_and_none_lets_an_event_count(
    open_shop: Callable[..., Shop],
    event: Callable[..., dict[str, Any]],
    raw: Callable[..., Any],
    chance: random.Random,
    is_long: bool,
) -> None:
    shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="1000000")
    forger = Forger(chance, qa, order, QA_SALT)
    count = 2_500 if is_long else 150
    forged = [forger.token(f"k{number}") for number in range(count)]
    assert [text for text in forged if believed(read_qa, text)] == []
    for number, text in enumerate(forged):
        assert raw(shop, event(n=number), Cookie=f"pixelpair_qa={text}").status_code == 202
    rows = shop.stored()
    assert len(rows) == count
    assert {(row.state, row.test_code) for row in rows} == {("withheld", "")}
    assert all((row.reason or "").startswith("QA token: ") for row in rows)
