"""docs/privacy.md tells the times that the program keeps to: each figure is read from the page and from the code."""

import re
from pathlib import Path

import pytest

from proxy.outbox import retention, store
from proxy.settings import Settings
from proxy.web import collect

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "privacy.md").read_text("utf-8")
HOURS, DAYS = 3_600_000, 86_400_000  # in ms
UNITS = {"hours": HOURS, "days": DAYS}
SETTINGS = {name: field.default for name, field in Settings.model_fields.items() if name.startswith("keep_")}


def row(start: str) -> list[str]:
    """The cells of the page's one table row whose text begins so or holds it."""
    (found,) = [line for line in PAGE.splitlines() if line.startswith("|") and start in line]
    return [cell.strip() for cell in found.strip("|").split("|")]


def time_in(cell: str) -> int:
    """ "72 hours from delivery" in ms."""
    told = re.match(r"(\d+) (hours|days)\b", cell)
    assert told, cell
    return int(told[1]) * UNITS[told[2]]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_of_retention_stands_there_with_its_default(name: str) -> None:
    _, kept, _ = row(f"| `{name}` |")
    unit = DAYS if name.endswith("_days") else HOURS
    assert time_in(kept) == SETTINGS[name] * unit


@pytest.mark.parametrize(
    ("start", "kept"),
    [
        ("an event without a key", store.REMEMBER_UNKEYED),
        ("that only a browser told", store.REMEMBER_UNPROVED_KEY),
        ("that the back end or a ticket proved", store.REMEMBER_PROVED_KEY),
        ("an event that a rule holds back", retention.KEEP_WITHHELD),
        ("a delivered event's contents", retention.Keep().bodies),
        ("(dead letter)", retention.Keep().dead),
    ],
)
def test_every_time_of_the_outbox_is_the_codes(start: str, kept: int) -> None:
    assert time_in(row(start)[1]) == kept


@pytest.mark.parametrize(
    ("cookie", "seconds"),
    [
        (collect.CLICK_COOKIE, collect.KEEP_CLICK),
        (collect.KEPT_COOKIE, collect.KEEP_CLICK),
        ("_ttp", collect.KEEP_TTP),
    ],
)
def test_every_cookies_lifetime_is_the_codes(cookie: str, seconds: int) -> None:
    assert time_in(row(f"| `{cookie}` |")[3]) == seconds * 1_000


def test_the_tags_own_cookie_lives_as_long() -> None:
    told = re.search(r'writeCookie\("ttclid=" \+ clickId, ([\de]+)\)', (ROOT / "static/tag/core.js").read_text())
    assert told
    assert float(told[1]) == collect.KEEP_CLICK


def test_the_readme_leads_to_both_pages() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(docs/privacy.md)" in readme
    assert "(SECURITY.md)" in readme
    assert "(docs/privacy.md)" in (ROOT / "SECURITY.md").read_text("utf-8")
