"""``POST /t/e``: what a browser's report becomes, and what is refused and leaves nothing behind."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.tickets import Ticket, sign_order
from proxy.web import guards
from tests.web.conftest import NOW, SECRET, Shop

Event = Callable[..., dict[str, Any]]
Open = Callable[..., Shop]

TWO_SITES = """
[sites.one]
domains = ["one.example"]
pixel_code = "C1111111111111111111"
access_token = "a"
[sites.two]
domains = ["two.example"]
[[sites.two.pixels]]
pixel_code = "C2222222222222222222"
access_token = "b"
[[sites.two.pixels]]
pixel_code = "C3333333333333333333"
access_token = "c"
test_event_code = "TEST1"
"""


def item(shop: Shop, number: int = 0) -> dict[str, Any]:
    return json.loads(shop.stored()[number].body)


class TestAReport:
    def test_is_stored_before_it_is_answered_with_the_event_id_of_the_tag(self, shop: Shop, event: Event) -> None:
        answer = shop.post(event(n=36))
        assert (answer.status_code, answer.json) == (202, {"event_id": "mfabc123" + "a" * 16 + ".10"})
        (held,) = shop.stored()
        assert (held.event_id, held.state, held.site) == (answer.json["event_id"], "waiting", "default")
        assert (held.browser, held.backend, held.proved) == (True, False, False)

    def test_becomes_the_exact_item_tiktok_gets(self, shop: Shop, event: Event) -> None:
        shop.post(event(ttclid="E.C.P.abcdefgh", ttp="2F7h37YkS1j57AYSKTI7IHhJPYH"))
        assert item(shop) == {
            "event": "ViewContent",
            "event_time": NOW // 1000 - 1,
            "event_id": "mfabc123" + "a" * 16 + ".1",
            "user": {
                "ttclid": "E.C.P.abcdefgh",
                "ttp": "2F7h37YkS1j57AYSKTI7IHhJPYH",
                "ip": "8.8.8.8",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
            },
            "page": {"url": "https://shop.example/shirt?ttclid=E.C.P.abcdefgh"},
            "properties": {
                "value": 120,
                "currency": "MAD",
                "contents": [{"content_id": "1077218"}],
                "content_ids": ["1077218"],
            },
        }

    def test_cannot_say_its_own_address_or_browser(self, shop: Shop, event: Event) -> None:
        shop.post(event(ip="9.9.9.9", user_agent="forged", user={"ip": "9.9.9.9", "user_agent": "forged"}))
        assert item(shop)["user"]["ip"] == "8.8.8.8"
        assert "forged" not in shop.stored()[0].body

    def test_takes_click_and_browser_id_from_cookies_where_the_body_has_none(self, shop: Shop, event: Event) -> None:
        shop.post(event(), Cookie="ttclid=E.C.P.fromcookie; _ttp=2F7h37YkS1j57AYSKTI7IHhJPYH.tt.1")
        user = item(shop)["user"]
        assert (user["ttclid"], user["ttp"]) == ("E.C.P.fromcookie", "2F7h37YkS1j57AYSKTI7IHhJPYH.tt.1")

    def test_keeps_no_raw_personal_data(self, shop: Shop, event: Event) -> None:
        shop.post(event(user={"email": " Jane@Shop.example ", "phone": "0612345678", "external_id": "cust-77"}))
        held = shop.stored()[0]
        user = item(shop)["user"]
        assert [len(user[name]) for name in ("email", "phone", "external_id")] == [64, 64, 64]
        for raw in ("ane@", "612345678", "cust-77"):
            assert raw not in held.body + str(held.warnings)

    def test_twice_is_one_row(self, shop: Shop, event: Event) -> None:
        first, again = shop.post(event()), shop.post(event(retry=1))
        assert first.json == again.json
        assert [held.reports for held in shop.stored()] == [2]

    def test_of_an_order_is_named_by_its_key(self, shop: Shop, event: Event) -> None:
        order = {"value": 120, "currency": "MAD", "order_id": "wc_order_x1"}
        assert shop.post(event(event="PlaceAnOrder", properties=order)).json == {"event_id": "wc_order_x1"}
        assert shop.stored()[0].key == "wc_order_x1"

    def test_of_an_order_waits_for_the_back_end_where_there_is_one(self, open_shop: Open, event: Event) -> None:
        with_key, without = open_shop(), open_shop(PIXELPAIR_API_KEYS="")
        for shop in (with_key, without):
            shop.post(event(event="PlaceAnOrder", key="k1"))
            shop.post(event())
        assert [held.due_at - NOW for held in with_key.stored()] == [20_000, 0]
        assert [held.due_at - NOW for held in without.stored()] == [0, 0]

    def test_goes_to_every_pixel_of_its_site(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(TWO_SITES)
        shop.post(event(), Host="two.example", Origin="https://two.example")
        assert [(held.destination, held.test_code) for held in shop.stored()] == [
            ("two/C2222222222222222222", ""),
            ("two/C3333333333333333333", "TEST1"),
        ]

    def test_may_come_as_application_json(self, shop: Shop, event: Event) -> None:
        assert shop.post(event(), Content_Type="application/json").status_code == 202


class TestClocks:
    @pytest.mark.parametrize(
        ("time", "sent", "seconds_ago"),
        [
            (NOW, NOW, 0),
            (NOW - 60_000, NOW, 60),
            (NOW - 60_000 + 10**12, NOW + 10**12, 60),
            (NOW + 5_000, NOW, 0),
            (NOW - 10 * 86_400_000, NOW, 86_400),
            (None, NOW, 0),
            (NOW, None, 0),
        ],
    )
    def test_the_browsers_clock_only_measures_how_long_ago(
        self, shop: Shop, event: Event, time: int | None, sent: int | None, seconds_ago: int
    ) -> None:
        shop.post(event(time=time, sent=sent))
        assert item(shop)["event_time"] == NOW // 1000 - seconds_ago


class TestConsent:
    def test_limited_and_gpc_limit_the_server_leg(self, shop: Shop, event: Event) -> None:
        shop.post(event(n=1, consent="limited"))
        shop.post(event(n=2), Sec_GPC="1")
        shop.post(event(n=3))
        assert [item(shop, number).get("limited_data_use") for number in range(3)] == [True, True, None]
        assert [held.consent for held in shop.stored()] == ["limited", "limited", "granted"]

    def test_gpc_can_withhold(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_GPC="drop")
        assert shop.post(event(), Sec_GPC="1").status_code == 202
        assert shop.stored()[0].state == "withheld"
        assert "Sec-GPC" in (shop.stored()[0].reason or "")

    def test_no_ticket_lifts_it(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_GPC="drop")
        ticket = sign_order(Ticket("default", "CompletePayment", "order-1", 9.0, "MAD"), (SECRET,), NOW / 1000)
        private = {"Sec_GPC": "1", "User_Agent": "Private Firefox/150.0"}
        assert shop.post(event(event="CompletePayment", key="order-1", ticket=ticket), **private).status_code == 202
        (held,) = shop.stored()
        assert (held.state, held.proved) == ("withheld", False)
        assert shop.track("order-1").status_code == 200
        (held,) = shop.stored()
        assert held.state == "waiting", "the back end's own word of the order is another matter"
        assert "Private Firefox" not in held.body
        assert held.consent == "limited"


class TestBots:
    @pytest.mark.parametrize(
        ("agent", "state"),
        [
            ("Googlebot/2.1 (+http://www.google.com/bot.html)", "withheld"),
            ("", "withheld"),
            ("Mozilla/5.0 (iPhone) musical_ly_2022 BytedanceWebview/d8a21c6", "waiting"),
        ],
    )
    def test_are_withheld_and_shown(self, shop: Shop, event: Event, agent: str, state: str) -> None:
        assert shop.post(event(), User_Agent=agent).status_code == 202
        assert shop.stored()[0].state == state


class TestTickets:
    def order(self, event: Event, ticket: str | None, **fields: Any) -> dict[str, Any]:
        properties = {"value": 1, "currency": "MAD", "order_id": "k1"}
        return event(event="PlaceAnOrder", properties=properties, ticket=ticket, **fields)

    def sign(self, key: str = "k1", now: float = NOW / 1000) -> str:
        return sign_order(Ticket("default", "PlaceAnOrder", key, 250.0, "MAD"), (SECRET,), now)

    def test_a_good_one_proves_the_report_and_overrules_its_money(self, shop: Shop, event: Event) -> None:
        shop.post(self.order(event, self.sign()))
        (held,) = shop.stored()
        assert (held.proved, held.value) == (True, 250.0)
        assert any(warning.startswith("properties.value:") for warning in held.warnings)

    @pytest.mark.parametrize("which", ["garbage", "other order", "too old", "other key", "a value beyond all bounds"])
    def test_a_bad_one_proves_nothing_and_is_noted(self, shop: Shop, event: Event, which: str) -> None:
        ticket = {
            "garbage": "a.b.c",
            "other order": self.sign("k2"),
            "too old": self.sign(now=NOW / 1000 - 8 * 86_400),
            "other key": sign_order(Ticket("default", "PlaceAnOrder", "k1", 9.0, "MAD"), ("x" * 40,), NOW / 1000),
            "a value beyond all bounds": sign_order(
                Ticket("default", "PlaceAnOrder", "k1", 1e12, "MAD"), (SECRET,), NOW / 1000
            ),
        }[which]
        assert shop.post(self.order(event, ticket)).status_code == 202
        (held,) = shop.stored()
        assert (held.proved, held.value) == (False, 1)
        assert any(warning.startswith("ticket:") for warning in held.warnings)

    @pytest.mark.parametrize(
        ("value", "currency", "kept"),
        [(250.0, None, {"value": 250}), (None, "MAD", {"currency": "MAD"}), (None, None, {})],
    )
    def test_what_it_leaves_out_does_not_come_from_the_browser(
        self, shop: Shop, event: Event, value: float | None, currency: str | None, kept: dict[str, Any]
    ) -> None:
        ticket = sign_order(Ticket("default", "PlaceAnOrder", "k1", value, currency), (SECRET,), NOW / 1000)
        properties = {"value": 999_999, "currency": "KWD", "order_id": "k1"}
        shop.post(event(event="PlaceAnOrder", properties=properties, ticket=ticket))
        (held,) = shop.stored()
        told = json.loads(held.body)["properties"]
        assert {name: told[name] for name in ("value", "currency") if name in told} == kept
        assert any(warning.startswith("properties.value: differs") for warning in held.warnings)
        assert shop.refused() == {"ticket_differs": 1}

    def test_a_site_may_demand_one(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REQUIRE_TICKET="PlaceAnOrder")
        shop.post(self.order(event, None))
        assert shop.stored()[0].state == "withheld"
        shop.post(self.order(event, self.sign()))
        assert [(held.state, held.value) for held in shop.stored()] == [("waiting", 250.0)]


class TestArrays:
    def test_one_bad_item_loses_no_neighbour(self, shop: Shop, event: Event) -> None:
        answer = shop.post([event(n=1), event(event="Nonsense"), event(n=2)])
        assert answer.status_code == 202
        assert [sorted(part) for part in answer.json] == [["event_id"], ["error"], ["event_id"]]
        assert answer.json[1]["error"]["field"] == "event"
        assert len(shop.stored()) == 2

    @pytest.mark.parametrize("count", [0, 51])
    def test_hold_1_to_50(self, shop: Shop, event: Event, count: int) -> None:
        answer = shop.post([event(n=number) for number in range(count)])
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "items")
        assert shop.stored() == []

    def test_name_one_site(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(TWO_SITES)
        answer = shop.post([event(site="one"), event(site="two")], Origin="https://one.example")
        assert (answer.status_code, answer.json["error"]["field"]) == (400, "site")


class TestSites:
    @pytest.mark.parametrize(
        ("named", "host", "origin", "status"),
        [
            (None, "one.example", "https://one.example", 202),
            ("two", "one.example", "https://two.example", 202),
            ("two", "one.example", "https://one.example", 403),
            (None, "proxy.example", "https://one.example", 404),
            ("three", "one.example", "https://one.example", 404),
        ],
    )
    def test_are_found_by_name_then_by_host(
        self, open_shop: Open, event: Event, named: str | None, host: str, origin: str, status: int
    ) -> None:
        shop = open_shop(TWO_SITES)
        answer = shop.post(event(site=named), Host=host, Origin=origin)
        assert answer.status_code == status
        assert len(shop.stored()) == (0 if status != 202 else 2 if named == "two" else 1)


class TestOrigins:
    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "https://shop.example.evil.example",
            "https://evilshop.example",
            "https://shop.example:8443",
            "https://shop.example@evil.example",
            "ftp://shop.example",
            "null",
            None,
            "garbage",
            "https://[::1",
        ],
    )
    def test_foreign_ones_are_refused(self, shop: Shop, event: Event, origin: str | None) -> None:
        answer = shop.post(event(), Origin=origin)
        assert (answer.status_code, answer.json["error"]["field"]) == (403, "Origin")
        assert shop.stored() == []
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_the_same_host_needs_no_cors(self, shop: Shop, event: Event) -> None:
        assert "Access-Control-Allow-Origin" not in shop.post(event()).headers

    def test_another_domain_of_the_site_is_echoed_exactly_with_credentials(self, shop: Shop, event: Event) -> None:
        answer = shop.post(event(), Origin="https://www.shop.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.shop.example"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in answer.headers["Vary"]

    def test_a_refusal_can_be_read_by_our_pages_too(self, shop: Shop) -> None:
        answer = shop.post("{", Origin="https://www.shop.example")
        assert answer.status_code == 400
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.shop.example"

    def test_preflight(self, shop: Shop) -> None:
        answer = shop.client.options("/t/e", headers={"Host": "shop.example", "Origin": "https://www.shop.example"})
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "https://www.shop.example"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After, Date"
        answer = shop.client.options("/t/e", headers={"Host": "shop.example", "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_without_domains_it_must_equal_host(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_DOMAINS="")
        assert shop.post(event()).status_code == 202
        assert shop.post(event(), Origin="https://other.example").status_code == 403

    def test_loopback_has_any_port(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_DOMAINS="localhost,127.0.0.1")
        assert shop.post(event(), Origin="http://localhost:3000").status_code == 202
        assert shop.post(event(n=2), Origin="http://127.0.0.1:3000").status_code == 202

    def test_none_may_be_allowed(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_ALLOW_NO_ORIGIN="true")
        assert shop.post(event(), Origin=None).status_code == 202
        assert shop.post(event(n=2), Origin="null").status_code == 202


class TestCookies:
    def cookies(self, answer: Any) -> dict[str, str]:
        return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}

    def test_a_new_click_id_is_prolonged_once(self, shop: Shop, event: Event) -> None:
        kept = self.cookies(shop.post(event(ttclid="E.C.P.abcdefgh")))
        assert set(kept) == {"ttclid", "pixelpair_ttclid"}
        for part in ("ttclid=E.C.P.abcdefgh;", "Max-Age=2592000", "Path=/", "Secure", "SameSite=Lax"):
            assert part in kept["ttclid"]
        assert "HttpOnly" not in kept["ttclid"]
        assert "Domain" not in kept["ttclid"]
        again = shop.post(event(n=2, ttclid="E.C.P.abcdefgh"), Cookie="pixelpair_ttclid=E.C.P.abcdefgh")
        assert self.cookies(again) == {}

    def test_ttp_is_prolonged_on_the_cookie_domain_but_never_made_up(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_COOKIE_DOMAIN="shop.example")
        ttp = "2F7h37YkS1j57AYSKTI7IHhJPYH"
        assert self.cookies(shop.post(event())) == {}
        kept = self.cookies(shop.post(event(n=2, ttp=ttp), Cookie=f"_ttp={ttp}"))
        assert "Domain=shop.example" in kept["_ttp"]
        assert self.cookies(shop.post(event(n=3, ttp=ttp))) == {}

    @pytest.mark.parametrize("domain", [None, "shop.example"])
    def test_a_shopper_who_denies_consent_gets_them_deleted(self, open_shop: Open, domain: str | None) -> None:
        shop = open_shop(**{"PIXELPAIR_COOKIE_DOMAIN": domain} if domain else {})
        answer = shop.client.delete("/t/e", headers={"Host": "shop.example", "Origin": "https://shop.example"})
        assert answer.status_code == 204
        gone = self.cookies(answer)
        assert set(gone) == {"ttclid", "pixelpair_ttclid"}
        assert all("Max-Age=0" in line and "Path=/" in line for line in gone.values())
        assert all((f"Domain={domain}" in line) is bool(domain) for line in gone.values())

    def test_a_stranger_deletes_nothing(self, shop: Shop) -> None:
        answer = shop.client.delete("/t/e", headers={"Host": "shop.example", "Origin": "https://other.example"})
        assert (answer.status_code, self.cookies(answer)) == (403, {})

    def test_each_site_and_scheme_keeps_attributes_of_its_own(self, open_shop: Open, event: Event) -> None:
        one, two = TWO_SITES.split("[sites.two]")
        shop = open_shop(f'{one}\ncookie_domain = "one.example"\n[sites.two]{two}')
        found = {}
        for number, (name, scheme) in enumerate(
            (s, c) for _ in range(2) for s in ("one", "two") for c in ("https", "http")
        ):
            report = event(n=number, site=name, ttclid="E.C.P.abcdefgh")
            line = self.cookies(shop.post(report, Origin=f"{scheme}://{name}.example"))["ttclid"]
            found[number] = (name, scheme, "Domain=one.example" in line, "Secure" in line)
        assert set(found.values()) == {
            ("one", "https", True, True),
            ("one", "http", True, False),
            ("two", "https", False, True),
            ("two", "http", False, False),
        }

    def test_plain_http_gets_cookies_it_can_keep(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_DOMAINS="localhost")
        answer = shop.post(event(ttclid="E.C.P.abcdefgh"), Origin="http://localhost:8080")
        assert "Secure" not in self.cookies(answer)["ttclid"]


class TestWhatIsRemembered:
    def test_hosts_stay_apart_and_do_not_grow_with_what_strangers_send(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(TWO_SITES)
        long = f"{'a' * 400}.example"
        tries = [("one.example", 202), ("two.example", 403), ("ONE.example", 403), (long, 403)] * 2
        for number, (host, status) in enumerate(tries):
            answer = shop.post(event(n=number, site="one"), Origin=f"https://{host}")
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert answer.status_code == status, host
            assert allowed == (f"https://{host}" if host in ("one.example", "two.example") else None)
        before = guards._host_name.cache_info().currsize
        assert guards.host_name(long) == ""
        assert guards._host_name.cache_info().currsize == before

    def test_addresses_are_judged_by_themselves(self) -> None:
        told = ["9.9.9.9", "10.0.0.1", "9.9.9.9:80", "9" * 400, "::ffff:9.9.9.9", "[2001:4860::1]:443"] * 2
        found = [guards.client_address(text, None, 0) for text in told]
        assert found == ["9.9.9.9", None, "9.9.9.9", None, "9.9.9.9", "2001:4860::1"] * 2


class TestClientAddress:
    @pytest.mark.parametrize(
        ("hops", "header", "peer", "stored"),
        [
            ("0", "9.9.9.9", "8.8.4.4", "8.8.4.4"),
            ("1", "6.6.6.6, 9.9.9.9", "127.0.0.1", "9.9.9.9"),
            ("2", "6.6.6.6, 9.9.9.9, 127.0.0.1", "127.0.0.1", "9.9.9.9"),
            ("2", "9.9.9.9", "127.0.0.1", None),
            ("1", "<script>", "127.0.0.1", None),
            ("1", "not-an-ip", "127.0.0.1", None),
            ("1", "", "8.8.4.4", None),
            ("1", "10.0.0.1", "8.8.4.4", None),
            ("1", "192.168.1.1", "8.8.4.4", None),
            ("1", "9.9.9.9:1234", "127.0.0.1", "9.9.9.9"),
            ("1", "[2606:4700:4700::1111]:443", "127.0.0.1", "2606:4700:4700::1111"),
            ("1", "2606:4700:4700::1111", "127.0.0.1", "2606:4700:4700::1111"),
            ("1", "::ffff:9.9.9.9", "127.0.0.1", "9.9.9.9"),
            ("1", "fe80::1%eth0", "127.0.0.1", None),
            ("1", "224.0.0.1", "127.0.0.1", None),
        ],
    )
    def test_counts_from_the_right_and_is_public_or_absent(
        self, open_shop: Open, event: Event, hops: str, header: str, peer: str, stored: str | None
    ) -> None:
        shop = open_shop(PIXELPAIR_TRUSTED_HOPS=hops)
        shop.client.environ_base["REMOTE_ADDR"] = peer
        assert shop.post(event(), X_Forwarded_For=header).status_code == 202
        assert item(shop)["user"].get("ip") == stored


class TestRates:
    def test_a_flood_from_one_address_is_told_to_wait(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="3")
        answers = [shop.post(event(n=number)) for number in range(5)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert shop.post(event(n=9), X_Forwarded_For="9.9.9.9").status_code == 202
        assert len(shop.stored()) == 4

    def test_an_ipv6_customer_is_one_address(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="1")
        assert shop.post(event(n=1), X_Forwarded_For="2606:4700:4700::1").status_code == 202
        assert shop.post(event(n=2), X_Forwarded_For="2606:4700:4700::2").status_code == 429

    def test_addresses_that_are_not_public_are_many_shoppers(self, open_shop: Open, event: Event) -> None:
        shop = open_shop(PIXELPAIR_REPORTS_PER_MINUTE="1")
        assert {shop.post(event(n=n), X_Forwarded_For="10.0.0.1").status_code for n in range(5)} == {202}


DEEP = "[" * 100 + "]" * 100

REFUSED: list[tuple[str, Any, dict[str, str | None], int, str, str]] = [
    ("not json", "hello", {}, 400, "invalid_json", ""),
    ("empty", "", {}, 400, "invalid_json", ""),
    ("json with comments", '{"event": "ViewContent" // the event\n}', {}, 400, "json_comments", ""),
    ("NaN", '{"n": NaN}', {}, 400, "not_a_number", ""),
    ("infinite number", '{"n": 1e999}', {}, 400, "not_a_number", ""),
    ("duplicate keys", '{"n": 1, "n": 2}', {}, 400, "duplicate_key", "n"),
    ("100 deep", DEEP, {}, 400, "too_deep", ""),
    ("lone surrogate", '{"event": "\\ud800"}', {}, 400, "lone_surrogate", ""),
    ("NUL", '{"event": "\\u0000"}', {}, 400, "nul", ""),
    ("not UTF-8", b'{"event": "\xff"}', {}, 400, "not_utf8", ""),
    ("a number", "1", {}, 400, "invalid", ""),
    ("no event", {"event": None}, {}, 400, "missing", "event"),
    ("unknown event", {"event": "Nonsense"}, {}, 400, "unknown_event", "event"),
    ("event in wrong case", {"event": "viewcontent"}, {}, 400, "unknown_event", "event"),
    ("no view", {"view": None}, {}, 400, "missing", "view"),
    ("short view", {"view": "abc"}, {}, 400, "invalid", "view"),
    ("no n", {"n": None}, {}, 400, "missing", "n"),
    ("n is true", {"n": True}, {}, 400, "invalid", "n"),
    ("n below 0", {"n": -1}, {}, 400, "invalid", "n"),
    ("10 MB", b"x" * 10_000_000, {}, 413, "too_large", ""),
    ("a form", "a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "unsupported_type", "Content-Type"),
    ("compressed", {}, {"Content_Encoding": "gzip"}, 415, "unsupported_type", "Content-Encoding"),
    ("foreign origin", {}, {"Origin": "https://evil.example"}, 403, "origin", "Origin"),
    ("unknown site", {"site": "nobody"}, {}, 404, "unknown_site", "site"),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "field"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_cannot_be_an_event_is_refused_by_name_and_leaves_nothing(
    shop: Shop, event: Event, body: Any, headers: dict[str, str | None], status: int, code: str, field: str
) -> None:
    answer = shop.post(event(**body) if isinstance(body, dict) else body, **headers)
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field)
    assert len(error["message"]) > 15
    assert error["message"].endswith((".", "!"))
    assert shop.stored() == []


@pytest.mark.parametrize("method", ["get", "put", "patch"])
def test_another_method_is_refused_with_the_right_one(shop: Shop, method: str) -> None:
    answer = getattr(shop.client, method)("/t/e", headers={"Host": "shop.example"})
    assert answer.status_code == 405
    assert answer.json["error"]["code"] == "method"
    assert "POST" in answer.headers["Allow"]


REPAIRED = [
    ("ids that are numbers", {"properties": {"contents": [{"content_id": 1077218}]}}, "1077218", None),
    ("a decimal string", {"properties": {"value": "19.90", "currency": "MAD"}}, "19.9", None),
    ("a small currency", {"properties": {"value": 1, "currency": "mad"}}, "MAD", None),
    ("a value that is none", {"properties": {"value": "1,234.00"}}, None, "properties.value"),
    ("properties that are none", {"properties": 7}, None, "properties"),
    ("an url that is none", {"url": "javascript:alert(1)"}, "https://shop.example/", "url"),
    ("a ttclid that is none", {"ttclid": "__CLICKID__"}, None, "ttclid"),
    ("a ttp that is none", {"ttp": "<_ttp>"}, None, "ttp"),
    ("a user that is none", {"user": "jane"}, None, "user"),
    ("a phone that is none", {"user": {"phone": "call me"}}, None, "user.phone"),
    ("a pixel state that is none", {"pixel": "maybe"}, None, "pixel"),
    ("a key that is none", {"key": True}, None, "key"),
    ("a consent that is none", {"consent": "maybe"}, None, "consent"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "holds", "warned"), [row[1:] for row in REPAIRED], ids=[row[0] for row in REPAIRED])
def test_a_wrong_optional_field_costs_a_warning_not_the_event(
    shop: Shop, event: Event, fields: dict[str, Any], holds: str | None, warned: str | None
) -> None:
    assert shop.post(event(**fields)).status_code == 202
    (held,) = shop.stored()
    if holds is not None:
        assert holds in held.body
    fields_warned = [warning.partition(":")[0] for warning in held.warnings]
    assert (warned in fields_warned) if warned else fields_warned == []


def test_a_disk_that_cannot_store_is_a_503_that_says_when_to_come_back(
    shop: Shop, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.commit.close()
    answer = shop.post(event())
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_bug_of_ours_tells_nothing(shop: Shop, event: Event, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("jane@shop.example")

    monkeypatch.setattr(shop.commit, "store", broken)
    answer = shop.post(event())
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal")
    assert "jane" not in answer.text + caplog.text
