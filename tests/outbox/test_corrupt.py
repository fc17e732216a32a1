"""A broken file stops the start with a sentence and is left as it is; by setting it is moved aside, never deleted."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.errors import OutboxBroken, OutboxError
from proxy.events.merging import merge
from proxy.outbox import files
from proxy.outbox.entry import Entry
from proxy.outbox.open import open_outbox
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from tests.program import wait_for
from tests.rows import all_rows

NOW = 1_700_000_000_000
Make = Callable[..., Entry]


@pytest.fixture
def path(tmp_path: Path, entry: Make) -> Path:
    """A database with a backlog of several pages, closed in order."""
    path = tmp_path / "o.db"
    outbox = Outbox(Sqlite(path), merge)
    with outbox.write() as connection:
        outbox.add(connection, [entry(f"e{number}") for number in range(50)], NOW)
    outbox.close()
    return path


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def cut_within_a_page(path: Path) -> None:
    os.truncate(path, 6_000)


def overwrite(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def flip_the_magic(path: Path) -> None:
    flip(path, 3)


def flip_the_page_size(path: Path) -> None:
    flip(path, 16)


def lose_all_but_the_log(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(path.read_bytes())
    os.truncate(path, 0)


def flip(path: Path, place: int) -> None:
    held = bytearray(path.read_bytes())
    held[place] ^= 0xFF
    path.write_bytes(held)


def break_an_index(path: Path) -> None:
    """One index whose first page is rubbish: a start and most statements never see it."""
    with closing(sqlite3.connect(path)) as stranger:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'events_to_send'"
        (root,) = stranger.execute(query).fetchone()
        stranger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with closing(sqlite3.connect(path)) as stranger, stranger:  # what is cached is read anew after a commit
        stranger.execute("UPDATE facts SET value = value")


def refusal(outbox: Outbox) -> str | None:
    try:
        outbox.admit(backend=True)
    except OutboxBroken as error:
        return str(error)
    return None


def contents(path: Path) -> list[bytes]:
    """The bytes of a database and of its log, if there is one."""
    return [file.read_bytes() for file in (path, Path(f"{path}-wal")) if file.exists()]


BREAK = [cut_in_half, cut_within_a_page, overwrite, flip_the_magic, flip_the_page_size, lose_all_but_the_log]


@pytest.mark.parametrize("damage", BREAK)
class TestBrokenFile:
    def test_stops_the_start_and_is_left_alone(self, path: Path, damage: Callable[[Path], None]) -> None:
        damage(path)
        before = contents(path)
        with pytest.raises(OutboxBroken, match=r"is broken: .*on_corrupt_outbox"):
            open_outbox(f"sqlite:///{path}", merge)
        assert contents(path) == before
        assert [file.name for file in path.parent.glob("*corrupt*")] == []

    def test_is_moved_aside_by_setting(self, path: Path, damage: Callable[[Path], None], entry: Make) -> None:
        damage(path)
        before = contents(path)
        outbox = open_outbox(f"sqlite:///{path}", merge, "move_aside")
        with outbox.write() as connection:
            outbox.add(connection, [entry()], NOW)
        assert len(all_rows(outbox)) == 1
        (aside,) = (file for file in outbox.out_of_reach() if file.name.endswith("Z"))
        assert contents(aside) == before
        outbox.close()


def test_a_sound_file_is_not_moved(path: Path) -> None:
    outbox = open_outbox(f"sqlite:///{path}", merge, "move_aside")
    assert (len(all_rows(outbox)), outbox.out_of_reach()) == (50, [])
    outbox.close()


def test_what_another_start_has_put_in_its_place_is_not_moved(path: Path) -> None:
    assert files.move_aside(path, path.stat().st_ino + 1) is None
    assert path.exists()


def test_under_a_running_keeper_nothing_is_moved(path: Path) -> None:
    keeper = Outbox(Sqlite(path), merge)
    keeper.become_keeper()
    keeper.counts()
    overwrite(path)
    with pytest.raises(OutboxError, match="stop that first"):
        open_outbox(f"sqlite:///{path}", merge, "move_aside")
    assert path.exists()
    keeper.close()


@pytest.mark.parametrize("place", range(100))
def test_no_flipped_byte_of_the_header_loses_anything(path: Path, place: int) -> None:
    flip(path, place)
    before = path.read_bytes()
    try:
        outbox = Outbox(Sqlite(path), merge)
    except OutboxError:
        flip(path, place)
        assert path.read_bytes()[100:] == before[100:]
        outbox = Outbox(Sqlite(path), merge)
    assert len(all_rows(outbox)) == 50
    outbox.close()


def test_of_a_log_cut_short_everything_before_the_cut_is_there(tmp_path: Path, entry: Make) -> None:
    path, found = tmp_path / "o.db", tmp_path / "found" / "o.db"
    outbox = Outbox(Sqlite(path), merge)
    sizes = []
    for number in range(20):
        with outbox.write() as connection:
            outbox.add(connection, [entry(f"e{number}")], NOW)
        sizes.append(Path(f"{path}-wal").stat().st_size)
    found.parent.mkdir()
    for part in ("", "-wal"):
        Path(f"{found}{part}").write_bytes(Path(f"{path}{part}").read_bytes())
    outbox.close()
    os.truncate(f"{found}-wal", sizes[11] + 1_000)
    after = Outbox(Sqlite(found), merge)
    assert [row.event_id for row in all_rows(after)] == [f"e{number}" for number in range(12)]
    after.close()


class TestFoundUnderWay:
    """Two openings of one file know as little of each other as two processes do."""

    @pytest.fixture
    def found(self, path: Path) -> Iterator[tuple[Outbox, Outbox]]:
        """Who found the file broken in an index, and who goes on without having met that."""
        finder, other = Outbox(Sqlite(path), merge), Outbox(Sqlite(path), merge)
        other.admit(backend=True)
        finder.admit(backend=True)
        break_an_index(path)
        with pytest.raises(OutboxBroken):
            finder.claim("shop/P1", NOW, 9, "t", 1)
        yield finder, other
        other.close()
        finder.close()

    def test_it_shuts_every_process(self, found: tuple[Outbox, Outbox], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("proxy.outbox.place.LOOK_SECONDS", 0.0)
        told = []
        for outbox in found:
            told.append(wait_for(lambda outbox=outbox: refusal(outbox)))  # type: ignore[misc]
        assert told[0] == told[1]
        assert "is broken: database disk image is malformed. Keep the file" in str(told[1])

    def test_the_mark_is_its_owners_alone(self, path: Path, found: tuple[Outbox, Outbox]) -> None:
        mark = Path(f"{path}-broken")
        assert mark.stat().st_mode & 0o777 == 0o600
        assert mark.read_text().split()[0] == str(path.stat().st_ino)

    def test_a_start_that_would_not_see_it_is_refused(self, path: Path, found: tuple[Outbox, Outbox]) -> None:
        for _ in range(2):
            with pytest.raises(OutboxBroken, match=r"is broken: .*on_corrupt_outbox"):
                open_outbox(f"sqlite:///{path}", merge)

    def test_moved_aside_it_leaves_no_mark(self, path: Path, found: tuple[Outbox, Outbox], entry: Make) -> None:
        outbox = open_outbox(f"sqlite:///{path}", merge, "move_aside")
        outbox.admit(backend=True)
        assert all_rows(outbox) == []
        assert len([file for file in outbox.out_of_reach() if file.name.endswith("Z")]) == 1
        assert not Path(f"{path}-broken").exists()
        outbox.close()


def test_a_copy_written_over_the_broken_file_starts_and_takes_the_mark_away(path: Path) -> None:
    sound = path.read_bytes()
    outbox = Outbox(Sqlite(path), merge)
    break_an_index(path)
    with pytest.raises(OutboxBroken):
        outbox.claim("shop/P1", NOW, 9, "t", 1)
    outbox.close()
    inode = path.stat().st_ino
    path.write_bytes(sound)
    assert path.stat().st_ino == inode
    again = open_outbox(f"sqlite:///{path}", merge)
    again.admit(backend=True)
    assert len(all_rows(again)) == 50
    assert not Path(f"{path}-broken").exists()
    again.close()


@pytest.mark.parametrize(("another", "refused"), [(0, "it is broken"), (1, None)])
def test_a_mark_speaks_of_one_file_alone(
    path: Path, another: int, refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.outbox.place.LOOK_SECONDS", 0.0)
    outbox = Outbox(Sqlite(path), merge)
    outbox.admit(backend=True)
    files.mark_broken(path, path.stat().st_ino + another, "it is broken")
    assert refusal(outbox) == refused
    outbox.close()


def test_missing_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    open_outbox(f"sqlite:///{tmp_path}/a/b/o.db", merge).close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(OutboxError, match="make the folder writable"):
        Sqlite(tmp_path / "closed" / "o.db")
