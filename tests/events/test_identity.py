"""A shopper's data: nothing raw, empty or guessed goes on. The single rules are in vectors/user.json."""

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.events.identity import MOST_VALUES, hash_user

EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HASHED = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
PLAIN = ("city", "state", "country", "locale")

VALUES = (
    st.text()
    | st.text(st.sampled_from("+0123456789 ()-.\u0661\uff0b\u202ax@."))
    | st.emails()
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.text(st.characters())
)
USERS = st.dictionaries(
    st.sampled_from([*HASHED, *PLAIN, "other"]),
    VALUES | st.lists(VALUES, max_size=12) | st.dictionaries(st.text(), VALUES),
)


@given(USERS, st.sampled_from([None, "DE", "US", "AE", "XX", ""]))
def test_whatever_is_told_only_hashes_and_plain_letters_come_out(user, region):
    hashed, warnings = hash_user(user, region)
    for field, value in hashed.items():
        values = value if isinstance(value, list) else [value]
        assert values
        assert len(set(values)) == len(values) <= MOST_VALUES
        for one in values:
            assert one != EMPTY_HASH
            assert re.fullmatch("[0-9a-f]{64}" if field in HASHED else r"[^\s@]+", one)
    assert all(warning.encode() for warning in warnings)


@given(USERS)
def test_hashing_what_is_hashed_changes_nothing(user):
    once, _ = hash_user(user, "DE")
    assert hash_user(once, None) == (once, ())


def test_only_the_first_values_of_a_field_are_used():
    hashed, warnings = hash_user({"email": [f"jane{n}@shop.example" for n in range(50)]}, None)
    assert len(hashed["email"]) == MOST_VALUES
    assert warnings == (f"user.email: only the first {MOST_VALUES} values are used",)


def test_a_huge_value_is_dropped_unread():
    hashed, warnings = hash_user({"email": "a" * 60_000 + "@b.de", "phone": "+" + "1" * 60_000}, None)
    assert hashed == {}
    assert len(warnings) == 2


def test_no_warning_repeats_a_value():
    secret = "jane doe"
    _, warnings = hash_user({"email": secret, "phone": secret, "locale": secret, secret: secret}, None)
    assert len(warnings) == 4
    assert "jane" not in str(warnings)
