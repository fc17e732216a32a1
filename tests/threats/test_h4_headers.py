"""H4: headers of every odd kind, thousands of them: no answer of 5xx, and a stored address is a public one or none."""

import ipaddress
import json
import random
from collections.abc import Callable
from typing import Any

from tests.web.conftest import Shop

ADDRESSES = [
    *("9.9.9.9", "10.0.0.1", "2606:4700::1", "fe80::1%eth0", "::ffff:9.9.9.9", "[2606:4700::1]:443", "9.9.9.9:80"),
    *("256.1.1.1", "unknown", "", "::", "1", "0x1.2.3.4", "224.0.0.1", "<script>", "9.9.9.9\0", "\u0669.9.9.9"),
]
ORIGINS = ["https://shop.example", "https://www.shop.example", "https://evil.example", "null", "https://", "x:y", "//"]
HOSTS = ["shop.example", "evil.example", "[::1", "a b", "", "shop.example:65536", "\u00e4.example"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "curl/8", "Googlebot/2.1", ""]
COOKIES = ["ttclid", "_ttp", "pixelpair_ttclid", "pixelpair_qa", "", "a;b", "$Version"]
VALUES = ["E.C.P.abcdefgh", "2F7h37YkS1j57AYSKTI7IHhJPYH", '"', "%00", "\\073", "=", "x" * 3_000]


class Odd:
    """Makes odd header values."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def noise(self) -> str:
        """Up to 8 KiB of any bytes, as a server hands them over: one character each."""
        longest = self.chance.choice([4, 40, 400, 8_192])
        length = self.chance.randint(0, longest)
        kind = self.chance.randrange(4)
        if kind == 0:
            return self.chance.randbytes(length).decode("latin-1")
        if kind == 1:
            return "".join(self.chance.choices("\x00\x01\t\r\n\x1b\x7f\x80\xff ,;:=\"'\\", k=length))
        if kind == 2:
            return (
                "".join(self.chance.choices("\u0661\u05d0\U0001f6d2\u2028K", k=length // 4)).encode().decode("latin-1")
            )
        return self.chance.choice("aA0.,:[%") * length

    def of(self, known: list[str]) -> str:
        value = self.chance.choice(known) if self.chance.random() < 0.7 else self.noise()
        if self.chance.random() < 0.15:
            place = self.chance.randint(0, len(value))
            value = value[:place] + self.noise()[:20] + value[place:]
        return value.encode("utf-8", "surrogateescape").decode("latin-1") if not value.isascii() else value

    def headers(self) -> dict[str, str]:
        some = {
            "X_Forwarded_For": ", ".join(self.of(ADDRESSES) for _ in range(self.chance.randint(0, 4))),
            "Origin": self.of(ORIGINS),
            "Host": self.of(HOSTS),
            "User_Agent": self.of(AGENTS),
            "Referer": self.of(["https://shop.example/x", "javascript:alert(1)"]),
            "Cookie": "; ".join(f"{self.of(COOKIES)}={self.of(VALUES)}" for _ in range(self.chance.randint(0, 5))),
            "Sec_GPC": self.of(["1", "0"]),
            "Sec_Fetch_Site": self.of(["cross-site", "same-origin", "none"]),
            "Content_Type": self.of(["text/plain", "application/json", "text/plain; charset=utf-16"]),
            "Content_Encoding": self.of(["identity", "gzip"]),
            "Access_Token": self.of(["the-shops-key", "x"]),
            "Forwarded": self.of(["for=9.9.9.9"]),
            "Transfer_Encoding": self.of(["chunked", "gzip"]),
            "If_None_Match": self.of(['"x"', "*"]),
        }
        count = self.chance.randint(1, 4)
        return {name: some[name] for name in self.chance.sample(sorted(some), count)}


def test_h4_odd_headers(
    open_shop: Callable[..., Shop],
    event: Callable[..., dict[str, Any]],
    raw: Callable[..., Any],
    chance: random.Random,
    is_long: bool,
) -> None:
    shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="1000000", PIXELPAIR_ALLOW_NO_ORIGIN="true")
    odd = Odd(chance)
    statuses: list[int] = []
    taken = 0
    for number in range(2_000 if is_long else 200):
        headers = odd.headers()
        relay = chance.random() < 0.2
        if relay:
            item = {"event": "Contact", "event_id": f"e{number}", "event_time": ""}
            body: Any = {"event_source": "web", "event_source_id": "COQDA8RC77U2TMR44LI0", "data": [item]}
            sent = {"Access_Token": "the-shops-key", "Content_Type": "application/json", **headers}
            answer = raw(shop, body, "/t/open_api/v1.3/event/track/", **sent)
        else:
            answer = raw(shop, event(n=number), **headers)
        assert answer.status_code < 500, headers
        assert not any(set(value) & set("\r\n\0") for _, value in answer.headers), headers
        statuses.append(answer.status_code)
        taken += answer.status_code in (200, 202)
        assert raw(shop, b"", "/t/tag.js", "GET", **headers).status_code < 500, headers
    rows = shop.stored()
    assert len(rows) == taken, "every refused one left nothing"
    assert set(statuses) >= {202, 403, 415}, "the cases reach both sides"
    for row in rows:
        user = json.loads(row.body).get("user", {})
        if "ip" in user:
            assert ipaddress.ip_address(user["ip"]).is_global
        assert len(user.get("user_agent", "")) <= 1_024
        json.dumps(json.loads(row.body), allow_nan=False).encode()
