"""Who the shopper is: hashed alike on both legs, and raw to nobody but the proxy."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.tag.recorder import Recorder

EMAIL = "848a771458438fc2ec420560d769fb9b9b86851ee338ec56517baabd79d3bb4f"


PHONE = "9f7ec22d72092cd3c0b58726ed9c2d91b92e51a3f29837508fb2948bb22dd2fd"


EXTERNAL = "80fba0ae1c48e3978e43e4efc365e14e12ea0c830ba8ba5b9a2dafc7e3f2ab8b"


def test_the_shopper_is_hashed_alike_on_both_legs(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate(
        "pixelpair('identify', {email: ' ALICE_abc@gmail.com ', phone_number: '+1 (213) 373-4253',"
        " external_id: 'user_123', first_name: 'Al'})"
    )
    page.wait_for_timeout(200)  # hashing takes a few ticks that nothing in the page can see
    page.evaluate("pixelpair('Lead')")
    (report,) = shop.wait_for_reports("Lead", 1)
    assert report["user"] == {"email": EMAIL, "phone": PHONE, "external_id": EXTERNAL, "first_name": "Al"}
    user = shop.wait_for_pixel("Lead", 1)[0]["context"]["user"]
    assert (user["email"], user["phone_number"], user["external_id"]) == (EMAIL, PHONE, EXTERNAL)
    assert "first_name" not in user


def test_an_event_right_after_identify_waits_for_nothing(page: Page, shop: Recorder) -> None:
    page.goto(shop.url)
    page.evaluate("pixelpair('identify', {email: 'alice_abc@gmail.com'}); pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0]["user"] == {"email": "alice_abc@gmail.com"}
    shop.wait_for_pixel("Lead", 1)
    assert not any("alice" in str(event) for event in shop.pixel_events())


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("phone", "+44 (0)20 7946 0018"),
        ("phone", "06 12 34 56 78"),
        ("phone", "(+1)2133734253"),
        ("email", "alice@gmail"),
        ("email", "Jörg@bücher.de"),
        ("email", ["a@b.de", "c@d.ef"]),
    ],
)
def test_what_the_tag_cannot_hash_for_certain_goes_to_the_proxy_only(
    page: Page, shop: Recorder, field: str, told: object
) -> None:
    page.goto(shop.url)
    page.evaluate("user => pixelpair('identify', user)", {field: told})
    page.wait_for_timeout(200)
    page.evaluate("pixelpair('Lead')")
    assert shop.wait_for_reports("Lead", 1)[0]["user"] == {field: told}
    assert field not in str(shop.wait_for_pixel("Lead", 1)[0]["context"]["user"])


def test_the_shared_vectors_of_users_hold(page: Page, shop: Recorder) -> None:
    vectors = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "user.json"
    cases = [case for case in json.loads(vectors.read_text("utf-8"))["cases"] if case.get("tag")]
    page.goto(shop.url)
    for place, case in enumerate(cases):
        page.evaluate("user => pixelpair('identify', user)", case["in"]["user"])
        page.wait_for_timeout(30)
        page.evaluate("place => pixelpair('Case', {place})", place)
    reports = shop.wait_for_reports("Case", len(cases))
    wrong = [
        (case["name"], report.get("user"))
        for case, report in zip(cases, reports, strict=True)
        if {name: str(value).strip().lower() for name, value in report["user"].items() if str(value).strip("[]None' ")}
        != case["out"]
    ]
    assert wrong == []
