"""Returns on the pages: the policy in full, the refund before it is sent, and a request that is kept once."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proxy.shop import pictures

POLICY = (
    "The return or exchange of a product is a right for all our customers, and it includes all the "
    "products we offer on our shop.",
    "All the products offered on our shop are subject to the exchange and refund policy according to the "
    "terms and conditions stipulated on this page.",
    "Returns or exchanges can be made if the product is in its original condition when purchased and "
    "packed in its original packaging.",
    "Return within three (3) days and replacement within seven (7) days from the date of purchase.",
    "Please contact us via the Contact Us page or via our phone numbers to request a return or exchange.",
    "Please take a picture and send the product with the city, address and order number specified so that "
    "it can be replaced by another product in case the product is corrupt or has a certain defect, or it "
    "is not used in accordance with the agreement.",
    "The amount is returned to the customer in full if the product he received is completely different "
    "from the product presented on our website.",
    "We are not responsible for expectations of customer use of the products, which we did not mention on "
    "the product page on our website.",
    "Deduct 30% or a value of at least 25 dirhams if the customer does not want the product and the "
    "latter has no defect or problem mentioned.",
)


def wish(**changes: Any) -> dict[str, Any]:
    """A request for the first item that the rules allow."""
    fields: dict[str, Any] = {
        "items": ["1"],
        "reason": "unwanted",
        "wish": "return",
        "original_condition": "yes",
        "original_packaging": "yes",
        "city": "Fes",
        "address": "3 Derb el Horra",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def kept(data: Path, what: str = "sent IS NOT NULL") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "shop.db")) as db:
        return db.execute(
            f"SELECT reason, wish, city, address, refund, deduction, picture FROM returns WHERE {what}"
        ).fetchall()


def amount(shopper: Any, name: str) -> str:
    found = re.search(rf'id="{name}">([^<]*)<', shopper.last.text)
    assert found, f"no amount {name}"
    return found[1]


def test_every_rule_of_the_policy_is_on_its_page(shopper: Any) -> None:
    shopper.get("/return-policy")
    for rule in POLICY:
        assert rule in shopper.words


def test_the_refund_is_shown_before_the_request_is_sent_and_kept(shopper: Any, tmp_path: Path) -> None:
    order = shopper.order("1077218/M", "1077224/One size")
    shopper.post(f"{order}/return", **wish(items=["1", "2"]))
    assert (amount(shopper, "paid"), amount(shopper, "deduction"), amount(shopper, "refund")) == (
        "414 MAD",
        "129.70 MAD",
        "284.30 MAD",
    )
    assert kept(tmp_path) == []
    shopper.post(shopper.path)
    assert "Your request is with us." in shopper.words
    assert amount(shopper, "refund") == "284.30 MAD"
    assert kept(tmp_path) == [("unwanted", "return", "Fes", "3 Derb el Horra", 28430, 12970, None)]


def test_a_receipt_stays_as_it_was_when_the_days_are_over(shopper: Any, clock: Any) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", **wish())
    shopper.post(shopper.path)
    receipt = shopper.words
    clock.now += 90 * 86400
    shopper.get(shopper.path)
    assert shopper.words == receipt


def test_no_page_of_a_return_sends_an_event(shopper: Any) -> None:
    order = shopper.order()
    shopper.get(f"{order}/return")
    assert shopper.calls == []
    shopper.post(f"{order}/return", **wish())
    assert shopper.calls == []
    assert "data-pixelpair" not in shopper.last.text
    shopper.post(shopper.path)
    assert shopper.calls == []


def test_an_item_is_returned_once(shopper: Any, tmp_path: Path) -> None:
    order = shopper.order("1077218/M", "1077218/M")
    drafts = []
    for _ in range(2):
        shopper.post(f"{order}/return", **wish())
        drafts.append(shopper.path)
    shopper.post(drafts[0])
    shopper.post(drafts[0])
    assert len(kept(tmp_path)) == 1, "a second click on the same draft"
    shopper.post(drafts[1])
    assert shopper.last.status_code == 400
    assert "Products: you have already sent a request for one of these." in shopper.words
    shopper.post(f"{order}/return", **wish())
    assert shopper.last.status_code == 400
    assert "Products: you have already sent a request for one of these." in shopper.words
    assert len(kept(tmp_path)) == 1
    shopper.post(f"{order}/return", **wish(items=["2"]))
    shopper.post(shopper.path)
    assert len(kept(tmp_path)) == 2, "its twin is an item of its own"


def test_the_days_are_judged_again_when_the_request_is_sent(shopper: Any, clock: Any, tmp_path: Path) -> None:
    clock.set(2026, 11, 2, 12)
    order = shopper.order()
    clock.set(2026, 11, 5, 23, 59, 30)
    shopper.post(f"{order}/return", **wish())
    draft = shopper.path
    assert 'data-accepted="yes"' in shopper.last.text
    clock.set(2026, 11, 6, 0, 0, 1)
    shopper.post(draft)
    assert shopper.last.status_code == 400
    assert 'data-accepted="no"' in shopper.last.text
    assert kept(tmp_path) == []
    shopper.get(draft)
    assert "send-return" not in shopper.last.text


@pytest.mark.parametrize(
    ("changes", "day", "sentence"),
    [
        ({"original_condition": None}, 0, "only in the condition"),
        ({"original_packaging": None}, 0, "original packaging"),
        ({}, 4, "The last day was 5 November 2026; today is day 4."),
        ({"wish": "replacement"}, 8, "The last day was 9 November 2026; today is day 8."),
    ],
)
def test_what_the_rules_forbid_is_explained_and_not_kept(
    shopper: Any, clock: Any, tmp_path: Path, changes: dict[str, Any], day: int, sentence: str
) -> None:
    order = shopper.order()
    clock.now += day * 86400
    shopper.post(f"{order}/return", **wish(**changes))
    assert 'data-accepted="no"' in shopper.last.text
    assert sentence in shopper.words
    assert shopper.value("city") == "Fes"
    assert kept(tmp_path, "1") == []


@pytest.mark.parametrize("reason", ["faulty", "not_as_described"])
def test_faulty_or_wrong_goods_need_a_picture_which_is_kept(
    shopper: Any, tmp_path: Path, png: bytes, reason: str
) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", **wish(reason=reason))
    assert shopper.last.status_code == 400
    assert "Picture: please add one" in shopper.words
    shopper.post(f"{order}/return", files={"picture": png}, **wish(reason=reason))
    assert amount(shopper, "refund") == "349 MAD"
    page = shopper.path
    shopper.post(page)
    ((*_, name),) = kept(tmp_path)
    assert (tmp_path / "returns" / name).read_bytes() == png
    assert "x.bin" not in name
    shown = shopper.client.get(f"{page}/picture")
    assert (shown.data, shown.mimetype) == (png, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    shown.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg onload=alert(1)>", "neither a PNG, a JPEG nor a WebP"),
        (b"GIF89a" + b"x" * 50, "neither a PNG, a JPEG nor a WebP"),
        (b"\xff\xd8\xff" + b"x" * pictures.LARGEST, "larger than 5 MB"),
    ],
)
def test_other_files_and_large_ones_are_refused(shopper: Any, tmp_path: Path, content: bytes, sentence: str) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", files={"picture": content}, **wish(reason="faulty"))
    assert shopper.last.status_code == 400
    assert sentence in shopper.words
    assert shopper.value("city") == "Fes"
    assert list((tmp_path / "returns").iterdir()) == []


def test_a_picture_beyond_reading_gets_a_clear_page(shopper: Any) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", files={"picture": b"\xff\xd8\xff" + b"x" * pictures.LARGEST * 2}, **wish())
    assert shopper.last.status_code == 413
    assert "Picture: this is far larger than 5 MB." in shopper.words


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"", None),
        (b"%PDF-1.7", None),
    ],
)
def test_pictures_are_told_by_their_first_bytes(start: bytes, kind: str | None) -> None:
    assert pictures.kind_of(start) == kind


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("items", None),
        ("items", ["99"]),
        ("items", ["1", "x"]),
        ("reason", None),
        ("reason", "bored"),
        ("wish", None),
        ("wish", "cash"),
        ("city", ""),
        ("city", "x" * 81),
        ("address", ""),
    ],
)
def test_a_bad_request_names_the_field_and_changes_nothing(
    shopper: Any, tmp_path: Path, field: str, value: object
) -> None:
    order = shopper.order()
    page = shopper.post(f"{order}/return", **wish(**{field: value}))
    assert shopper.last.status_code == 400
    assert f'id="{field}-error"' in page
    assert page.count('class="error"') == 1
    assert kept(tmp_path, "1") == []
    assert field == "city" or shopper.value("city") == "Fes"
    assert field == "reason" or re.search(r'value="unwanted"[^>]* checked', page)


def test_a_request_without_the_sessions_token_changes_nothing(shopper: Any, tmp_path: Path) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", csrf_token="", **wish())
    assert shopper.last.status_code == 400
    assert kept(tmp_path, "1") == []
    shopper.post(f"{order}/return", **wish())
    shopper.post(shopper.path, csrf_token="")
    assert shopper.last.status_code == 400
    assert kept(tmp_path) == []


@pytest.mark.parametrize("contact", ["+212612345678", "0612-345-678", "SALMA@example.com"])
def test_an_order_is_found_by_number_and_phone_or_email(shopper: Any, new_shopper: Any, contact: str) -> None:
    order = shopper.order()
    other = new_shopper()
    other.post("/returns", order_number="1043", contact=contact)
    assert other.path == f"{order}/return"
    assert other.value("city") == "", "where it went is told to the browser that ordered alone"


def test_wrong_numbers_and_wrong_contacts_get_one_answer(shopper: Any, new_shopper: Any) -> None:
    shopper.order()
    other = new_shopper()
    answers = set()
    for number, contact in (("1043", "other@example.com"), ("9999", "salma@example.com"), ("1", "0699999999")):
        other.post("/returns", order_number=number, contact=contact)
        assert other.last.status_code == 400
        answers.add(other.words)
        assert other.value("order_number") == number
        assert 'id="order_number-error"' in other.last.text
    assert len(answers) == 1


def test_an_order_without_phone_and_email_is_not_found_by_none(shopper: Any, new_shopper: Any) -> None:
    shopper.order(phone="", email="")
    other = new_shopper()
    other.post("/returns", order_number="1043", contact="")
    assert other.last.status_code == 400


@pytest.mark.parametrize("number", ["", "#1043", "-1", "٣", "9" * 5000, "9" * 9, "0"])
def test_a_number_that_is_none_names_its_field(shopper: Any, number: str) -> None:
    page = shopper.post("/returns", order_number=number, contact="0612345678")
    assert shopper.last.status_code == 400
    assert 'id="order_number-error"' in page


def test_a_draft_can_be_changed(shopper: Any) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", **wish(wish="replacement"))
    page = shopper.get(f"{order}/return?draft={shopper.path.rpartition('/')[2]}")
    assert shopper.value("city") == "Fes"
    assert re.search(r'value="replacement"[^>]* checked', page)


def test_a_draft_opens_no_other_order(shopper: Any, new_shopper: Any) -> None:
    order = shopper.order()
    shopper.post(f"{order}/return", **wish())
    draft = shopper.path.rpartition("/")[2]
    other = new_shopper()
    other.get(f"{other.order()}/return?draft={draft}")
    assert other.value("city") == "Rabat"


def test_drafts_are_forgotten_with_their_pictures_after_a_day(
    shopper: Any, clock: Any, tmp_path: Path, png: bytes
) -> None:
    order = shopper.order("1077218/M", "1077218/L")
    shopper.post(f"{order}/return", files={"picture": png}, **wish())
    draft = shopper.path
    clock.now += 86401
    shopper.post(f"{order}/return", **wish(items=["2"]))
    assert shopper.client.get(draft).status_code == 404
    assert list((tmp_path / "returns").iterdir()) == []
