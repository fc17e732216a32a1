"""Dead letters at the command line: found, shown, sent once more under their own event_id, dropped."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from proxy.cli.opening import now_ms
from proxy.outbox import dead_letters
from proxy.outbox.browse import find
from proxy.outbox.entry import Entry
from proxy.outbox.store import Outbox

HOUR = 3_600_000
DAY = 24 * HOUR
UK2 = "uk/C4EXAMPLE0PIXEL0COD2"
COUNTED = "may have counted the browser's own report"

Run = Callable[..., Result]
Told = Callable[..., Any]
Make = Callable[..., int]


def row(outbox: Outbox, number: int) -> Entry:
    found = find(outbox, number)
    assert found is not None
    return found


@pytest.fixture
def some(die: Make) -> dict[str, int]:
    """Four dead letters that each differ in something."""
    return {
        "old": die("old", died=9 * DAY, age=10 * DAY, pixel="blocked"),
        "uk": die("uk", destination=UK2, died=2 * HOUR, event="Contact"),
        "value": die("value", reason="properties.value: must be a NUMBER, 100% of it", died=HOUR),
        "new": die("new", died=1_000, key="1042", event="PlaceAnOrder"),
    }


FILTERS = [
    ([], ["new", "value", "uk", "old"]),
    (["--site", "uk"], ["uk"]),
    (["--site", "shop"], ["new", "value", "old"]),
    (["--event", "ViewContent"], ["value", "old"]),
    (["--reason", "bad"], ["new", "uk", "old"]),
    (["--reason", "must be a number"], ["value"]),
    (["--reason", "100%"], ["value"]),
    (["--older", "90m"], ["uk", "old"]),
    (["--newer", "7d"], ["new", "value", "uk"]),
    (["--older", "30m", "--newer", "1d"], ["value", "uk"]),
    (["--older", "30m", "--newer", "10d", "--site", "shop", "--reason", "bad"], ["old"]),
    (["--newer", "0s"], []),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
class TestFilters:
    def test_list_the_newest_first(
        self, told: Told, some: dict[str, int], filters: list[str], found: list[str]
    ) -> None:
        answer = told("dead", "list", *filters)
        assert [one["event_id"] for one in answer["dead"]] == found
        assert answer["matched"] == len(found)

    def test_choose_what_is_replayed(
        self, told: Told, outbox: Outbox, some: dict[str, int], filters: list[str], found: list[str]
    ) -> None:
        assert told("dead", "replay", *filters)["replayed"] == len(found)
        assert {name for name, number in some.items() if row(outbox, number).state == "waiting"} == set(found)

    def test_choose_what_is_dropped(
        self, told: Told, outbox: Outbox, some: dict[str, int], filters: list[str], found: list[str]
    ) -> None:
        assert told("dead", "drop", *(filters or ["--all"]))["dropped"] == len(found)
        assert {name for name, number in some.items() if find(outbox, number) is None} == set(found)


UNKNOWN = [
    (["--site", "ku"], "No site is named ku: there are shop, uk."),
    (["--event", "Contct"], "No dead letter is a Contct: there are those of Contact, PlaceAnOrder, ViewContent."),
    (["--reason", "none such"], "there are “bad”, “properties.value"),
    (["--older", "7"], "90s, 30m, 48h or 7d"),
    (["--newer", "a while"], "90s, 30m, 48h or 7d"),
]


@pytest.mark.parametrize("command", ["list", "replay", "drop"])
@pytest.mark.parametrize(("filters", "sentence"), UNKNOWN)
def test_an_unknown_value_gets_a_sentence_that_names_the_known_ones(
    pixelpair: Run, outbox: Outbox, some: dict[str, int], command: str, filters: list[str], sentence: str
) -> None:
    assert sentence in pixelpair("dead", command, *filters, code=2).stderr
    assert all(row(outbox, number).state == "dead" for number in some.values())


def test_filters_without_any_dead_letter_say_so(pixelpair: Run, outbox: Outbox) -> None:
    assert "there are none at all" in pixelpair("dead", "list", "--event", "Contact", code=2).stderr
    assert "there are none at all" in pixelpair("dead", "list", "--reason", "x", code=2).stderr
    assert "No dead letters." in pixelpair("dead", "list").stdout


def test_the_words_of_a_reason_are_no_pattern(told: Told, die: Make) -> None:
    die("e1", reason="100 of it")
    die("e2", reason="100% of it")
    die("e3", reason="1_0")
    assert [one["event_id"] for one in told("dead", "list", "--reason", "0% OF")["dead"]] == ["e2"]
    assert [one["event_id"] for one in told("dead", "list", "--reason", "1_0")["dead"]] == ["e3"]


class TestList:
    def test_shows_what_one_looks_for(self, pixelpair: Run, some: dict[str, int]) -> None:
        lines = pixelpair("dead", "list").stdout.splitlines()
        assert len([line for line in lines if " ViewContent " in line]) == 2
        [order] = [line for line in lines if " PlaceAnOrder " in line]
        assert all(word in order for word in (str(some["new"]), " s ago", "shop/", "new", "40002", "bad"))

    def test_says_how_many_more_there_are(self, pixelpair: Run, some: dict[str, int]) -> None:
        assert "the newest 2 of 4" in pixelpair("dead", "list", "--limit", "2").stdout

    def test_words_from_outside_cannot_steer_the_terminal(self, pixelpair: Run, die: Make) -> None:
        die("e[red]1:smile:", reason="\x1b[2J \u202egone\nnext line [bold]")
        output = pixelpair("dead", "list").stdout + pixelpair("status", code=1).stdout
        assert not any(char in output for char in "\x1b\u202e")
        assert "e[red]1:smile:" in output
        assert "?gone?next line [bold]" in output


class TestShow:
    def test_tells_all_but_the_shoppers_address(self, pixelpair: Run, some: dict[str, int]) -> None:
        output = pixelpair("dead", "show", some["new"]).stdout
        assert "203.0.113.*" in output
        assert "203.0.113.7" not in output
        assert all(words in output for words in ("1042", "bad", "r1", f"pixelpair dead replay {some['new']}"))

    def test_as_json_it_has_the_item_and_the_times(self, told: Told, some: dict[str, int]) -> None:
        answer = told("dead", "show", some["new"])
        assert answer["item"]["user"] == {"ip": "203.0.113.*"}
        assert answer["attempts"] == 1
        assert answer["first_attempt_at"] == answer["last_attempt_at"] <= now_ms()

    @pytest.mark.parametrize("number", ["0", "99", "9" * 30, "x"])
    def test_a_number_that_is_none_is_wrong_usage(self, pixelpair: Run, outbox: Outbox, number: str) -> None:
        assert "Error" in pixelpair("dead", "show", number, code=2).stderr


LATE = [
    # age, pixel, told by a browser, outcome unknown -> refused with these words
    (47 * HOUR, "sent", True, True, None),
    (49 * HOUR, "sent", True, False, COUNTED),
    (49 * HOUR, "unknown", True, False, COUNTED),
    (49 * HOUR, "blocked", True, False, None),
    (49 * HOUR, None, False, False, None),
    (49 * HOUR, None, False, True, "may have counted an earlier attempt"),
]


class TestReplay:
    def test_keeps_the_event_id_and_starts_over(self, outbox: Outbox, told: Told, die: Make) -> None:
        number = die("e1", age=HOUR)
        before = row(outbox, number)
        began = now_ms()
        assert told("dead", "replay") == {"dry_run": False, "matched": 1, "replayed": 1, "refused": []}
        after = row(outbox, number)
        assert (after.state, after.event_id, after.body) == ("waiting", "e1", before.body)
        assert (after.attempts, after.reason, after.code, after.request_id, after.expires_at) == (0, *[None] * 4)
        assert began <= after.due_at <= now_ms()
        assert (after.horizon_from, after.seen_at) == (before.horizon_from, before.seen_at)
        [claimed] = outbox.claim(before.destination, now_ms(), 9, "t", 1)
        assert (claimed.id, claimed.attempts) == (number, 1)
        assert claimed.first_attempt_at >= began, "an old first attempt would look like the event's own fault"

    def test_a_dry_run_changes_nothing(self, told: Told, outbox: Outbox, die: Make) -> None:
        number, late = die("e1", age=HOUR), die("late", age=3 * DAY)
        answer = told("dead", "replay", "--dry-run", code=1)
        assert (answer["dry_run"], answer["replayed"], answer["refused"][0]["number"]) == (True, 1, 1)
        assert row(outbox, number).state == row(outbox, late).state == "dead"

    @pytest.mark.parametrize(("age", "pixel", "browser", "unknown", "words"), LATE)
    def test_past_48_hours_only_what_tiktok_cannot_have_counted(
        self,
        outbox: Outbox,
        pixelpair: Run,
        die: Make,
        age: int,
        pixel: str | None,
        browser: bool,
        unknown: bool,
        words: str | None,
    ) -> None:
        number = die("e1", age=age, pixel=pixel, browser=browser)
        if unknown:
            with outbox.write() as connection:
                connection.exec_driver_sql("UPDATE events SET unknown_outcome = 1")
        output = pixelpair("dead", "replay", code=0 if words is None else 1).stdout
        assert row(outbox, number).state == ("waiting" if words is None else "dead")
        assert words is None or (words in output and "--force" in output)

    def test_force_sends_what_is_late_and_starts_its_48_hours_anew(self, outbox: Outbox, told: Told, die: Make) -> None:
        late, in_time = die("late", age=5 * DAY), die("in time", age=HOUR)
        with outbox.write() as connection:
            connection.exec_driver_sql("UPDATE events SET unknown_outcome = 1")
        began = now_ms()
        assert told("dead", "replay", "--force")["replayed"] == 2
        assert row(outbox, late).horizon_from >= began
        assert row(outbox, late).unknown_outcome is False
        assert row(outbox, in_time).horizon_from < began, "what is in time needs no force"
        assert row(outbox, in_time).unknown_outcome is True

    def test_withheld_events_stay_withheld(self, outbox: Outbox, told: Told, put: Make, pixelpair: Run) -> None:
        number = put("bot", state="withheld", reason="a bot")
        assert told("dead", "replay")["matched"] == 0
        assert told("dead", "list")["dead"] == []
        assert "it is withheld" in pixelpair("dead", "replay", number, code=2).stderr
        assert "it is withheld" in pixelpair("dead", "drop", number, code=2).stderr
        assert row(outbox, number).state == "withheld"

    def test_single_ones_by_their_numbers(self, outbox: Outbox, told: Told, some: dict[str, int]) -> None:
        assert told("dead", "replay", some["new"], some["uk"])["replayed"] == 2
        assert {name for name in some if row(outbox, some[name]).state == "dead"} == {"old", "value"}

    def test_numbers_and_filters_both_have_to_hold(self, outbox: Outbox, told: Told, some: dict[str, int]) -> None:
        assert told("dead", "replay", some["new"], some["uk"], "--site", "uk")["replayed"] == 1
        assert row(outbox, some["uk"]).state == "waiting"

    def test_a_number_that_is_not_dead_stops_all(self, outbox: Outbox, pixelpair: Run, die: Make, put: Make) -> None:
        dead, alive = die("e1"), put("e2")
        assert f"{alive} is no dead letter (it is waiting)" in pixelpair("dead", "replay", dead, alive, code=2).stderr
        assert "no event has this number" in pixelpair("dead", "replay", dead, "4711", code=2).stderr
        assert row(outbox, dead).state == "dead"

    def test_a_destination_that_is_gone_from_the_settings_would_never_get_it(
        self, outbox: Outbox, pixelpair: Run, die: Make
    ) -> None:
        number = die("e1", destination="gone/P1")
        assert "gone/P1 is not in the settings" in pixelpair("dead", "replay", "--force", code=1).stdout
        assert row(outbox, number).state == "dead"

    def test_an_emptied_one_cannot_be_sent(self, outbox: Outbox, pixelpair: Run, die: Make) -> None:
        number = die("e1")
        with outbox.write() as connection:
            connection.exec_driver_sql("UPDATE events SET body = ''")
        assert "no longer kept" in pixelpair("dead", "replay", "--force", code=1).stdout
        assert row(outbox, number).state == "dead"

    def test_of_many_each_goes_once_in_small_parts(
        self, outbox: Outbox, told: Told, die: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "AT_ONCE", 3)
        numbers = [die(f"e{number}") for number in range(10)]
        assert told("dead", "replay")["replayed"] == 10
        assert {row(outbox, number).state for number in numbers} == {"waiting"}


class TestDrop:
    def test_nothing_named_drops_nothing(self, outbox: Outbox, pixelpair: Run, die: Make) -> None:
        number = die("e1")
        assert "--all" in pixelpair("dead", "drop", code=2).stderr
        assert row(outbox, number).state == "dead"

    def test_a_dry_run_drops_nothing(self, outbox: Outbox, pixelpair: Run, die: Make) -> None:
        number = die("e1")
        assert "1 dead letter to be dropped" in pixelpair("dead", "drop", "--all", "--dry-run").stdout
        assert row(outbox, number).state == "dead"

    def test_others_stay(self, outbox: Outbox, pixelpair: Run, die: Make, put: Make) -> None:
        dead = die("e1")
        alive = [put("e2"), put("e3", state="withheld"), put("e4", state="delivered")]
        pixelpair("dead", "drop", "--all")
        assert find(outbox, dead) is None
        assert None not in [find(outbox, number) for number in alive]
